// The automaton is found by walking all states that reading digits can lead to: how the digits so far compare
// with each bound, how many there were, the remainder.
#include "grammar/numbers.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <tuple>

namespace bw::grammar {
namespace {
// A bound as magnitude: digits before and after its point.
struct Magnitude {
  std::string before, after;
  bool exclusive = false;
};

enum class Phase : uint8_t { start, minus, zero, whole, point, fraction, e, e_sign, e_digit, e_two };

struct At {
  Phase phase = Phase::start;
  bool negative = false;
  uint8_t n_whole = 0, n_fraction = 0;  // digits so far, as far as anything depends on them
  int8_t low = 0, high = 0;             // digits so far against the bounds' first: -1, 0, 1
  uint32_t remainder = 0;
  auto key() const { return std::tuple(phase, negative, n_whole, n_fraction, low, high, remainder); }
  friend bool operator<(const At& a, const At& b) { return a.key() < b.key(); }
};

class Walk {
 public:
  Walk(const NumberRange& range, size_t max_states) : range_(range), max_states_(max_states) {
    bounded_ = range.low || range.high;
    most_whole_ = range.integer ? max_integer_digits : max_number_digits;
    for (const auto& b : {range.low, range.high})
      if (b && range.integer) most_whole_ = std::max(most_whole_, int(b->at.before_point().size()));
    for (const bool negative : {false, true}) {
      Side& s = sides_[negative];
      const auto& low = negative ? range.high : range.low;
      const auto& high = negative ? range.low : range.high;
      if (low) {
        const Decimal at = negative ? low->at.negated() : low->at;
        if (!at.negative) s.low = Magnitude{at.before_point(), at.after_point(), low->exclusive};
      }
      if (high) {
        const Decimal at = negative ? high->at.negated() : high->at;
        s.none = at.negative;
        s.high = Magnitude{at.before_point(), at.after_point(), high->exclusive};
      }
    }
  }

  Result<Dfa> run() {
    ids_[{}] = builder_.add();
    pending_.push_back({});
    while (!pending_.empty()) {
      const At at = pending_.back();
      pending_.pop_back();
      const int32_t from = ids_[at];
      if (accepts(at)) builder_.accept(from, 0);
      for (const char c : std::string_view("-.eE+0123456789")) {
        At to = at;
        if (!step(to, c)) continue;
        const auto [found, is_new] = ids_.try_emplace(to, 0);
        if (is_new) {
          found->second = builder_.add();
          pending_.push_back(to);
        }
        builder_.edge(from, c, found->second);
        if (builder_.n_states() > max_states_)
          return bad_input(fmt::format("more than {} states of digits", max_states_));
      }
    }
    return builder_.finish();
  }

 private:
  struct Side {  // of a sign
    std::optional<Magnitude> low, high;
    bool none = false;
  };
  const Side& side(const At& at) const { return sides_[at.negative]; }

  // The comparison when the digits before the point are all there.
  static int8_t whole_done(int8_t so_far, size_t n_whole, const std::optional<Magnitude>& b) {
    if (!b || n_whole == b->before.size()) return so_far;
    return n_whole < b->before.size() ? -1 : 1;
  }
  static int8_t whole_digit(int8_t so_far, size_t n_before, char c, const std::optional<Magnitude>& b) {
    if (!b || so_far != 0) return so_far;
    if (n_before >= b->before.size()) return 1;
    return int8_t((c > b->before[n_before]) - (c < b->before[n_before]));
  }
  static int8_t fraction_digit(int8_t so_far, size_t n_before, char c, const std::optional<Magnitude>& b) {
    if (!b || so_far != 0) return so_far;
    const char want = n_before < b->after.size() ? b->after[n_before] : '0';
    return int8_t((c > want) - (c < want));
  }
  static int8_t all_done(int8_t so_far, size_t n_fraction, const std::optional<Magnitude>& b) {
    return b && so_far == 0 && n_fraction < b->after.size() ? int8_t(-1) : so_far;
  }

  bool accepts(const At& at) const {
    const bool whole = at.phase == Phase::zero || at.phase == Phase::whole;
    if (!whole && at.phase != Phase::fraction && at.phase != Phase::e_digit && at.phase != Phase::e_two)
      return false;
    const Side& s = side(at);
    if (s.none || at.remainder != 0) return false;
    int8_t low = at.low, high = at.high;
    if (whole) {
      low = whole_done(low, at.n_whole, s.low);
      high = whole_done(high, at.n_whole, s.high);
    }
    low = all_done(low, at.n_fraction, s.low);
    high = all_done(high, at.n_fraction, s.high);
    if (s.low && (low < 0 || (low == 0 && s.low->exclusive))) return false;
    return !(s.high && (high > 0 || (high == 0 && s.high->exclusive)));
  }

