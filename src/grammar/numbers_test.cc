// Number automata against plain arithmetic: every short spelling tried, compared as binary64 or as an
// integer.
#include "grammar/numbers.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <random>

namespace bw::grammar {
namespace {

bool takes(const Dfa& d, const std::string& s) {
  if (d.empty()) return false;
  const int32_t end = d.walk(0, s);
  return end >= 0 && d.label[size_t(end)] >= 0;
}
NumberRange::Bound bound(const std::string& s, bool exclusive) {
  return {Decimal::parse(s), exclusive};
}

TEST(Numbers, integers_within_bounds_are_exactly_those_written_and_no_other_spelling) {
  std::mt19937 random(1);
  for (int i = 0; i < 400; ++i) {
    NumberRange r;
    r.integer = true;
    const int low = int(random() % 2500) - 1250, high = low + int(random() % 1200) - 20;
    const bool has_low = random() % 4, has_high = random() % 4, low_open = random() % 2,
               high_open = random() % 2;
    if (has_low) r.low = bound(std::to_string(low), low_open);
    if (has_high) r.high = bound(std::to_string(high), high_open);
    r.multiple = random() % 2 ? 0 : 1 + random() % 15;
    const Dfa d = *number_dfa(r, 100'000);
    for (int n = -1500; n <= 1500; ++n) {
      const bool in = (!has_low || (low_open ? n > low : n >= low)) &&
                      (!has_high || (high_open ? n < high : n <= high)) &&
                      (r.multiple == 0 || n % int(r.multiple) == 0);
      ASSERT_EQ(takes(d, std::to_string(n)), in) << n << " in " << low << " " << high << " of " << r.multiple;
      EXPECT_EQ(r.holds(Decimal::of(n)), in);
    }
    for (const char* s : {"-0", "01", "+1", "1.0", "1e1", "", "-", "00"}) EXPECT_FALSE(takes(d, s)) << s;
  }
}

// Bounds and numbers of at most 15 digits: binary64 tells any two of them apart.
TEST(Numbers, numbers_within_bounds_are_decided_as_binary64_would_and_by_every_digit) {
  std::mt19937 random(2);
  const auto spelled = [&](bool exponent) {
    std::string s = random() % 2 ? "-" : "";
    s += random() % 3 ? std::to_string(random() % 200) : "0";
    if (random() % 3) {
      s += ".";
      for (size_t k = 1 + random() % 4; k > 0; --k) s += char('0' + random() % 10);
    }
    if (exponent && random() % 3 == 0)
      s += std::string("e") + (random() % 2 ? "-" : "") + std::to_string(random() % 3);
    return s;
  };
  size_t n_in = 0, n_out = 0;
  for (int i = 0; i < 500; ++i) {
    NumberRange r;
    const std::string low = spelled(true), high = spelled(true);
    if (random() % 3) r.low = bound(low, random() % 2);
    if (random() % 3) r.high = bound(high, random() % 2);
    const Dfa d = *number_dfa(r, 100'000);
    const auto inside = [&](double x) {
      if (r.low && !(r.low->exclusive ? x > std::atof(low.c_str()) : x >= std::atof(low.c_str())))
        return false;
      return !r.high || (r.high->exclusive ? x < std::atof(high.c_str()) : x <= std::atof(high.c_str()));
    };
    for (int k = 0; k < 300; ++k) {
      // The bounds themselves, plain numbers, and with an exponent only where nothing is bounded.
      const bool bounded = r.low || r.high;
      std::string s = spelled(!bounded);
      const std::string& near = random() % 2 ? low : high;
      if (random() % 4 == 0 && near.find('e') == std::string::npos) s = near;
      if (random() % 4 == 0 && s.find_first_of(".e") == std::string::npos) s += random() % 2 ? ".0" : ".001";
      ASSERT_EQ(takes(d, s), inside(std::atof(s.c_str()))) << s << " between " << low << " and " << high;
      ++(takes(d, s) ? n_in : n_out);
    }
    EXPECT_FALSE((r.low || r.high) && (takes(d, "1e1") || takes(d, "1E-1")));
    for (const char* s : {"01", ".5", "1.", "-", "1e", "1e+", "+1", "1.5.5", "0x1", "NaN", "1e100"})
      EXPECT_FALSE(takes(d, s)) << s;
  }
  EXPECT_GT(n_in, 20000u);
  EXPECT_GT(n_out, 20000u);
}

TEST(Numbers, lengths_are_bounded_and_wide_bounds_are_exact) {
  const Dfa plain = *number_dfa({}, 1000);
  EXPECT_TRUE(takes(plain, "-123456789012345.123456789012345e-99"));
  EXPECT_FALSE(takes(plain, "1234567890123456"));
  EXPECT_FALSE(takes(plain, "0.1234567890123456"));
  NumberRange wide;
  wide.integer = true;
  wide.high = bound("9223372036854775807", false);
  wide.low = bound("-9223372036854775808", false);
  const Dfa d = *number_dfa(wide, 1000);
  EXPECT_TRUE(takes(d, "9223372036854775807") && takes(d, "-9223372036854775808"));
  EXPECT_FALSE(takes(d, "9223372036854775808") || takes(d, "-9223372036854775809"));
  NumberRange none;
  none.low = bound("1", true);
  none.high = bound("1.0", false);
  EXPECT_TRUE(number_dfa(none, 1000)->empty());
  // What has been read can always be completed: no state without an accepting one behind it.
  for (const uint64_t words : d.words) EXPECT_GT(words, 0u);
}

TEST(Decimal, spellings_of_one_number_are_equal_and_round_as_they_should) {
  EXPECT_EQ(Decimal::parse("1.0"), Decimal::parse("10e-1"));
  EXPECT_EQ(Decimal::parse("-0.0"), Decimal::parse("0"));
  EXPECT_EQ(Decimal::parse("100").text(), "100");
  EXPECT_EQ(Decimal::parse("1.50").text(), "1.5");
  EXPECT_EQ(Decimal::parse("-2.5e-3").text(), "-0.0025");
  EXPECT_EQ(Decimal::parse("1e300").text(), "1e300");
  EXPECT_EQ(Decimal::parse("12345678901234567890123").text(), "1.2345678901234567890123e22");
  EXPECT_LT(compare(Decimal::parse("-3"), Decimal::parse("-2.9")), 0);
  EXPECT_LT(compare(Decimal::parse("9.99"), Decimal::parse("10")), 0);
  for (double x = -12; x < 12; x += 0.25) {
    const Decimal d = Decimal::parse(std::to_string(x));
    EXPECT_EQ(d.floor(), Decimal::of(int64_t(std::floor(x)))) << x;
    EXPECT_EQ(d.ceil(), Decimal::of(int64_t(std::ceil(x)))) << x;
    EXPECT_EQ(d.floor().plus_one(), Decimal::of(int64_t(std::floor(x)) + 1)) << x;
    EXPECT_EQ(d.floor().minus_one(), Decimal::of(int64_t(std::floor(x)) - 1)) << x;
  }
}

}  // namespace
}  // namespace bw::grammar
