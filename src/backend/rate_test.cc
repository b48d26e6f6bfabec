// Retry-After: by the rate of the last minute, one caller after the other.
#include "backend/rate.h"

#include <gtest/gtest.h>

namespace bw::backend {
namespace {
constexpr uint64_t kSecond = 1'000'000'000;

TEST(Rate, CallersTurnedAwayAreSentBackOneAfterTheOther) {
  Rate rate(0);
  for (uint64_t s = 1; s <= 10; ++s) rate.ended(s * kSecond / 2);  // two a second, for five seconds
  const uint64_t now = 5 * kSecond;
  EXPECT_EQ(rate.retry_after_ms(now), 500u);
  EXPECT_EQ(rate.retry_after_ms(now), 1000u);
  EXPECT_EQ(rate.retry_after_ms(now), 1500u);
  // Their times have come: the next is the first again. Ten ends in 30 s.
  EXPECT_EQ(rate.retry_after_ms(30 * kSecond), 3000u);
}

TEST(Rate, WithoutAnEndItPromisesNoLessThanItHasSeen) {
  Rate rate(0);
  EXPECT_EQ(rate.retry_after_ms(kSecond / 10), 1000u);
  Rate slow(0);
  EXPECT_EQ(slow.retry_after_ms(20 * kSecond), 20'000u);
}

TEST(Rate, NobodyIsToldToWaitForMoreThanAMinute) {
  Rate rate(0);
  for (int i = 0; i < 1000; ++i) EXPECT_LE(rate.retry_after_ms(50 * kSecond), 60'000u);
}

}  // namespace
}  // namespace bw::backend
