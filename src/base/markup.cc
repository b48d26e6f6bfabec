#include "base/markup.h"

#include <fmt/format.h>

namespace bw {
namespace {

// One character from the front. Not UTF-8 (overlong, surrogate, cut): one byte, `valid` false.
struct Character {
  uint32_t c = 0;
  size_t n = 1;
  bool valid = true;
};
Character character(std::string_view s) {
  const auto at = [&](size_t i) { return uint32_t(static_cast<unsigned char>(s[i])); };
  const uint32_t first = at(0);
  if (first < 0x80) return {first, 1, true};
  const size_t n = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
  if (first < 0xC2 || first > 0xF4 || s.size() < n) return {first, 1, false};
  uint32_t c = first & (0x7Fu >> n);
  for (size_t i = 1; i < n; ++i) {
    if ((at(i) & 0xC0) != 0x80) return {first, 1, false};
    c = c << 6 | (at(i) & 0x3F);
  }
  const bool overlong = (n == 3 && c < 0x800) || (n == 4 && c < 0x10000);
  if (overlong || (c >= 0xD800 && c < 0xE000) || c > 0x10FFFF) return {first, 1, false};
  return {c, n, true};
}

bool is_control(uint32_t c) {
  return (c < 0x20 && c != '\n' && c != '\t') || (c >= 0x7F && c < 0xA0);
}
bool is_hidden(uint32_t c) {
  if (c < 0xAD) return is_control(c);
  struct Range {
    uint32_t first, last;
  };
  static constexpr Range ranges[] = {
      {0xAD, 0xAD},     {0x34F, 0x34F},     {0x61C, 0x61C},     {0x115F, 0x1160},
      {0x17B4, 0x17B5}, {0x180B, 0x180F},   {0x200B, 0x200F},   {0x2028, 0x202E},
      {0x2060, 0x206F}, {0x3164, 0x3164},   {0xFEFF, 0xFEFF},   {0xFFA0, 0xFFA0},
      {0xFFF0, 0xFFFB}, {0x1BCA0, 0x1BCA3}, {0x1D173, 0x1D17A}, {0xE0000, 0xE0FFF}};
  for (const Range& r : ranges)
    if (c >= r.first && c <= r.last) return true;
  return false;
}

enum class Form { html, attribute, editable, terminal };

void mark(std::string& out, Form form, const std::string& name) {
  if (form == Form::html)
    out += "<span class=\"mark\">⟨" + name + "⟩</span>";
  else
    out += "⟨" + name + "⟩";
}

std::string shown(std::string_view s, Form form) {
  std::string out;
  out.reserve(s.size() + s.size() / 8);
  while (!s.empty()) {
    const Character k = character(s);
    const std::string_view bytes = s.substr(0, k.n);
    s.remove_prefix(k.n);
    if (form == Form::editable && (!k.valid || is_control(k.c))) {
      out += "\xEF\xBF\xBD";
    } else if (!k.valid) {
      mark(out, form, fmt::format("byte {:02X}", k.c));
    } else if (form != Form::editable && is_hidden(k.c)) {
      mark(out, form, fmt::format("U+{:04X}", k.c));
    } else if (form == Form::terminal) {
      out += bytes;
    } else {
      switch (k.c) {
        case '&':
          out += "&amp;";
          break;
        case '<':
          out += "&lt;";
          break;
        case '>':
          out += "&gt;";
          break;
        case '"':
          out += "&quot;";
          break;
        case '\'':
          out += "&#39;";
          break;
        default:
          out += bytes;
      }
    }
  }
  return out;
}

}  // namespace

std::string html_text(std::string_view s) {
  return shown(s, Form::html);
}
std::string html_attribute(std::string_view s) {
  return shown(s, Form::attribute);
}
std::string html_editable(std::string_view s) {
  return shown(s, Form::editable);
}
std::string terminal_text(std::string_view s) {
  return shown(s, Form::terminal);
}

size_t n_hidden(std::string_view s) {
  size_t n = 0;
  while (!s.empty()) {
    const Character k = character(s);
    s.remove_prefix(k.n);
    n += !k.valid || is_hidden(k.c);
  }
  return n;
}
bool is_utf8(std::string_view s) {
  while (!s.empty()) {
    const Character k = character(s);
    if (!k.valid) return false;
    s.remove_prefix(k.n);
  }
  return true;
}

}  // namespace bw
