#include "text/jinja_lexer.h"

#include <array>

#include "text/utf8.h"

namespace bw::text::jinja {

std::string describe(Position at) {
  return "line " + std::to_string(at.line) + ", column " + std::to_string(at.column);
}

namespace {

bool digit(char c) {
  return c >= '0' && c <= '9';
}
bool name_start(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
         static_cast<unsigned char>(c) >= 0x80;
}

// \r\n and \r become \n; one newline at the very end goes.
std::string normalised(std::string_view source) {
  std::string out;
  out.reserve(source.size());
  for (size_t i = 0; i < source.size(); ++i) {
    if (source[i] != '\r') {
      out += source[i];
    } else {
      out += '\n';
      if (i + 1 < source.size() && source[i + 1] == '\n') ++i;
    }
  }
  if (!out.empty() && out.back() == '\n') out.pop_back();
  return out;
}

// Bytes of `s` before its trailing white space.
size_t trimmed(std::string_view s) {
  size_t end = 0;
  for (size_t at = 0; at < s.size();) {
    const CodePoint c = code_point(s, at);
    at += c.n_bytes;
    if (!is_space(c.value, true)) end = at;
  }
  return end;
}

class Lexer {
 public:
  explicit Lexer(std::string source) : s_(std::move(source)) {}

  Result<std::vector<Token>> run() {
    while (at_ < s_.size()) {
      const size_t open = next_tag(at_);
      if (open == std::string::npos) {
        data(std::string_view(s_).substr(at_), 0, false);
        at_ = s_.size();
        break;
      }
      BW_CHECK(tag(open));
    }
    add(Tok::end, "", at_);
    return std::move(out_);
  }

 private:
  size_t next_tag(size_t from) const {
    for (size_t i = s_.find('{', from); i != std::string::npos && i + 1 < s_.size(); i = s_.find('{', i + 1))
      if (s_[i + 1] == '{' || s_[i + 1] == '%' || s_[i + 1] == '#') return i;
    return std::string::npos;
  }

  Position position(size_t at) {  // called with ascending offsets
    for (; seen_ < at; ++seen_) {
      ++here_.column;
      if (s_[seen_] == '\n') here_ = {here_.line + 1, 1};
    }
    return here_;
  }
  void add(Tok kind, std::string text, size_t at) { out_.push_back({kind, std::move(text), position(at)}); }
  Error wrong(size_t at, const std::string& what) {
    return bad_input("chat template: " + describe(position(at)) + ": " + what);
  }

  // Template text before a tag; `sign` is the one after the tag's brace, `lstrip` whether lstrip_blocks
  // applies.
  void data(std::string_view text, char sign, bool lstrip) {
    const size_t begin = at_;
    if (sign == '-') {
      text = text.substr(0, trimmed(text));
    } else if (sign != '+' && lstrip) {
      const size_t newline = text.rfind('\n');
      const size_t line = newline == std::string_view::npos ? 0 : newline + 1;
      if ((line > 0 || at_line_start_) && trimmed(text.substr(line)) == 0) text = text.substr(0, line);
    }
    if (!text.empty()) add(Tok::data, std::string(text), begin);
  }

  void skip_space() {
    while (at_ < s_.size()) {
      const CodePoint c = code_point(s_, at_);
      if (!is_space(c.value, true)) break;
      at_ += c.n_bytes;
    }
  }

  // After a tag has closed with `sign` before its brace: what of the following white space goes with it.
  void after(char sign, bool trim_newline) {
    if (sign == '-')
      skip_space();
    else if (sign != '+' && trim_newline && at_ < s_.size() && s_[at_] == '\n')
      ++at_;
    at_line_start_ = at_ > 0 && s_[at_ - 1] == '\n';
  }

  Status tag(size_t open) {
    const char type = s_[open + 1];
    const char sign =
        open + 2 < s_.size() && (s_[open + 2] == '-' || s_[open + 2] == '+') ? s_[open + 2] : '\0';
    data(std::string_view(s_).substr(at_, open - at_), sign, type != '{');
    at_ = open + 2 + (sign ? 1 : 0);
    at_line_start_ = false;
    if (type == '#') return comment(open);
    if (type == '%') {
      BW_TRY(const bool was_raw, raw(open));
      if (was_raw) return {};
    }
    add(type == '{' ? Tok::output_begin : Tok::block_begin, "", open);
    return code(type == '{', open);
  }

