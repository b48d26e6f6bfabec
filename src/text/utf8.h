// UTF-8 one code point at a time, tolerant: a byte that starts no well-formed sequence is a unit of its own.
// In: bytes. Out: code points and their lengths. Source: RFC 3629; Unicode table 3-7 (well-formed sequences).
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace bw::text {

struct CodePoint {
  char32_t value = 0;   // U+FFFD where the byte is not well formed
  uint8_t n_bytes = 1;  // bytes of the input it covers
  bool valid = true;
};

// The code point at `at` < bytes.size().
CodePoint code_point(std::string_view bytes, size_t at);
void append_utf8(std::string& out, char32_t value);
// Offset of the first byte that starts no well-formed sequence, or npos.
size_t find_invalid_utf8(std::string_view bytes);
bool is_ascii(std::string_view bytes);
// Unicode White_Space, which is also what Python's str.isspace and the pre-tokenizers' \s mean; Python adds
// U+001C..U+001F, which `python` asks for.
bool is_space(char32_t c, bool python);

}  // namespace bw::text
