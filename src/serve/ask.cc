// An Ask as JSON and back.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "serve/entries.h"
#include "serve/life.h"

namespace bw::serve {
using nlohmann::json;

std::string ask_json(const backend::Ask& a) {
  json j;
  if (!a.messages_json.empty())
    j["messages"] = json::parse(a.messages_json, nullptr, false);
  else if (a.tokens)
    j["tokens"] = *a.tokens;
  else
    j["prompt"] = a.prompt;
  j["max_tokens"] = a.max_tokens;
  const engine::SamplerOptions& s = a.sampler;
  // A seed is 64 bits, which many JSON readers do not hold as a number.
  j["sampler"] = {{"temperature", s.temperature},
                  {"top_k", s.top_k},
                  {"top_p", s.top_p},
                  {"min_p", s.min_p},
                  {"typical", s.typical},
                  {"seed", fmt::format("{}", s.seed)},
                  {"sample_index", s.sample_index},
                  {"repeat_penalty", s.repeat_penalty},
                  {"repeat_window", s.repeat_window},
                  {"frequency_penalty", s.frequency_penalty},
                  {"presence_penalty", s.presence_penalty}};
  for (const engine::LogitBias& b : s.bias) j["sampler"]["bias"].push_back({b.token, b.bias});
  if (!a.stop.empty()) j["stop"] = a.stop;
  if (a.grammar) j["schema"] = a.schema;
  return line_of(j);
}

Result<backend::Ask> ask_of_json(std::string_view text) {
  try {
    const json j = json::parse(text);
    backend::Ask a;
    if (j.contains("messages"))
      a.messages_json = j.at("messages").dump();
    else if (j.contains("tokens"))
      a.tokens = j.at("tokens").get<std::vector<text::Token>>();
    else
      a.prompt = j.at("prompt").get<std::string>();
    a.max_tokens = j.at("max_tokens").get<uint32_t>();
    const json& s = j.at("sampler");
    engine::SamplerOptions& o = a.sampler;
    o.temperature = s.at("temperature").get<float>();
    o.top_k = s.at("top_k").get<uint32_t>();
    o.top_p = s.at("top_p").get<float>();
    o.min_p = s.at("min_p").get<float>();
    o.typical = s.at("typical").get<float>();
    o.seed = std::stoull(s.at("seed").get<std::string>());
    o.sample_index = s.at("sample_index").get<uint32_t>();
    o.repeat_penalty = s.at("repeat_penalty").get<float>();
    o.repeat_window = s.at("repeat_window").get<uint32_t>();
    o.frequency_penalty = s.at("frequency_penalty").get<float>();
    o.presence_penalty = s.at("presence_penalty").get<float>();
    for (const json& b : s.value("bias", json::array()))
      o.bias.push_back({b.at(0).get<text::Token>(), b.at(1).get<float>()});
    a.stop = j.value("stop", std::vector<std::string>());
    if (j.contains("schema")) {
      a.schema = j.at("schema").get<std::string>();
      if (a.schema.empty()) {
        a.grammar = grammar::Grammar::any_object();
      } else {
        BW_TRY(a.grammar, grammar::Grammar::from_schema(a.schema));
      }
    }
    return a;
  } catch (const std::exception& e) {
    return bad_input(fmt::format("the kept text of a request: {}", e.what()),
                     "it was not written by this program; the log's digest says whether it was changed");
  }
}

}  // namespace bw::serve
