// Exact decimals on strings of digits.
#include "grammar/decimal.h"

#include <algorithm>
#include <charconv>

namespace bw::grammar {
namespace {
Decimal tidy(Decimal d) {
  const size_t first = d.digits.find_first_not_of('0');
  if (first == std::string::npos) return {};
  d.point -= int64_t(first);
  d.digits.erase(0, first);
  d.digits.erase(d.digits.find_last_not_of('0') + 1);
  return d;
}
int compare_magnitude(const Decimal& a, const Decimal& b) {
  if (a.is_zero() || b.is_zero()) return int(!a.is_zero()) - int(!b.is_zero());
  if (a.point != b.point) return a.point < b.point ? -1 : 1;
  return a.digits.compare(b.digits);
}
// Of an integer's magnitude.
Decimal add_one(const Decimal& d) {
  std::string s = d.before_point();
  size_t i = s.size();
  while (i > 0 && s[i - 1] == '9') s[--i] = '0';
  if (i > 0)
    ++s[i - 1];
  else
    s.insert(s.begin(), '1');
  return tidy({d.negative, s, int64_t(s.size())});
}
Decimal take_one(const Decimal& d) {  // magnitude at least 1
  std::string s = d.before_point();
  size_t i = s.size();
  while (s[i - 1] == '0') s[--i] = '9';
  --s[i - 1];
  return tidy({d.negative, s, int64_t(s.size())});
}
Decimal truncated(Decimal d) {
  if (d.point <= 0) return {};
  d.digits.resize(std::min(d.digits.size(), size_t(d.point)));
  return tidy(d);
}
}  // namespace

Decimal Decimal::parse(std::string_view s) {
  Decimal d;
  if (!s.empty() && s[0] == '-') {
    d.negative = true;
    s.remove_prefix(1);
  }
  const size_t e = s.find_first_of("eE");
  int64_t exponent = 0;
  if (e != std::string_view::npos) {
    std::string_view digits = s.substr(e + 1);
    if (!digits.empty() && digits[0] == '+') digits.remove_prefix(1);
    const auto read = std::from_chars(digits.data(), digits.data() + digits.size(), exponent);
    constexpr int64_t far = int64_t(1) << 40;  // beyond what any double holds; sums stay in range
    if (read.ec != std::errc()) exponent = digits.substr(0, 1) == "-" ? -far : far;
    exponent = std::clamp(exponent, -far, far);
    s = s.substr(0, e);
  }
  const size_t dot = std::min(s.find('.'), s.size());
  d.digits = s.substr(0, dot);
  d.point = int64_t(dot) + exponent;
  if (dot < s.size()) d.digits += s.substr(dot + 1);
  return tidy(d);
}

Decimal Decimal::negated() const {
  Decimal d = *this;
  d.negative = !negative && !is_zero();
  return d;
}
Decimal Decimal::floor() const {
  if (is_integer()) return *this;
  if (!negative) return truncated(*this);
  return negated().ceil().negated();
}
Decimal Decimal::ceil() const {
  if (is_integer()) return *this;
  if (negative) return negated().floor().negated();
  return truncated(*this).plus_one();
}
Decimal Decimal::plus_one() const {
  if (is_zero()) return Decimal::of(1);
  return negative ? take_one(*this) : add_one(*this);
}
Decimal Decimal::minus_one() const {
  return negated().plus_one().negated();
}

bool Decimal::fits(int64_t n) const {
  const int64_t before = std::max<int64_t>(point, 0),
                after = std::max<int64_t>(int64_t(digits.size()) - point, 0);
  return before <= n && after <= n && before + after <= n;
}
std::string Decimal::before_point() const {
  if (point <= 0) return {};
  std::string s = digits.substr(0, size_t(point));
  s.resize(size_t(point), '0');
  return s;
}
std::string Decimal::after_point() const {
  if (point >= int64_t(digits.size())) return {};
  if (point >= 0) return digits.substr(size_t(point));
  return std::string(size_t(-point), '0') + digits;
}
std::string Decimal::text() const {
  std::string s = negative ? "-" : "";
  if (fits(20)) {
    const std::string before = before_point(), after = after_point();
    s += before.empty() ? "0" : before;
    return after.empty() ? s : s + "." + after;
  }
  s += digits.substr(0, 1);
  if (digits.size() > 1) s += "." + digits.substr(1);
  return s + "e" + std::to_string(point - 1);
}

int compare(const Decimal& a, const Decimal& b) {
  if (a.negative != b.negative) return a.negative ? -1 : 1;
  const int c = compare_magnitude(a, b);
  return a.negative ? -c : c;
}

}  // namespace bw::grammar
