// From characters to bytes: each edge over a range of characters becomes edges over UTF-8's lead and
// continuation bytes (RFC 3629), or an escape.
#include "grammar/strings.h"

#include <fmt/format.h>

#include <map>
#include <string>
#include <tuple>
#include <utility>

namespace bw::grammar {
namespace {
// Lead bytes, with the first continuation byte where the rest of the range is not UTF-8.
struct Lead {
  uint8_t low, high;            // lead bytes
  uint8_t next_low, next_high;  // of the first continuation byte
  int n_more;                   // continuation bytes
};
constexpr Lead leads[] = {{0xC2, 0xDF, 0x80, 0xBF, 1}, {0xE0, 0xE0, 0xA0, 0xBF, 2},
                          {0xE1, 0xEC, 0x80, 0xBF, 2}, {0xED, 0xED, 0x80, 0x9F, 2},
                          {0xEE, 0xEF, 0x80, 0xBF, 2}, {0xF0, 0xF0, 0x90, 0xBF, 3},
                          {0xF1, 0xF3, 0x80, 0xBF, 3}, {0xF4, 0xF4, 0x80, 0x8F, 3}};

void hex_edge(DfaBuilder& b, int32_t from, std::string_view digits, int32_t to) {
  for (const char c : digits) b.edge(from, c, to);
}

class Encoder {
 public:
  Encoder(const CharDfa& chars, size_t max_states) : chars_(chars), max_states_(max_states) {}

  Result<Dfa> run(bool opens, const std::function<int32_t(uint32_t)>& label) {
    if (chars_.empty()) return Dfa{};
    if (opens) b_.add();
    for (size_t s = 0; s < chars_.n_states(); ++s) inside_.push_back(b_.add());
    if (opens) b_.edge(0, '"', inside_[0]);
    for (size_t s = 0; s < chars_.n_states(); ++s) {
      put(int32_t(s), label);
      if (b_.n_states() > max_states_) return bad_input(fmt::format("more than {} states", max_states_));
    }
    return b_.finish();
  }

 private:
  int32_t to(int32_t state, char32_t c) const {
    const int32_t s = chars_.step(state, c);
    return s < 0 ? nowhere : inside_[size_t(s)];
  }

  void put(int32_t s, const std::function<int32_t(uint32_t)>& label) {
    const int32_t from = inside_[size_t(s)];
    if (const uint32_t bits = chars_.accepted[size_t(s)]; bits)
      if (const int32_t l = label(bits); l >= 0) b_.edge(from, '"', end(l));
    for (char32_t c = 0x20; c <= 0x7F; ++c)
      if (c != '"' && c != '\\') b_.edge(from, char(c), to(s, c));
    put_escapes(s, from);
    for (const Lead& l : leads) {
      for (int lead = l.low; lead <= l.high; ++lead) {
        // The characters this lead byte begins.
        const int bits = 6 * l.n_more;
        const char32_t base = char32_t(lead & (0x3F >> l.n_more)) << bits;
        const char32_t first = base + (char32_t(l.next_low & 0x3F) << (bits - 6));
        const char32_t last =
            base + (char32_t(l.next_high & 0x3F) << (bits - 6)) + (char32_t(1) << (bits - 6)) - 1;
        b_.edge(from, uint8_t(lead), uint8_t(lead), more(s, l.n_more, first, last));
      }
    }
  }
  // A state that reads n continuation bytes of the characters from first to last.
  int32_t more(int32_t s, int n, char32_t first, char32_t last) {
    if (n == 0) return to(s, first);
    const bool same = chars_.cell(first) == chars_.cell(last) || one_target(s, first, last);
    const int32_t target = same ? to(s, first) : nowhere;
    if (same && target < 0) return nowhere;
    // What leads to one state whatever comes is shared by all that lead there.
    using Key = std::tuple<int32_t, int, char32_t, char32_t>;
    const Key key = same ? Key(target, n, first & mask(n), last - first) : Key(-2 - s, n, first, last);
    if (const auto known = known_.find(key); known != known_.end()) return known->second;
    const int32_t state = known_[key] = b_.add();
    const char32_t step = char32_t(1) << (6 * (n - 1));
    for (char32_t c = first; c <= last; c += step)
      b_.edge(state, char(0x80 | ((c / step) & 0x3F)), more(s, n - 1, c, c + step - 1));
    return state;
  }
  static char32_t mask(int n) { return (char32_t(1) << (6 * n)) - 1; }
  bool one_target(int32_t s, char32_t first, char32_t last) const {
    for (size_t cell = chars_.cell(first); cell < chars_.cuts.size() && chars_.cuts[cell] <= last; ++cell)
      if (chars_.step(s, std::max(first, chars_.cuts[cell])) != chars_.step(s, first)) return false;
    return true;
  }