  Status comment(size_t open) {
    const size_t close = s_.find("#}", at_);
    if (close == std::string::npos) return wrong(open, "the comment is not closed by #}");
    const char sign = close > at_ && (s_[close - 1] == '-' || s_[close - 1] == '+') ? s_[close - 1] : '\0';
    at_ = close + 2;
    after(sign, true);
    return {};
  }

  // {% NAME %} at `at`, as raw and endraw are written; npos, or the offset behind it. `sign` is the closing
  // one.
  size_t bare_tag(size_t at, std::string_view name, char& sign) const {
    while (at < s_.size() && is_space(static_cast<unsigned char>(s_[at]), true)) ++at;
    if (s_.compare(at, name.size(), name) != 0) return std::string::npos;
    at += name.size();
    while (at < s_.size() && is_space(static_cast<unsigned char>(s_[at]), true)) ++at;
    sign = at < s_.size() && (s_[at] == '-' || s_[at] == '+') ? s_[at++] : '\0';
    return s_.compare(at, 2, "%}") == 0 ? at + 2 : std::string::npos;
  }

  Result<bool> raw(size_t open) {
    char sign = 0;
    const size_t begin = bare_tag(at_, "raw", sign);
    if (begin == std::string::npos || sign == '+') return false;
    at_ = begin;
    after(sign, false);
    for (size_t close = s_.find("{%", at_); close != std::string::npos; close = s_.find("{%", close + 1)) {
      const char own =
          close + 2 < s_.size() && (s_[close + 2] == '-' || s_[close + 2] == '+') ? s_[close + 2] : '\0';
      const size_t end = bare_tag(close + 2 + (own ? 1 : 0), "endraw", sign);
      if (end == std::string::npos) continue;
      data(std::string_view(s_).substr(at_, close - at_), own, true);
      at_ = end;
      after(sign, true);
      return true;
    }
    return wrong(open, "the raw block is not closed by {% endraw %}");
  }

  Status code(bool output, size_t open) {
    const std::string_view close = output ? "}}" : "%}";
    std::string brackets;
    while (true) {
      skip_space();
      if (at_ >= s_.size()) return wrong(open, "the tag is not closed by " + std::string(close));
      if (brackets.empty()) {
        const char sign = s_[at_] == '-' || (s_[at_] == '+' && !output) ? s_[at_] : '\0';
        if (s_.compare(at_ + (sign ? 1 : 0), 2, close) == 0) {
          add(output ? Tok::output_end : Tok::block_end, std::string(close), at_);
          at_ += 2 + (sign ? 1 : 0);
          after(sign, !output);
          return {};
        }
      }
      const char c = s_[at_];
      if (digit(c)) {
        BW_CHECK(number());
      } else if (name_start(c)) {
        const size_t begin = at_;
        while (at_ < s_.size() && (name_start(s_[at_]) || digit(s_[at_]))) ++at_;
        add(Tok::name, s_.substr(begin, at_ - begin), begin);
      } else if (c == '\'' || c == '"') {
        BW_CHECK(quoted());
      } else {
        BW_CHECK(op(brackets));
      }
    }
  }

  Status op(std::string& brackets) {
    static constexpr std::array two = {"**", "//", "==", "!=", ">=", "<="};
    size_t n = 0;
    for (const char* t : two)
      if (s_.compare(at_, 2, t) == 0) n = 2;
    if (n == 0 && std::string_view("+-/*%~[](){}><=.:|,;").find(s_[at_]) != std::string_view::npos) n = 1;
    if (n == 0)
      return wrong(at_, "unexpected character '" + s_.substr(at_, code_point(s_, at_).n_bytes) + "'");
    const char c = s_[at_];
    if (n == 1 && (c == '(' || c == '[' || c == '{')) brackets += c == '(' ? ')' : c == '[' ? ']' : '}';
    if (n == 1 && (c == ')' || c == ']' || c == '}')) {
      if (brackets.empty() || brackets.back() != c)
        return wrong(at_,
                     "unexpected '" + std::string(1, c) + "'" +
                         (brackets.empty() ? "" : ", expected '" + std::string(1, brackets.back()) + "'"));
      brackets.pop_back();
    }
    add(Tok::op, s_.substr(at_, n), at_);
    at_ += n;
    return {};
  }

  // Digits with single underscores between them.
  std::string digits(const char* allowed) {
    std::string out;
    const std::string_view set = allowed;
    while (at_ < s_.size()) {
      if (s_[at_] == '_' && !out.empty() && at_ + 1 < s_.size() &&
          set.find(s_[at_ + 1]) != std::string_view::npos)
        ++at_;
      if (set.find(s_[at_]) == std::string_view::npos) break;
      out += s_[at_++];
    }
    return out;
  }

