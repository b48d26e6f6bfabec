// Time as a value that tests can fake: a function that returns nanoseconds of a clock that never goes back.
#pragma once
#include <cstdint>
#include <functional>

namespace bw {

using Clock = std::function<uint64_t()>;  // ns since an unspecified start
// CLOCK_MONOTONIC: on Linux one clock for all processes of the machine, so parent and child may compare
// readings.
uint64_t monotonic_ns();

}  // namespace bw
