// A figure as JSON, the one form, in the record, in what commands print and between processes
// (docs/record.md):
//   {"value": number or null, "unit", "birth": name(Birth), "low", "high", "n": number or null, "reason"}
// Every key is there, value is null exactly where birth is unknown, and then reason is not empty.
#pragma once
#include <nlohmann/json_fwd.hpp>

#include "base/figure.h"
#include "base/result.h"

namespace bw {

// A value that is not finite is written as unknown, a bound that is not finite as null: JSON has neither.
nlohmann::ordered_json json_of(const Figure& f);
// Gives back what json_of wrote, to the bit. Error (bad_input) names the key that breaks the form.
Result<Figure> figure_of(const nlohmann::ordered_json& j);

}  // namespace bw
