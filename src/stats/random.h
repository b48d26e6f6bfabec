// A seeded stream for resampling and for the fixed order of suites: the same seed gives the same numbers
// anywhere. SplitMix64 (Steele, Lea, Flood 2014, "Fast splittable pseudorandom number generators"). Not for
// sampling of tokens.
#pragma once
#include <cstdint>

namespace bw::stats {

class SplitMix64 {
 public:
  explicit SplitMix64(uint64_t seed) : state_(seed) {}
  uint64_t next() {
    uint64_t z = (state_ += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
  }
  // Uniform in 0 .. n-1, n > 0. Multiply and shift (Lemire 2019), rejecting the biased tail.
  uint64_t below(uint64_t n) {
    for (;;) {
      const unsigned __int128 m = static_cast<unsigned __int128>(next()) * n;
      if (static_cast<uint64_t>(m) >= (0 - n) % n) return static_cast<uint64_t>(m >> 64);
    }
  }
  double uniform() { return static_cast<double>(next() >> 11) * 0x1p-53; }  // [0, 1)

 private:
  uint64_t state_;
};

}  // namespace bw::stats
