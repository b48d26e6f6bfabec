// What a schema's reader says of a value that is wrong or not enforced: where it stands, and why. In: the
// value. Out: an Error.
#pragma once
#include <fmt/format.h>

#include <string_view>

#include "base/result.h"
#include "grammar/json.h"

namespace bw::grammar {

inline constexpr uint32_t max_multiple = 10'000;  // what multipleOf may come to

inline std::string place(const Json& v) {
  return "#" + v.pointer();
}
inline Error expected(const Json& v, std::string_view what) {
  return bad_input(fmt::format("{}: expected {}", place(v), what));
}
inline Error refused(const Json& v, std::string_view what) {
  return bad_input(fmt::format("{}: {}", place(v), what), "docs/json-schema.md lists what is enforced");
}

}  // namespace bw::grammar
