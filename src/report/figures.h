// Figures of the record in a person's units: bytes as MiB, shares as per cent, always with the birth.
#pragma once
#include <nlohmann/json_fwd.hpp>
#include <string>

namespace bw::report {

// "409.3 MiB measured", "78.7 % measured [76.1, 81.0]", "unknown(no reference)".
std::string show(const nlohmann::ordered_json& figure);
// The same without the interval, for tight places.
std::string show_short(const nlohmann::ordered_json& figure);
// "first token, p95" for ttft_p95_ms; the key itself where there is no better word.
std::string label(const std::string& key);

}  // namespace bw::report
