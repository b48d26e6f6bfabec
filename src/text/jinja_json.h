// JSON to values and back: the caller's context comes in here, and the tojson filter goes out.
// In: JSON text. Out: values whose every text is untrusted; or Python's json.dumps of a value, marks kept.
#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "text/jinja_value.h"

namespace bw::text::jinja {

// `trusted_keys`: texts directly under these keys of the outermost object are trusted (bos_token, eos_token).
// Objects keep their order; of equal keys the last one counts, as in Python. Integers beyond 64 bits are
// refused.
Result<Value> from_json(Meter& m, std::string_view json,
                        std::initializer_list<std::string_view> trusted_keys);

struct JsonStyle {
  bool ascii = false;
  std::optional<std::string> indent;  // of one level
  MarkedText between{", ", false}, after_key{": ", false};
  bool sort_keys = false;
};
Result<MarkedText> to_json(Meter& m, const Value& v, const JsonStyle& style);

}  // namespace bw::text::jinja
