// exact_log against the C library's wider log.
#include "base/exact_log.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>

namespace bw {
namespace {

// x87 and binary128 logl carry at least 11 more bits than the result, so they decide all but about one in a
// thousand.
TEST(ExactLog, is_the_nearest_binary64) {
  std::mt19937_64 random(7);
  int n_decided = 0;
  for (int i = 0; i < 20000; ++i) {
    const double x = i % 2 ? std::ldexp(1.0 + double(random() >> 12) * 0x1p-52, int(random() % 40) - 20)
                           : 1.0 + double(random() >> 40) * 0x1p-30;
    const long double wide = std::log(static_cast<long double>(x));
    const double y = exact_log(x), up = std::nextafter(y, INFINITY), down = std::nextafter(y, -INFINITY);
    const long double slack = std::abs(wide) * 0x1p-62L;
    ASSERT_LE(std::abs(wide - y), std::min(std::abs(wide - up), std::abs(wide - down)) + 2 * slack) << x;
    n_decided += std::abs(std::abs(wide - y) - std::abs(wide - (wide > y ? up : down))) > 2 * slack;
  }
  EXPECT_GT(n_decided, 19000);
  EXPECT_EQ(exact_log(1.0), 0.0);
  EXPECT_TRUE(std::isnan(exact_log(0.0)));
  EXPECT_TRUE(std::isnan(exact_log(INFINITY)));
}

}  // namespace
}  // namespace bw
