// Recursive descent over the code points of a pattern.
#include <fmt/format.h>

#include <algorithm>

#include "grammar/regex_ast.h"
#include "text/utf8.h"

namespace bw::grammar::regex {
namespace {
constexpr uint32_t max_repeat = 10'000;
constexpr int max_groups_deep = 64;

const CharSet digits{{'0', '9'}};
const CharSet word{{'0', '9'}, {'A', 'Z'}, {'_', '_'}, {'a', 'z'}};
// ECMA-262 WhiteSpace and LineTerminator.
const CharSet space{{'\t', '\r'},     {' ', ' '},       {0xA0, 0xA0},     {0x1680, 0x1680}, {0x2000, 0x200A},
                    {0x2028, 0x2029}, {0x202F, 0x202F}, {0x205F, 0x205F}, {0x3000, 0x3000}, {0xFEFF, 0xFEFF}};
const CharSet line_ends{{'\n', '\n'}, {'\r', '\r'}, {0x2028, 0x2029}};

class Parser {
 public:
  explicit Parser(std::string_view pattern) : p_(pattern) {}
  Result<Ast> run() {
    BW_TRY(Ast a, choice(0));
    if (!done()) return error("a ')' without its '('");
    return a;
  }

 private:
  bool done() const { return at_ == p_.size(); }
  char peek(size_t ahead = 0) const { return at_ + ahead < p_.size() ? p_[at_ + ahead] : '\0'; }
  bool take(char c) {
    if (done() || p_[at_] != c) return false;
    ++at_;
    return true;
  }
  bool take(std::string_view s) {
    if (p_.substr(at_, s.size()) != s) return false;
    at_ += s.size();
    return true;
  }
  char32_t code_point() {
    const text::CodePoint c = text::code_point(p_, at_);
    at_ += c.n_bytes;
    return c.value;
  }
  Error error(std::string_view what) const {
    return bad_input(fmt::format("pattern \"{}\", byte {}: {}", p_, at_, what));
  }
  Error outside(std::string_view what) const {
    return bad_input(
        fmt::format("pattern \"{}\", byte {}: {} cannot be enforced token by token", p_, at_, what),
        "docs/json-schema.md lists what a pattern may hold");
  }

  Result<Ast> choice(int depth) {
    if (depth > max_groups_deep) return error(fmt::format("groups nested deeper than {}", max_groups_deep));
    Ast a{Ast::Kind::choice, {}, {}};
    do {
      BW_TRY(Ast branch, sequence(depth));
      a.parts.push_back(std::move(branch));
    } while (take('|'));
    return a.parts.size() == 1 ? std::move(a.parts[0]) : a;
  }
  Result<Ast> sequence(int depth) {
    Ast a{Ast::Kind::sequence, {}, {}};
    while (!done() && peek() != '|' && peek() != ')') {
      BW_TRY(Ast part, atom(depth));
      BW_TRY(Ast repeated, quantified(std::move(part)));
      a.parts.push_back(std::move(repeated));
    }
    return a;
  }
  Result<Ast> atom(int depth) {
    if (take('^')) return Ast{Ast::Kind::begin, {}, {}};
    if (take('$')) return Ast{Ast::Kind::end, {}, {}};
    if (take('(')) return group(depth);
    if (take('.')) return of(complement(line_ends));
    if (take('[')) return char_class();
    if (take('\\')) {
      if (const char c = peek(); c == 'b' || c == 'B') return outside("a word boundary");
      BW_TRY(CharSet set, escape(false));
      return of(std::move(set));
    }
    const char c = peek();
    if (c == '*' || c == '+' || c == '?' || c == '{') return error(fmt::format("nothing before '{}'", c));
    if (c == '}' || c == ']') return error(fmt::format("a '{}' without its beginning", c));
    return of(one(code_point()));
  }
  static Ast of(CharSet set) { return {Ast::Kind::set, std::move(set), {}}; }
  static CharSet one(char32_t c) { return {{c, c}}; }

  Result<Ast> group(int depth) {
    if (take("?")) {
      if (take("<")) {
        if (peek() == '=' || peek() == '!') return outside("looking behind");
        while (!done() && peek() != '>') ++at_;
        if (!take('>')) return error("a group's name does not end");
      } else if (!take(":")) {
        if (peek() == '=' || peek() == '!') return outside("looking ahead");
        return outside("a modifier of a group");
      }
    }
    BW_TRY(Ast a, choice(depth + 1));
    if (!take(')')) return error("a '(' without its ')'");
    return a;
  }

