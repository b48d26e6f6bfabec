// When will there be room? In: the ends of requests. Out: an estimate from the last minute. Not thread-safe.
#pragma once
#include <algorithm>
#include <cstdint>
#include <deque>

namespace bw::backend {

class Rate {
 public:
  explicit Rate(uint64_t now_ns) : start_(now_ns) {}
  void ended(uint64_t now_ns) {
    ends_.push_back(now_ns);
    forget(now_ns);
  }
  // ms until the next request may be expected to end: the mean distance of the ends in the last minute (or
  // since the start, where that is shorter). Where none ended, the whole of that time: one cannot promise
  // less. At least 1.
  uint64_t next_end_ms(uint64_t now_ns) {
    forget(now_ns);
    const uint64_t window = std::min(now_ns - start_, kWindow);
    const uint64_t between = window / std::max<uint64_t>(1, ends_.size());
    return std::max<uint64_t>(between / 1'000'000, ends_.empty() ? 1'000 : 1);
  }

 private:
  static constexpr uint64_t kWindow = 60'000'000'000;
  void forget(uint64_t now_ns) {
    while (!ends_.empty() && ends_.front() + kWindow < now_ns) ends_.pop_front();
  }
  const uint64_t start_;
  std::deque<uint64_t> ends_;
};

}  // namespace bw::backend
