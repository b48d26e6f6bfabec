// Text of a quantity -> a number in the unit asked for: "1.5 GiB", "2 s", "35 %". And the nearest of some
// names. In: text and unit. Out: the value, or what is accepted.
#pragma once
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"

namespace bw::scenario {

// unit: "bytes", "ms", "s", "share", or another, which takes a bare number only. Error.what: what was
// expected.
Result<double> quantity(std::string_view text, std::string_view unit);
// The name at the least edit distance (insert, delete, replace, swap of neighbours); "" where none is near
// enough to be meant (more than a third of the letters away).
std::string nearest(std::string_view word, std::span<const std::string> names);

}  // namespace bw::scenario
