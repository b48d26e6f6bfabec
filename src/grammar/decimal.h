// Decimal numbers as JSON writes them, exactly: bounds and constants are compared digit by digit, never
// through binary floating point. In: a JSON number. Out: sign, digits, order, text.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

namespace bw::grammar {

// (-1)^negative * 0.DIGITS * 10^point: digits without zeros at either end; zero is "" with point 0.
struct Decimal {
  bool negative = false;
  std::string digits;
  int64_t point = 0;  // digits before the decimal point; may be negative

  static Decimal parse(std::string_view json_number);
  static Decimal of(int64_t n) { return parse(std::to_string(n)); }
  bool is_zero() const { return digits.empty(); }
  bool is_integer() const { return point >= int64_t(digits.size()); }
  Decimal negated() const;
  // The largest integer not above it, the smallest not below it. |point| must be small (see fits()).
  Decimal floor() const;
  Decimal ceil() const;
  Decimal plus_one() const;   // of an integer
  Decimal minus_one() const;  // of an integer
  // Whether it can be written out with at most n digits before and after the point together.
  bool fits(int64_t n) const;
  // Digits before the point (none for 0.x) and after it, without an exponent; fits(...) must hold.
  std::string before_point() const;
  std::string after_point() const;
  std::string text() const;  // shortest usual form; with an exponent only far from 1

  friend bool operator==(const Decimal&, const Decimal&) = default;
};
int compare(const Decimal& a, const Decimal& b);  // < 0, 0, > 0
inline bool operator<(const Decimal& a, const Decimal& b) {
  return compare(a, b) < 0;
}

}  // namespace bw::grammar
