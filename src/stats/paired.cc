#include "stats/paired.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <vector>

#include "stats/random.h"
#include "stats/special.h"

namespace bw::stats {

Result<MeanDifference> mean_difference(std::span<const double> x) {
  if (x.size() < 2)
    return bad_input("a paired mean needs at least 2 items, found " + std::to_string(x.size()),
                     "judge more items");
  MeanDifference d;
  d.n = static_cast<int64_t>(x.size());
  for (double v : x) {
    if (!std::isfinite(v)) return bad_input("a paired difference is not a finite number");
    d.mean += v;
    d.n_changed += v != 0;
  }
  const double n = static_cast<double>(d.n);
  d.mean /= n;
  double square = 0;
  for (double v : x) square += (v - d.mean) * (v - d.mean);
  d.sd = std::sqrt(square / (n - 1));
  d.standard_error = d.sd / std::sqrt(n);
  return d;
}

Interval t_interval(const MeanDifference& d, double alpha) {
  const double reach = -student_t_quantile(alpha / 2, static_cast<double>(d.n - 1)) * d.standard_error;
  return {d.mean - reach, d.mean + reach};
}

Result<Interval> paired_interval(std::span<const double> x, double alpha) {
  BW_TRY(const MeanDifference d, mean_difference(x));
  int64_t worse = 0, better = 0;
  for (double v : x) {
    if (std::fabs(v) > 1) return bad_input("a paired difference lies outside [-1, 1]: " + std::to_string(v));
    worse += v < 0;
    better += v > 0;
  }
  Interval i = t_interval(d, alpha);
  if (d.n_changed < kFewChanges) {
    i.low = std::min(i.low, -share_upper_bound(worse, d.n, alpha / 2));
    i.high = std::max(i.high, share_upper_bound(better, d.n, alpha / 2));
  }
  return Interval{std::max(i.low, -1.0), std::min(i.high, 1.0)};
}

Result<Interval> bootstrap_bca(std::span<const double> x, double alpha, uint64_t seed, int n_resamples) {
  BW_TRY(const MeanDifference d, mean_difference(x));
  if (n_resamples < 200)
    return bad_input("a bootstrap of " + std::to_string(n_resamples) + " draws is refused",
                     "use at least 200");
  if (std::all_of(x.begin(), x.end(), [&](double v) { return v == x[0]; }))
    return bad_input("all differences are equal, so resampling shows nothing",
                     "use the exact bound of paired_interval");

  SplitMix64 random(seed);
  std::vector<double> means(static_cast<size_t>(n_resamples));
  for (double& m : means) {
    double sum = 0;
    for (size_t i = 0; i < x.size(); ++i) sum += x[random.below(x.size())];
    m = sum / static_cast<double>(x.size());
  }
  std::sort(means.begin(), means.end());

  // Bias z0: where the observed mean falls among the draws, ties counted half.
  const double B = static_cast<double>(n_resamples);
  const auto below = std::lower_bound(means.begin(), means.end(), d.mean) - means.begin();
  const auto up_to = std::upper_bound(means.begin(), means.end(), d.mean) - means.begin();
  const double rank = (static_cast<double>(below) + static_cast<double>(up_to)) / 2 / B;
  const double z0 = normal_quantile(std::clamp(rank, 1 / B, 1 - 1 / B));
  // Acceleration: leaving out item i moves the mean by (mean - x_i) / (n - 1), so skewness of x_i is all it
  // needs.
  double cubes = 0, squares = 0;
  for (double v : x) {
    const double u = v - d.mean;
    squares += u * u;
    cubes += u * u * u;
  }
  const double a = cubes / (6 * std::pow(squares, 1.5));

  const auto cut = [&](double p) {
    const double z = z0 + normal_quantile(p);
    const double q = normal_cdf(z0 + z / (1 - a * z));
    const double at =
        std::clamp(q * (B + 1) - 1, 0.0, B - 1);  // linear between the draws around rank q (B + 1)
    const size_t i = static_cast<size_t>(at);
    const double part = at - static_cast<double>(i);
    return i + 1 < means.size() ? means[i] * (1 - part) + means[i + 1] * part : means[i];
  };
  return Interval{cut(alpha / 2), cut(1 - alpha / 2)};
}

Result<double> clustered_standard_error(std::span<const double> x, std::span<const int64_t> cluster) {
  if (x.size() != cluster.size())
    return bad_input("clusters: expected " + std::to_string(x.size()) + " labels, found " +
                     std::to_string(cluster.size()));
  BW_TRY(const MeanDifference d, mean_difference(x));
  std::map<int64_t, double> sums;
  for (size_t i = 0; i < x.size(); ++i) sums[cluster[i]] += x[i] - d.mean;
  const double groups = static_cast<double>(sums.size());
  if (sums.size() < 2) return bad_input("one cluster alone shows no spread between clusters");
  double square = 0;
  for (const auto& [label, s] : sums) square += s * s;
  return std::sqrt(groups / (groups - 1) * square) / static_cast<double>(d.n);
}

}  // namespace bw::stats
