// JSON of strangers, looked at before it is parsed: its nesting, its size, and keys that stand twice, which
// readers settle in different ways. In: text. Out: nothing, or what is wrong with it and where. Source: RFC
// 8259 (a parser may set limits on depth and size; names should be unique).
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace bw {

struct JsonLimits {
  uint32_t max_depth = 64;         // arrays and objects open at once
  uint32_t max_members = 20'000;   // keys in the whole text: objects that keep their order are slow to fill
  uint32_t max_key_bytes = 4'096;  // of one key
};

struct JsonFault {
  enum class What { not_json, too_deep, too_many_members, duplicate_key } what = What::not_json;
  std::string where;    // "messages[1].content"; empty: the text itself
  std::string message;  // whole: "not JSON at byte 17 (line 1, column 18)"
};

// Text that is not well-formed UTF-8 is not JSON, and neither are NaN, numbers beyond binary64 and lone
// surrogates.
std::optional<JsonFault> check_json(std::string_view text, const JsonLimits& limits = {});

}  // namespace bw