  Status number() {
    const size_t begin = at_;
    const char second = at_ + 1 < s_.size() ? s_[at_ + 1] : '\0';
    if (s_[at_] == '0' && std::string_view("xXoObB").find(second) != std::string_view::npos && second) {
      const bool hex = second == 'x' || second == 'X', octal = second == 'o' || second == 'O';
      at_ += 2;
      const std::string d = digits(hex ? "0123456789abcdefABCDEF" : octal ? "01234567" : "01");
      if (d.empty()) return wrong(begin, "a number without digits");
      add(Tok::integer, std::string(hex ? "0x" : octal ? "0o" : "0b") + d, begin);
      return {};
    }
    std::string text = digits("0123456789");
    bool real = false;
    const bool after_dot = !out_.empty() && out_.back().kind == Tok::op && out_.back().text == ".";
    if (!after_dot && at_ + 1 < s_.size() && s_[at_] == '.' && digit(s_[at_ + 1])) {
      ++at_;
      text += "." + digits("0123456789");
      real = true;
    }
    if (!after_dot && at_ < s_.size() && (s_[at_] == 'e' || s_[at_] == 'E')) {
      const bool sign = at_ + 1 < s_.size() && (s_[at_ + 1] == '+' || s_[at_ + 1] == '-');
      if (const size_t d = at_ + 1 + (sign ? 1 : 0); d < s_.size() && digit(s_[d])) {
        text += "e" + (sign ? std::string(1, s_[at_ + 1]) : "");
        at_ = d;
        text += digits("0123456789");
        real = true;
      }
    }
    if (!real && text.size() > 1 && text[0] == '0' && text.find_first_not_of('0') != std::string::npos)
      return wrong(begin, "a decimal number must not start with 0");
    add(real ? Tok::real : Tok::integer, text, begin);
    return {};
  }

  Status quoted() {
    const size_t begin = at_;
    const char quote = s_[at_++];
    std::string out;
    while (true) {
      if (at_ >= s_.size()) return wrong(begin, "the string is not closed by " + std::string(1, quote));
      const char c = s_[at_++];
      if (c == quote) break;
      if (c != '\\') {
        out += c;
        continue;
      }
      if (at_ >= s_.size()) return wrong(begin, "the string is not closed by " + std::string(1, quote));
      BW_CHECK(escape(out));
    }
    add(Tok::text, std::move(out), begin);
    return {};
  }

  // Python's escapes in a plain string literal; an unknown one keeps its backslash.
  Status escape(std::string& out) {
    const size_t begin = at_ - 1;
    const char c = s_[at_++];
    static constexpr std::string_view from = "\\'\"abfnrtv", to = "\\'\"\a\b\f\n\r\t\v";
    if (c == '\n') return {};
    if (const size_t i = from.find(c); i != std::string_view::npos) {
      out += to[i];
      return {};
    }
    size_t n = c == 'x' ? 2 : c == 'u' ? 4 : c == 'U' ? 8 : 0;
    unsigned base = 16;
    if (c >= '0' && c <= '7') {
      base = 8;
      --at_;
      while (n < 3 && at_ + n < s_.size() && s_[at_ + n] >= '0' && s_[at_ + n] <= '7') ++n;
    }
    if (n == 0) {
      if (c == 'N') return wrong(begin, "\\N{...} is not built in; write the character itself");
      out += '\\';
      out += c;
      return {};
    }
    uint32_t value = 0;
    for (size_t i = 0; i < n; ++i, ++at_) {
      const char d = at_ < s_.size() ? s_[at_] : '\0';
      const int v = digit(d)               ? d - '0'
                    : d >= 'a' && d <= 'f' ? d - 'a' + 10
                    : d >= 'A' && d <= 'F' ? d - 'A' + 10
                                           : -1;
      if (v < 0)
        return wrong(begin, "expected " + std::to_string(n) + " hexadecimal digits after the backslash");
      value = value * base + static_cast<uint32_t>(v);
    }
    if (value > 0x10FFFF || (value >= 0xD800 && value <= 0xDFFF))
      return wrong(begin, "the escape names no character");
    append_utf8(out, value);
    return {};
  }

  std::string s_;
  size_t at_ = 0, seen_ = 0;
  Position here_;
  bool at_line_start_ = true;
  std::vector<Token> out_;
};

}  // namespace

Result<std::vector<Token>> lex(std::string_view source) {
  return Lexer(normalised(source)).run();
}

}  // namespace bw::text::jinja
