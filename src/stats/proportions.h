// Shares and paired right/wrong answers: intervals and the exact test on flips.
// In: counts. Out: an interval or a p-value. Convention everywhere: difference = candidate - reference.
#pragma once
#include <cstdint>

namespace bw::stats {

struct Interval {
  double low = 0, high = 0;
};

// The 2x2 table of n items answered by both deployments.
struct PairedCounts {
  int64_t both_right = 0;
  int64_t worse = 0;   // reference right, candidate wrong
  int64_t better = 0;  // reference wrong, candidate right
  int64_t both_wrong = 0;
  int64_t n() const { return both_right + worse + better + both_wrong; }
  double difference() const {
    return n() ? static_cast<double>(better - worse) / static_cast<double>(n()) : 0.0;
  }
};

// Wilson 1927 score interval of a share k / n at two-sided confidence 1 - alpha:
//   (2k + z^2 -+ z sqrt(z^2 + 4k(1 - k/n))) / (2(n + z^2)), z = normal quantile of 1 - alpha/2. n = 0 gives
//   [0, 1].
Interval wilson(int64_t k, int64_t n, double alpha);

// Clopper, Pearson 1934: exact one-sided bounds of a share at confidence 1 - alpha each.
//   lower: beta quantile alpha of (k, n - k + 1); upper: beta quantile 1 - alpha of (k + 1, n - k).
double share_lower_bound(int64_t k, int64_t n, double alpha);
double share_upper_bound(int64_t k, int64_t n, double alpha);

// McNemar 1947, exact conditional, two-sided: the flips are Binomial(worse + better, 1/2) if nothing changed;
//   p = min(1, 2 P(X <= min(worse, better))). No flip at all gives 1.
double mcnemar_exact(int64_t worse, int64_t better);

// Newcombe 1998 (Statistics in Medicine 17:2635-2650), method 10: interval of the paired difference from the
// Wilson intervals of both shares, joined with the correlation phi whose numerator, if positive, is corrected
// by n/2:
//   D = p_c - p_r;  low = D - sqrt(a^2 - 2 phi a b + b^2), a = p_c - l_c, b = u_r - p_r;
//                   high = D + sqrt(c^2 - 2 phi c d + d^2), c = u_c - p_c, d = p_r - l_r;
//   phi = N / sqrt(product of the four margins), N = both_right both_wrong - worse better, N > 0 -> max(N -
//   n/2, 0); phi = 0 if a margin is 0. n = 0 gives [-1, 1].
Interval newcombe10(const PairedCounts& counts, double alpha);

}  // namespace bw::stats
