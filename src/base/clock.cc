#include "base/clock.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <chrono>

namespace bw {

uint64_t ms_since_1970() {
  using namespace std::chrono;
  return uint64_t(duration_cast<milliseconds>(system_clock::now().time_since_epoch()).count());
}

std::string rfc3339(uint64_t ms) {
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:03}Z", fmt::gmtime(std::time_t(ms / 1000)), ms % 1000);
}

}  // namespace bw
