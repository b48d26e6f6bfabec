#include "base/time.h"

#include <fmt/format.h>

#include <chrono>

namespace bw {
namespace {

using Days = std::chrono::sys_days;

struct Civil {
  int year;
  unsigned month, day;
  int64_t of_day;  // ms
};
Civil civil(int64_t ms) {
  constexpr int64_t day = 86'400'000;
  int64_t n = ms / day, rest = ms % day;
  if (rest < 0) {
    rest += day;
    --n;
  }
  const std::chrono::year_month_day d{Days(std::chrono::days(n))};
  return {int(d.year()), unsigned(d.month()), unsigned(d.day()), rest};
}

// Reads digits, letters and signs in order; the first that does not fit ends it.
struct Text {
  std::string_view rest;
  bool good = true;
  int digits(size_t n) {
    int value = 0;
    for (size_t i = 0; i < n; ++i) {
      if (rest.empty() || rest[0] < '0' || rest[0] > '9') {
        good = false;
        return 0;
      }
      value = value * 10 + (rest[0] - '0');
      rest.remove_prefix(1);
    }
    return value;
  }
  char one_of(std::string_view letters) {
    if (rest.empty() || letters.find(rest[0]) == std::string_view::npos) {
      good = false;
      return 0;
    }
    const char c = rest[0];
    rest.remove_prefix(1);
    return c;
  }
};

}  // namespace

Result<int64_t> parse_rfc3339(std::string_view text) {
  const auto refuse = [&](std::string_view why) {
    return bad_input(
        fmt::format("expected a time as RFC 3339 has it (2026-12-01T08:00:00+01:00), found \"{}\": {}",
                    text.substr(0, 64), why));
  };
  Text t{text};
  const int year = t.digits(4);
  t.one_of("-");
  const int month = t.digits(2);
  t.one_of("-");
  const int day = t.digits(2);
  t.one_of("Tt ");
  const int hour = t.digits(2);
  t.one_of(":");
  const int minute = t.digits(2);
  t.one_of(":");
  const int second = t.digits(2);
  int milliseconds = 0;
  if (t.good && !t.rest.empty() && t.rest[0] == '.') {
    t.rest.remove_prefix(1);
    int n = 0;
    for (; !t.rest.empty() && t.rest[0] >= '0' && t.rest[0] <= '9'; ++n, t.rest.remove_prefix(1))
      if (n < 3) milliseconds = milliseconds * 10 + (t.rest[0] - '0');
    if (n == 0) t.good = false;
    for (; n < 3; ++n) milliseconds *= 10;
  }
  if (!t.good) return refuse("not of that form");
  if (t.rest.empty()) return refuse("without an offset (Z, or +01:00) it is no moment");
  int offset = 0;
  if (const char sign = t.one_of("Zz+-"); sign == '+' || sign == '-') {
    const int hours = t.digits(2);
    t.one_of(":");
    const int minutes = t.digits(2);
    if (hours > 23 || minutes > 59) t.good = false;
    offset = (sign == '-' ? -1 : 1) * (hours * 60 + minutes);
  }
  if (!t.good || !t.rest.empty()) return refuse("not of that form");
  const std::chrono::year_month_day date{std::chrono::year(year), std::chrono::month(unsigned(month)),
                                         std::chrono::day(unsigned(day))};
  if (year < 1970 || !date.ok()) return refuse("no such day");
  if (hour > 23 || minute > 59 || second > 59) return refuse("no such time of day");
  const int64_t days = Days(date).time_since_epoch().count();
  return (((days * 24 + hour) * 60 + minute - offset) * 60 + second) * 1000 + milliseconds;
}

std::string time_text(int64_t ms, int offset_minutes) {
  const Civil c = civil(ms + int64_t(offset_minutes) * 60'000);
  const int a = offset_minutes < 0 ? -offset_minutes : offset_minutes;
  const std::string zone =
      a == 0 ? "UTC" : fmt::format("{}{:02}:{:02}", offset_minutes < 0 ? '-' : '+', a / 60, a % 60);
  return fmt::format("{:04}-{:02}-{:02} {:02}:{:02} {}", c.year, c.month, c.day, c.of_day / 3'600'000,
                     c.of_day / 60'000 % 60, zone);
}

}  // namespace bw