  Result<Ast> quantified(Ast a) {
    Ast r{Ast::Kind::repeat, {}, {}};
    if (take('*')) {
      r.max = no_most;
    } else if (take('+')) {
      r.min = 1;
      r.max = no_most;
    } else if (take('?')) {
      r.max = 1;
    } else if (take('{')) {
      BW_TRY(r.min, number());
      r.max = r.min;
      if (take(',')) {
        r.max = no_most;
        if (peek() != '}') {
          BW_TRY(r.max, number());
        }
      }
      if (!take('}')) return error("a count does not end with '}'");
      if (r.max < r.min) return error("a count whose end lies before its beginning");
    } else {
      return a;
    }
    if (a.kind == Ast::Kind::begin || a.kind == Ast::Kind::end) return error("an anchor that is repeated");
    take('?');  // lazy: the same strings
    if (const char c = peek(); c == '*' || c == '+' || c == '?' || c == '{')
      return error(fmt::format("nothing before '{}'", c));
    r.parts.push_back(std::move(a));
    return r;
  }
  Result<uint32_t> number() {
    if (peek() < '0' || peek() > '9') return error("expected a number");
    uint32_t n = 0;
    while (peek() >= '0' && peek() <= '9') {
      n = n * 10 + uint32_t(p_[at_++] - '0');
      if (n > max_repeat) return error(fmt::format("a count above {}", max_repeat));
    }
    return n;
  }

  Result<char32_t> hex(size_t n_digits) {
    char32_t c = 0;
    for (size_t i = 0; i < n_digits; ++i) {
      const char d = peek();
      const int v = d >= '0' && d <= '9'   ? d - '0'
                    : d >= 'a' && d <= 'f' ? d - 'a' + 10
                    : d >= 'A' && d <= 'F' ? d - 'A' + 10
                                           : -1;
      if (v < 0) return error("expected a hexadecimal digit");
      c = c * 16 + char32_t(v);
      ++at_;
    }
    return c;
  }
  Result<char32_t> unicode_escape() {
    if (take('{')) {
      char32_t c = 0;
      if (peek() == '}') return error("expected a hexadecimal digit");
      while (!take('}')) {
        BW_TRY(const char32_t digit, hex(1));
        c = c * 16 + digit;
        if (c > last_char) return error("a character beyond U+10FFFF");
      }
      return c;
    }
    BW_TRY(const char32_t high, hex(4));
    if (high < 0xD800 || high > 0xDBFF) return high;
    if (!take("\\u")) return error("half of a surrogate pair");
    BW_TRY(const char32_t low, hex(4));
    if (low < 0xDC00 || low > 0xDFFF) return error("half of a surrogate pair");
    return 0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00);
  }

  Result<CharSet> escape(bool in_class) {
    if (done()) return error("a '\\' at the end");
    const char c = p_[at_];
    if (c >= '1' && c <= '9') return outside("a back reference");
    if (c == 'k') return outside("a back reference");
    if (c == 'p' || c == 'P') return outside("a Unicode property");
    const auto single = [&](char32_t value) -> CharSet {
      ++at_;
      return one(value);
    };
    const auto named = [&](CharSet set) {
      ++at_;
      return set;
    };
    switch (c) {
      case 'd':
        return named(digits);
      case 'D':
        return named(complement(digits));
      case 'w':
        return named(word);
      case 'W':
        return named(complement(word));
      case 's':
        return named(space);
      case 'S':
        return named(complement(space));
      case 't':
        return single('\t');
      case 'n':
        return single('\n');
      case 'r':
        return single('\r');
      case 'f':
        return single('\f');
      case 'v':
        return single('\v');
      case '0':
        if (peek(1) >= '0' && peek(1) <= '9') return error("an octal escape");
        return single(0);
      case 'b':
        if (in_class) return single('\b');
        break;
      case 'c': {
        const char letter = peek(1);
        if (!((letter >= 'a' && letter <= 'z') || (letter >= 'A' && letter <= 'Z')))
          return error("\\c without a letter");
        at_ += 2;
        return one(char32_t(letter % 32));
      }
      case 'x': {
        ++at_;
        BW_TRY(const char32_t value, hex(2));
        return one(value);
      }
      case 'u': {
        ++at_;
        BW_TRY(const char32_t value, unicode_escape());
        return one(value);
      }
      default:
        break;
    }
    // What is no letter or digit stands for itself.
    if (std::string_view("^$\\.*+?()[]{}|/-\"'`~!@#%&=:;,<> _").find(c) != std::string_view::npos)
      return single(char32_t(c));
    return error(fmt::format("an unknown escape '\\{}'", c));
  }

  Result<Ast> char_class() {
    const bool negated = take('^');
    CharSet set;
    while (!take(']')) {
      if (done()) return error("a '[' without its ']'");
      BW_TRY(const CharSet low, class_atom());
      if (peek() != '-' || peek(1) == ']' || at_ + 1 >= p_.size()) {
        set.insert(set.end(), low.begin(), low.end());
        continue;
      }
      ++at_;
      BW_TRY(const CharSet high, class_atom());
      const bool single = low.size() == 1 && low[0].first == low[0].second && high.size() == 1 &&
                          high[0].first == high[0].second;
      if (!single) return error("a range whose end is a class");
      if (high[0].first < low[0].first) return error("a range whose end lies before its beginning");
      set.emplace_back(low[0].first, high[0].first);
    }
    set = tidy(std::move(set));
    return of(negated ? complement(set) : set);
  }
  Result<CharSet> class_atom() {
    if (done()) return error("a '[' without its ']'");
    if (take('\\')) return escape(true);
    return one(code_point());
  }

  const std::string_view p_;
  size_t at_ = 0;
};
}  // namespace

Result<Ast> parse(std::string_view pattern) {
  return Parser(pattern).run();
}

}  // namespace bw::grammar::regex
