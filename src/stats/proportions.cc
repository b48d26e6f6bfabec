#include "stats/proportions.h"

#include <algorithm>
#include <cmath>

#include "stats/special.h"

namespace bw::stats {

Interval wilson(int64_t k, int64_t n, double alpha) {
  if (n <= 0) return {0, 1};
  const double z = -normal_quantile(alpha / 2), z2 = z * z;
  const double kd = static_cast<double>(k), nd = static_cast<double>(n);
  const double half = z * std::sqrt(z2 + 4 * kd * (1 - kd / nd));
  const double low = (2 * kd + z2 - half) / (2 * (nd + z2)), high = (2 * kd + z2 + half) / (2 * (nd + z2));
  // At the ends the formula is exactly 0 or 1; rounding is not.
  return {k == 0 ? 0.0 : low, k == n ? 1.0 : high};
}

double share_lower_bound(int64_t k, int64_t n, double alpha) {
  if (n <= 0 || k <= 0) return 0;
  return incomplete_beta_inverse(static_cast<double>(k), static_cast<double>(n - k + 1), alpha);
}

double share_upper_bound(int64_t k, int64_t n, double alpha) {
  if (n <= 0 || k >= n) return 1;
  return incomplete_beta_inverse(static_cast<double>(k + 1), static_cast<double>(n - k), 1 - alpha);
}

double mcnemar_exact(int64_t worse, int64_t better) {
  return std::min(1.0, 2 * binomial_cdf(std::min(worse, better), worse + better, 0.5));
}

Interval newcombe10(const PairedCounts& t, double alpha) {
  const int64_t n = t.n();
  if (n <= 0) return {-1, 1};
  const int64_t right_r = t.both_right + t.worse, right_c = t.both_right + t.better;
  const double nd = static_cast<double>(n);
  const double p_r = static_cast<double>(right_r) / nd, p_c = static_cast<double>(right_c) / nd;
  const Interval r = wilson(right_r, n, alpha), c = wilson(right_c, n, alpha);

  const double margins = static_cast<double>(right_r) * static_cast<double>(n - right_r) *
                         static_cast<double>(right_c) * static_cast<double>(n - right_c);
  double phi = 0;
  if (margins > 0) {
    double numerator = static_cast<double>(t.both_right) * static_cast<double>(t.both_wrong) -
                       static_cast<double>(t.worse) * static_cast<double>(t.better);
    if (numerator > 0) numerator = std::max(numerator - nd / 2, 0.0);
    phi = numerator / std::sqrt(margins);
  }
  const auto reach = [&](double a, double b) {
    return std::sqrt(std::max(0.0, a * a - 2 * phi * a * b + b * b));
  };
  const double d = t.difference();
  return {d - reach(p_c - c.low, r.high - p_r), d + reach(c.high - p_c, p_r - r.low)};
}

}  // namespace bw::stats
