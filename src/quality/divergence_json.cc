// Divergence to and from JSON text, for the store of finished work.
#include <nlohmann/json.hpp>

#include "quality/quality.h"

namespace bw::quality {
namespace {
using nlohmann::json;

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

json figure(const Figure& f) {
  json j{{"unit", f.unit}, {"birth", int(f.birth)}, {"reason", f.reason}};
  if (f.known()) j["value"] = f.value;
  if (f.low) j["low"] = *f.low;
  if (f.high) j["high"] = *f.high;
  if (f.n) j["n"] = *f.n;
  return j;
}
Figure figure(const json& j) {
  Figure f;
  f.unit = j.at("unit").get<std::string>();
  const int birth = j.at("birth").get<int>();
  if (birth < 0 || birth > int(Birth::unknown)) throw std::out_of_range("birth");
  f.birth = Birth(birth);
  f.reason = j.at("reason").get<std::string>();
  if (f.known()) f.value = j.at("value").get<double>();
  if (j.contains("low")) f.low = j["low"].get<double>();
  if (j.contains("high")) f.high = j["high"].get<double>();
  if (j.contains("n")) f.n = j["n"].get<int64_t>();
  return f;
}
}  // namespace

std::string to_json(const Divergence& d) {
  json j{{"n_positions", d.n_positions}, {"n_non_finite", d.n_non_finite}};
  for (const auto& [name, member] : figures) j[name] = figure(d.*member);
  return j.dump();
}

Result<Divergence> divergence_from_json(const std::string& text) {
  try {
    const json j = json::parse(text);
    Divergence d;
    d.n_positions = j.at("n_positions").get<uint64_t>();
    d.n_non_finite = j.at("n_non_finite").get<uint64_t>();
    for (const auto& [name, member] : figures) d.*member = figure(j.at(name));
    return d;
  } catch (const std::exception& e) {
    return failed(std::string("saved divergence cannot be read: ") + e.what(),
                  "start without --resume, or remove the store");
  }
}

}  // namespace bw::quality
