// Moments as milliseconds since 1970 (UTC, without leap seconds, as POSIX counts) and their text. In: RFC
// 3339. Out: a number, or what was expected; the way back is base/clock.h. What the time is now is always the
// caller's to say.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace bw {

// RFC 3339 section 5.6, years 1970 to 9999: "2026-12-01T08:00:00+01:00", "2026-12-01T07:00:00.250Z"; a space
// for T, small t and z are taken. Refused: a time without an offset (nobody knows which moment it is), a day
// or an hour that does not exist, leap seconds (":60", which POSIX time cannot say). Digits beyond
// milliseconds are cut off.
Result<int64_t> parse_rfc3339(std::string_view text);
// For people: "2026-12-01 08:00 +01:00" at that offset, "2026-12-01 07:00 UTC" at 0.
std::string time_text(int64_t ms_since_1970, int offset_minutes = 0);

}  // namespace bw
