// Paired graded scores (field F1): mean difference, t and bootstrap intervals, standard errors by cluster.
// In: one difference (candidate - reference) an item. Out: figures, or an Error where too little is known.
#pragma once
#include <cstdint>
#include <span>
#include <string>

#include "base/result.h"
#include "stats/proportions.h"

namespace bw::stats {

struct MeanDifference {
  double mean = 0;
  double sd = 0;              // of the differences, n - 1 in the denominator
  double standard_error = 0;  // sd / sqrt(n)
  int64_t n = 0;
  int64_t n_changed = 0;  // differences that are not zero
};
// Refused (bad_input): fewer than two items, a value that is not finite.
Result<MeanDifference> mean_difference(std::span<const double> differences);

// Student's t interval at two-sided confidence 1 - alpha: mean -+ t(1 - alpha/2, n - 1) sd / sqrt(n).
// Its width is 0 when nothing changed: use paired_interval to decide anything.
Interval t_interval(const MeanDifference& d, double alpha);

// Below this number of changed items the t interval is not trusted alone: its coverage under rare changes
// falls well short (tested: paired_test.cc).
constexpr int64_t kFewChanges = 10;
// The interval that decides, for differences in [-1, 1], at two-sided confidence 1 - alpha: the t interval,
// and while fewer than kFewChanges items changed also the exact bounds that the counts alone allow, whichever
// is wider:
//   low = min(t.low, -U(worse)), high = max(t.high, U(better)), U = share_upper_bound(count, n, alpha/2),
// since the mean is at least -(share worse) x 1. With nothing changed it is +-(1 - (alpha/2)^(1/n)): at n =
// 42 and alpha = 0.10, +-0.069, never "exactly equal".
Result<Interval> paired_interval(std::span<const double> differences, double alpha);

// BCa bootstrap (Efron 1987; Efron, Tibshirani 1993, chapter 14) of the mean over items, `n_resamples` draws
// from SplitMix64(seed): the same seed gives the same interval. Acceleration from the jackknife. Refused:
// fewer than two items, n_resamples < 200, all differences equal (the bootstrap knows nothing then).
Result<Interval> bootstrap_bca(std::span<const double> differences, double alpha, uint64_t seed,
                               int n_resamples = 4000);

// Standard error of the mean when items of one cluster (same passage, same template) move together
// (Liang, Zeger 1986; with G/(G-1)): sqrt(G/(G-1) sum_g (sum_{i in g} (x_i - mean))^2) / n.
// cluster[i] is any label of item i. Refused: lengths that differ, fewer than two clusters.
Result<double> clustered_standard_error(std::span<const double> values, std::span<const int64_t> cluster);

}  // namespace bw::stats