  bool digit(At& at, char c) const {
    const Side& s = side(at);
    if (at.phase == Phase::whole) {
      if (at.n_whole >= most_whole_) return false;
      at.low = whole_digit(at.low, at.n_whole, c, s.low);
      at.high = whole_digit(at.high, at.n_whole, c, s.high);
      ++at.n_whole;
      if (range_.multiple) at.remainder = (at.remainder * 10 + uint32_t(c - '0')) % range_.multiple;
      return true;
    }
    // n_whole is what is left of the digits here.
    if (at.n_whole == 0) return false;
    at.low = fraction_digit(at.low, at.n_fraction, c, s.low);
    at.high = fraction_digit(at.high, at.n_fraction, c, s.high);
    --at.n_whole;
    const bool open = (s.low && at.low == 0) || (s.high && at.high == 0);
    at.n_fraction = open ? uint8_t(at.n_fraction + 1) : uint8_t(0);
    return true;
  }

  bool step(At& at, char c) const {
    const bool is_digit = c >= '0' && c <= '9';
    switch (at.phase) {
      case Phase::start:
        if (c == '-') {
          at = {.phase = Phase::minus, .negative = true};
          return !side(at).none;
        }
        [[fallthrough]];
      case Phase::minus:
        if (!is_digit || side(at).none || (c == '0' && at.negative && range_.integer)) return false;
        at.phase = c == '0' ? Phase::zero : Phase::whole;
        return c == '0' || digit(at, c);
      case Phase::whole:
        if (is_digit) return digit(at, c);
        [[fallthrough]];
      case Phase::zero:
        if (range_.integer) return false;
        if (c == '.') {
          at.low = whole_done(at.low, at.n_whole, side(at).low);
          at.high = whole_done(at.high, at.n_whole, side(at).high);
          at.n_whole = uint8_t(bounded_ ? max_number_digits - at.n_whole : max_number_digits);
          at.phase = Phase::point;
          return true;
        }
        return begins_exponent(at, c);
      case Phase::point:
        at.phase = Phase::fraction;
        return is_digit && digit(at, c);
      case Phase::fraction:
        return is_digit ? digit(at, c) : begins_exponent(at, c);
      case Phase::e:
        if (c == '+' || c == '-') {
          at.phase = Phase::e_sign;
          return true;
        }
        [[fallthrough]];
      case Phase::e_sign:
        at.phase = Phase::e_digit;
        return is_digit;
      case Phase::e_digit:
        at.phase = Phase::e_two;
        return is_digit;
      case Phase::e_two:
        return false;
    }
    return false;
  }
  bool begins_exponent(At& at, char c) const {
    if (bounded_ || (c != 'e' && c != 'E')) return false;
    at = {.phase = Phase::e, .negative = at.negative};
    return true;
  }

  const NumberRange& range_;
  const size_t max_states_;
  bool bounded_ = false;
  int most_whole_ = 0;
  Side sides_[2];
  DfaBuilder builder_;
  std::map<At, int32_t> ids_;
  std::vector<At> pending_;
};
}  // namespace

void NumberRange::at_least(const Bound& b) {
  const int c = low ? compare(b.at, low->at) : 1;
  if (c > 0 || (c == 0 && b.exclusive)) low = b;
}
void NumberRange::at_most(const Bound& b) {
  const int c = high ? compare(b.at, high->at) : -1;
  if (c < 0 || (c == 0 && b.exclusive)) high = b;
}
void NumberRange::tighten() {
  if (low) {
    const Decimal up = low->at.ceil();
    low = {low->exclusive && up == low->at ? up.plus_one() : up, false};
  }
  if (high) {
    const Decimal down = high->at.floor();
    high = {high->exclusive && down == high->at ? down.minus_one() : down, false};
  }
}
bool NumberRange::empty() const {
  if (!low || !high) return false;
  const int c = compare(low->at, high->at);
  return c > 0 || (c == 0 && (low->exclusive || high->exclusive));
}
bool NumberRange::holds(const Decimal& d) const {
  if (low) {
    const int c = compare(d, low->at);
    if (c < 0 || (c == 0 && low->exclusive)) return false;
  }
  if (high) {
    const int c = compare(d, high->at);
    if (c > 0 || (c == 0 && high->exclusive)) return false;
  }
  if (integer && !d.is_integer()) return false;
  if (multiple == 0) return true;
  if (!d.is_integer()) return false;
  uint64_t remainder = 0;
  for (const char c : d.before_point()) remainder = (remainder * 10 + uint64_t(c - '0')) % multiple;
  return remainder == 0;
}

Result<Dfa> number_dfa(const NumberRange& range, size_t max_states) {
  NumberRange r = range;
  if (r.integer) r.tighten();
  if (r.empty()) return Dfa{};
  return Walk(r, max_states).run();
}

}  // namespace bw::grammar
