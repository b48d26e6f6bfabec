// Cases to and from the store.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/hash.h"
#include "base/version.h"
#include "quality/degradation.h"

namespace bw::quality {
namespace {
using nlohmann::json;
constexpr int case_version = 2;  // raise when a saved case would mean something else
}  // namespace

std::string case_key(const std::string& deployment_digest, const tasks::Suite& suite,
                     const tasks::Item& item) {
  return sha256_hex(fmt::format("case {}\n{}\n{}\n{}\n{}\n{}\ngreedy {}", case_version, numerics,
                                deployment_digest, suite.name(), suite.digest(), item.id,
                                suite.max_output_tokens()));
}

// The text stands there to be read by people; bytes that are not UTF-8 are replaced. The tokens are what is
// used.
std::string to_json(const CaseResult& c) {
  const json j{{"id", c.id},
               {"category", c.category},
               {"group", c.group},
               {"output", c.output},
               {"tokens", c.tokens},
               {"after", c.after},
               {"accepted", c.accepted},
               {"truth", c.truth},
               {"score", c.score},
               {"detail", c.detail},
               {"seconds", c.seconds},
               {"n_draft_accepted", c.n_draft_accepted}};
  return j.dump(-1, ' ', false, json::error_handler_t::replace);
}

Result<CaseResult> case_from_json(const std::string& text, const TextSide& side) {
  try {
    const json j = json::parse(text);
    CaseResult c;
    c.id = j.at("id").get<std::string>();
    c.category = j.at("category").get<std::string>();
    c.group = j.at("group").get<std::string>();
    c.tokens = j.at("tokens").get<std::vector<text::Token>>();
    c.after = j.at("after").get<text::Token>();
    c.output = side.decode(c.tokens, c.after);
    c.accepted = j.at("accepted").get<bool>();
    c.truth = j.at("truth").get<bool>();
    c.score = j.at("score").get<double>();
    c.detail = j.at("detail").get<std::string>();
    c.seconds = j.at("seconds").get<double>();
    c.n_draft_accepted = j.at("n_draft_accepted").get<uint32_t>();
    c.n_output_tokens = uint32_t(c.tokens.size());
    return c;
  } catch (const std::exception& e) {
    return failed(std::string("a saved case cannot be read: ") + e.what(),
                  "start without --resume, or remove the store of finished cases");
  }
}

}  // namespace bw::quality
