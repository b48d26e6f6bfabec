// Numbers within bounds, decided digit by digit. In: bounds as exact decimals. Out: an automaton over the
// bytes of a JSON number.
#pragma once
#include <optional>

#include "grammar/decimal.h"
#include "grammar/dfa.h"

namespace bw::grammar {

struct NumberRange {
  struct Bound {
    Decimal at;
    bool exclusive = false;
  };
  std::optional<Bound> low, high;
  bool integer = false;
  uint32_t multiple = 0;  // integers only; 0: any

  void at_least(const Bound& b);  // narrows
  void at_most(const Bound& b);
  // Of an integer range: bounds become inclusive integers.
  void tighten();
  bool empty() const;  // by its bounds alone: whether no number lies between them
  bool holds(const Decimal& d) const;
};

// Digits of an integer nobody bounded (fits 64 bits), and of a number before and after the point.
inline constexpr int max_integer_digits = 18, max_number_digits = 15;

// Integers: no point, no exponent, no "-0". Numbers: at most 15 digits before and after the point each, an
// exponent of at most two digits where there is no bound; with one, no exponent and at most 15 digits in all,
// so that no two of them are one binary64 and a reader in binary64 finds what was meant. Empty where none can
// be written so. Error: too many states (multipleOf).
Result<Dfa> number_dfa(const NumberRange& range, size_t max_states);

}  // namespace bw::grammar
