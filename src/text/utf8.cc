#include "text/utf8.h"

namespace bw::text {
namespace {
bool continues(std::string_view s, size_t at, unsigned char low = 0x80, unsigned char high = 0xBF) {
  return at < s.size() && static_cast<unsigned char>(s[at]) >= low &&
         static_cast<unsigned char>(s[at]) <= high;
}
char32_t bits(std::string_view s, size_t at) {
  return static_cast<unsigned char>(s[at]) & 0x3F;
}
}  // namespace

CodePoint code_point(std::string_view s, size_t at) {
  const auto b = static_cast<unsigned char>(s[at]);
  if (b < 0x80) return {b, 1, true};
  if (b >= 0xC2 && b <= 0xDF && continues(s, at + 1))
    return {(static_cast<char32_t>(b & 0x1F) << 6) | bits(s, at + 1), 2, true};
  if (b >= 0xE0 && b <= 0xEF) {
    // Overlong forms (E0 80..9F) and surrogates (ED A0..BF) are not well formed.
    const unsigned char low = b == 0xE0 ? 0xA0 : 0x80, high = b == 0xED ? 0x9F : 0xBF;
    if (continues(s, at + 1, low, high) && continues(s, at + 2))
      return {(static_cast<char32_t>(b & 0x0F) << 12) | (bits(s, at + 1) << 6) | bits(s, at + 2), 3, true};
  }
  if (b >= 0xF0 && b <= 0xF4) {
    const unsigned char low = b == 0xF0 ? 0x90 : 0x80, high = b == 0xF4 ? 0x8F : 0xBF;
    if (continues(s, at + 1, low, high) && continues(s, at + 2) && continues(s, at + 3))
      return {(static_cast<char32_t>(b & 0x07) << 18) | (bits(s, at + 1) << 12) | (bits(s, at + 2) << 6) |
                  bits(s, at + 3),
              4, true};
  }
  return {0xFFFD, 1, false};
}

void append_utf8(std::string& out, char32_t c) {
  if (c < 0x80) {
    out += static_cast<char>(c);
  } else if (c < 0x800) {
    out += static_cast<char>(0xC0 | (c >> 6));
    out += static_cast<char>(0x80 | (c & 0x3F));
  } else if (c < 0x10000) {
    out += static_cast<char>(0xE0 | (c >> 12));
    out += static_cast<char>(0x80 | ((c >> 6) & 0x3F));
    out += static_cast<char>(0x80 | (c & 0x3F));
  } else {
    out += static_cast<char>(0xF0 | (c >> 18));
    out += static_cast<char>(0x80 | ((c >> 12) & 0x3F));
    out += static_cast<char>(0x80 | ((c >> 6) & 0x3F));
    out += static_cast<char>(0x80 | (c & 0x3F));
  }
}

size_t find_invalid_utf8(std::string_view s) {
  for (size_t at = 0; at < s.size();) {
    const CodePoint c = code_point(s, at);
    if (!c.valid) return at;
    at += c.n_bytes;
  }
  return std::string_view::npos;
}

bool is_ascii(std::string_view s) {
  for (const char c : s)
    if (static_cast<unsigned char>(c) >= 0x80) return false;
  return true;
}

bool is_space(char32_t c, bool python) {
  if (c <= 0x20) return c == 0x20 || (c >= 0x09 && c <= 0x0D) || (python && c >= 0x1C && c <= 0x1F);
  return c == 0x85 || c == 0xA0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200A) || c == 0x2028 ||
         c == 0x2029 || c == 0x202F || c == 0x205F || c == 0x3000;
}

}  // namespace bw::text
