// Divergence to and from JSON text, for the store of finished work.
#include <nlohmann/json.hpp>

#include "base/figure_json.h"
#include "quality/quality.h"

namespace bw::quality {
namespace {
using json = nlohmann::ordered_json;

constexpr std::pair<const char*, Figure Divergence::*> figures[] = {
    {"kld_mean", &Divergence::kld_mean},
    {"kld_median", &Divergence::kld_median},
    {"kld_p90", &Divergence::kld_p90},
    {"kld_p99", &Divergence::kld_p99},
    {"kld_max", &Divergence::kld_max},
    {"same_top", &Divergence::same_top},
    {"reference_ppl", &Divergence::reference_ppl},
    {"candidate_ppl", &Divergence::candidate_ppl},
    {"ppl_ratio", &Divergence::ppl_ratio}};

Error unreadable(const std::string& why) {
  return failed("saved divergence cannot be read: " + why, "start without --resume, or remove the store");
}
}  // namespace

std::string to_json(const Divergence& d) {
  json j{{"n_positions", d.n_positions}, {"n_non_finite", d.n_non_finite}};
  for (const auto& [name, member] : figures) j[name] = json_of(d.*member);
  return j.dump();
}

Result<Divergence> divergence_from_json(const std::string& text) {
  try {
    const json j = json::parse(text);
    Divergence d;
    d.n_positions = j.at("n_positions").get<uint64_t>();
    d.n_non_finite = j.at("n_non_finite").get<uint64_t>();
    for (const auto& [name, member] : figures) {
      auto f = figure_of(j.at(name));
      if (!f) return unreadable(std::string(name) + ": " + f.error().what);
      d.*member = *std::move(f);
    }
    return d;
  } catch (const std::exception& e) {
    return unreadable(e.what());
  }
}

}  // namespace bw::quality
