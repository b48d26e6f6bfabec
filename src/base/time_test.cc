#include "base/time.h"

#include <gtest/gtest.h>

#include "base/clock.h"

namespace bw {
namespace {

// Expected numbers from `date -d TEXT +%s%3N` (GNU coreutils).
TEST(Time, moments_are_those_that_date_gives) {
  const std::pair<const char*, int64_t> cases[] = {
      {"1970-01-01T00:00:00Z", 0},
      {"2026-12-01T08:00:00+01:00", 1796108400000},
      {"2026-12-01T07:00:00.25Z", 1796108400250},
      {"2026-12-01 07:00:00.2509Z", 1796108400250},
      {"2028-02-29T23:59:59-09:30", 1835515799000},
      {"2000-02-29t00:00:00z", 951782400000},
      {"9999-12-31T23:59:59.999Z", 253402300799999},
  };
  for (const auto& [text, ms] : cases) {
    const auto got = parse_rfc3339(text);
    ASSERT_TRUE(got) << text << ": " << got.error().what;
    EXPECT_EQ(*got, ms) << text;
  }
}

TEST(Time, two_offsets_of_one_moment_are_equal_and_order_is_by_moment) {
  EXPECT_EQ(*parse_rfc3339("2026-10-25T02:30:00+02:00"), *parse_rfc3339("2026-10-25T00:30:00Z"));
  // The hour that a clock in Rome shows twice: later by the clock's text, earlier or later only by the
  // offset.
  EXPECT_LT(*parse_rfc3339("2026-10-25T02:45:00+02:00"), *parse_rfc3339("2026-10-25T02:15:00+01:00"));
}

TEST(Time, what_is_no_moment_is_refused) {
  for (const char* text :
       {"", "2026-12-01", "2026-12-01T08:00:00", "2026-13-01T08:00:00Z", "2026-02-29T08:00:00Z",
        "2026-12-01T24:00:00Z", "2026-12-01T08:60:00Z", "2026-12-31T23:59:60Z", "2026-12-01T08:00:00+1:00",
        "2026-12-01T08:00:00+01:60", "2026-12-01T08:00:00.Z", "2026-12-01T08:00:00Z ", "1969-12-31T23:59:59Z",
        "2026-12-01T08:00:00+01:00x", "+026-12-01T08:00:00Z", "2026-12-01T08:00Z"})
    EXPECT_FALSE(parse_rfc3339(text)) << text;
}

TEST(Time, text_and_moment_are_each_others_inverse) {
  for (const int64_t ms :
       {int64_t(0), int64_t(951782400000), int64_t(1796108400250), int64_t(253402300799999)})
    EXPECT_EQ(*parse_rfc3339(rfc3339(uint64_t(ms))), ms);
  EXPECT_EQ(rfc3339(1796108400250), "2026-12-01T07:00:00.250Z");
  EXPECT_EQ(time_text(1796108400250), "2026-12-01 07:00 UTC");
  EXPECT_EQ(time_text(1796108400250, 60), "2026-12-01 08:00 +01:00");
  EXPECT_EQ(time_text(0, -150), "1969-12-31 21:30 -02:30");
}

}  // namespace
}  // namespace bw
