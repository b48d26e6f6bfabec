// Looking as often as one likes: a confidence sequence for the mean of paired differences in [-1, 1].
// In: differences one by one. Out: an interval valid at all times at once, so a run may stop on what it
// shows.
#pragma once
#include <cstdint>
#include <vector>

#include "base/result.h"
#include "stats/proportions.h"

namespace bw::stats {

// Betting confidence sequence (Waudby-Smith, Ramdas 2024, JRSS B 86:1-27, "Estimating means of bounded random
// variables by betting", sections 4.1-4.2), one capital process a side. With x_i = (d_i + 1) / 2 in [0, 1]:
//   K+_t(m) = prod (1 + min(lambda_i, c / m) (x_i - m)), K-_t(m) = prod (1 - min(lambda_i, c / (1 - m)) (x_i
//   - m)); under mean m each is a nonnegative martingale from 1, so by Ville's inequality it ever reaches
//   1/alpha with probability <= alpha. Not yet refuted: low = inf {m : K+ < 1/alpha}, high = sup {m : K- <
//   1/alpha}. lambda_i = sqrt(2 ln(1/alpha) / (v_{i-1} i ln(1 + i))), v and its mean from the past only, c =
//   3/4.
// Both K are monotone in m, so the bounds come by bisection. The interval reported is the intersection over
// time.
class ConfidenceSequence {
 public:
  // alpha: error of each side alone, over all looks (both: 2 alpha). 0 < alpha < 0.5, else the interval stays
  // [-1, 1].
  explicit ConfidenceSequence(double alpha);
  Status add(double difference);  // refused: outside [-1, 1] or NaN; nothing changed then
  Interval interval();            // of the mean difference, from all looks so far; [-1, 1] before any item
  int64_t n() const { return static_cast<int64_t>(x_.size()); }

 private:
  double log_capital(double mean, bool upward) const;
  double alpha_;
  std::vector<double> x_, lambda_;
  double sum_ = 0.5, square_ = 0.25;  // priors of the running mean and variance
  Interval now_{0, 1};                // of x
  size_t looked_ = 0;
};

}  // namespace bw::stats
