// Figures as JSON, the one way: {value, unit, birth, low, high, n, reason}; the last four only where they are
// set.
#pragma once
#include <nlohmann/json.hpp>

#include "base/figure.h"

namespace bw::cli {

inline nlohmann::ordered_json json_of(const Figure& f) {
  nlohmann::ordered_json j;
  if (f.known())
    j["value"] = f.value;
  else
    j["value"] = nullptr;
  j["unit"] = f.unit;
  j["birth"] = name(f.birth);
  if (f.low) j["low"] = *f.low;
  if (f.high) j["high"] = *f.high;
  if (f.n) j["n"] = *f.n;
  if (!f.reason.empty()) j["reason"] = f.reason;
  return j;
}

}  // namespace bw::cli
