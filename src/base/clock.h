// Time as a value that tests can fake: a function that returns nanoseconds of a clock that never goes back.
#pragma once
#include <cstdint>
#include <functional>
#include <string>

namespace bw {

using Clock = std::function<uint64_t()>;  // ns since an unspecified start
// CLOCK_MONOTONIC: on Linux one clock for all processes of the machine, so parent and child may compare
// readings.
uint64_t monotonic_ns();

// The calendar's clock, which people set; for what is written down, never for durations.
uint64_t ms_since_1970();
std::string rfc3339(uint64_t ms_since_1970);  // "2026-03-01T09:05:02.017Z"

}  // namespace bw
