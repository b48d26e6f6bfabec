// Figures in a person's units: bytes as MiB, shares as per cent, always with the birth.
#pragma once
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "base/figure.h"

namespace bw::report {

// A figure of the record; one that breaks the form (docs/record.md) is unknown, and the reason says how.
Figure read(const nlohmann::ordered_json& figure);
// "409.3 MiB measured", "78.7 % measured [76.1, 81.0]", "unknown(no reference)".
std::string show(const Figure& figure);
// The same without the interval, for tight places.
std::string show_short(const Figure& figure);
// "first token, p95" for ttft_p95_ms; the key itself where there is no better word.
std::string label(const std::string& key);

}  // namespace bw::report