  void put_escapes(int32_t s, int32_t from) {
    const int32_t backslash = b_.add();
    b_.edge(from, '\\', backslash);
    constexpr std::pair<char, char> shorts[] = {{'"', '"'},  {'\\', '\\'}, {'n', '\n'}, {'t', '\t'},
                                                {'r', '\r'}, {'b', '\b'},  {'f', '\f'}};
    for (const auto& [letter, c] : shorts) b_.edge(backslash, letter, to(s, char32_t(c)));
    const int32_t u = b_.path(backslash, "u00");
    for (const bool high : {false, true}) {
      const int32_t digit = b_.add();
      b_.edge(u, high ? '1' : '0', digit);
      for (char32_t i = 0; i < 16; ++i) {
        const char32_t c = (high ? 16 : 0) + i;
        if (c != '\n' && c != '\t' && c != '\r' && c != '\b' && c != '\f')
          b_.edge(digit, "0123456789abcdef"[i], to(s, c));
      }
    }
  }
  int32_t end(int32_t label) {
    const auto [at, is_new] = ends_.try_emplace(label, 0);
    if (is_new) at->second = b_.add(label);
    return at->second;
  }

  const CharDfa& chars_;
  const size_t max_states_;
  DfaBuilder b_;
  std::vector<int32_t> inside_;  // of each state of chars_
  std::map<std::tuple<int32_t, int, char32_t, char32_t>, int32_t> known_;
  std::map<int32_t, int32_t> ends_;
};

Dfa make_any_string_inside() {
  DfaBuilder b;
  const int32_t between = b.add(), end = b.add(0);
  b.edge(between, '"', end);
  b.edge(between, 0x20, 0x21, between);
  b.edge(between, 0x23, 0x5B, between);
  b.edge(between, 0x5D, 0x7F, between);
  const int32_t last = b.add(), last_two = b.add();
  b.edge(last, 0x80, 0xBF, between);
  b.edge(last_two, 0x80, 0xBF, last);
  for (const Lead& l : leads) {
    int32_t first = last;
    if (l.n_more > 1) {
      first = b.add();
      b.edge(first, l.next_low, l.next_high, l.n_more == 2 ? last : last_two);
    }
    b.edge(between, l.low, l.high, first);
  }
  constexpr std::string_view hex = "0123456789abcdefABCDEF";
  const int32_t backslash = b.add(), u = b.add(), hex3 = b.add(), hex2 = b.add(), hex1 = b.add();
  b.edge(between, '\\', backslash);
  hex_edge(b, backslash, "\"\\/bfnrt", between);
  b.edge(backslash, 'u', u);
  hex_edge(b, u, "0123456789abcefABCEF", hex3);
  hex_edge(b, hex3, hex, hex2);
  hex_edge(b, hex2, hex, hex1);
  hex_edge(b, hex1, hex, between);
  // D800 to DBFF, then DC00 to DFFF.
  const int32_t d = b.add(), high2 = b.add(), high1 = b.add(), half = b.add();
  hex_edge(b, u, "dD", d);
  hex_edge(b, d, "01234567", hex2);
  hex_edge(b, d, "89abAB", high2);
  hex_edge(b, high2, hex, high1);
  hex_edge(b, high1, hex, half);
  const int32_t low = b.path(half, "\\u"), low3 = b.add();
  hex_edge(b, low, "dD", low3);
  hex_edge(b, low3, "cdefCDEF", hex2);
  return b.finish();
}
}  // namespace

const Dfa& any_string_inside() {
  static const Dfa dfa = make_any_string_inside();
  return dfa;
}
const Dfa& any_name_inside() {
  static const Dfa dfa = *string_dfa(any_string(), false, 1000, [](uint32_t) { return 0; });
  return dfa;
}

Result<Dfa> string_dfa(const CharDfa& chars, bool opens, size_t max_states,
                       const std::function<int32_t(uint32_t accepted)>& label) {
  return Encoder(chars, max_states).run(opens, label);
}

// Pairs of a state of `dfa` and one of any_name_inside(): closed where the latter goes on and the former does
// not, or where a step leads to such a pair. What is never closed is open.
void mark_open(Dfa& dfa) {
  constexpr size_t most_states = 3'000;
  const Dfa& any = any_name_inside();
  const size_t n = dfa.n_states(), n_any = any.n_states();
  if (n > most_states) return;
  // One byte of each pair of columns.
  std::map<std::pair<uint8_t, uint8_t>, uint8_t> columns;
  for (int b = 0; b < 256; ++b)
    if (b != '"') columns.emplace(std::pair(dfa.column[size_t(b)], any.column[size_t(b)]), uint8_t(b));
  std::vector<std::vector<uint32_t>> into(n * n_any);
  std::vector<uint8_t> closed(n * n_any);
  std::vector<uint32_t> todo;
  for (size_t s = 0; s < n; ++s)
    for (size_t x = 0; x < n_any; ++x) {
      const auto pair = uint32_t(s * n_any + x);
      for (const auto& [unused, byte] : columns) {
        const int32_t to_any = any.step(int32_t(x), byte), to = dfa.step(int32_t(s), byte);
        if (to_any < 0) continue;
        if (to >= 0) {
          into[size_t(to) * n_any + size_t(to_any)].push_back(pair);
        } else if (!std::exchange(closed[pair], uint8_t(1))) {
          todo.push_back(pair);
        }
      }
    }
  while (!todo.empty()) {
    const uint32_t pair = todo.back();
    todo.pop_back();
    for (const uint32_t from : into[pair])
      if (!std::exchange(closed[from], uint8_t(1))) todo.push_back(from);
  }
  dfa.open.resize(n);
  for (size_t s = 0; s < n; ++s) dfa.open[s] = !closed[s * n_any] && !dfa.ends[s];
}

#define BW_YEAR "(?:000[1-9]|00[1-9][0-9]|0[1-9][0-9]{2}|[1-9][0-9]{3})"
// Years with a 29th of February: every fourth, of the hundreds every fourth.
#define BW_LEAP "(?:[0-9]{2}(?:0[48]|[2468][048]|[13579][26])|(?:0[48]|[2468][048]|[13579][26])00)"
#define BW_DATE                                                                             \
  "(?:" BW_YEAR                                                                             \
  "-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)" \
  "|02-(?:0[1-9]|1[0-9]|2[0-8]))|" BW_LEAP "-02-29)"
#define BW_TIME                                                                                              \
  "(?:(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\\.[0-9]{1,9})?(?:Z|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])" \
  ")"
#define BW_ATOM "[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]{1,20}"
#define BW_LABEL "[A-Za-z0-9](?:[A-Za-z0-9-]{0,20}[A-Za-z0-9])?"

std::optional<std::string_view> format_pattern(std::string_view format) {
  if (format == "date") return "^" BW_DATE "$";
  if (format == "time") return "^" BW_TIME "$";
  if (format == "date-time") return "^" BW_DATE "T" BW_TIME "$";
  if (format == "email")
    return "^" BW_ATOM "(?:\\." BW_ATOM "){0,2}@" BW_LABEL "(?:\\." BW_LABEL "){0,3}\\.[A-Za-z]{2,20}$";
  if (format == "uuid") return "^[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$";
  if (format == "ipv4")
    return "^(?:(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])\\.){3}(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?["
           "0-9])$";
  return {};
}

}  // namespace bw::grammar
