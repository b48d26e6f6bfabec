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
  // ms until there should be room for one more caller that is turned away now: ends come as far apart as in
  // the last minute (or since the start, where that is shorter; where none ended, as that whole time: one
  // cannot promise less), and those turned away before are expected back before this one. 1 to 60'000.
  uint64_t retry_after_ms(uint64_t now_ns) {
    forget(now_ns);
    const uint64_t window = std::min(now_ns - start_, kWindow);
    const uint64_t between =
        ends_.empty() ? std::max<uint64_t>(window, 1'000'000'000) : window / uint64_t(ends_.size());
    promised_ns_ = std::min(std::max(promised_ns_, now_ns) + between, now_ns + kWindow);
    return std::max<uint64_t>((promised_ns_ - now_ns) / 1'000'000, 1);
  }

 private:
  static constexpr uint64_t kWindow = 60'000'000'000;
  void forget(uint64_t now_ns) {
    while (!ends_.empty() && ends_.front() + kWindow < now_ns) ends_.pop_front();
  }
  const uint64_t start_;
  uint64_t promised_ns_ = 0;  // to the last that was turned away
  std::deque<uint64_t> ends_;
};

}  // namespace bw::backend
