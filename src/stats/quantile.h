// Quantiles of measured times with bounds that assume nothing about their distribution.
// In: the sample in any order, a quantile q. Out: the observed quantile and order-statistic bounds, or why
// not.
#pragma once
#include <cstdint>
#include <optional>
#include <span>
#include <string>

namespace bw::stats {

struct QuantileBounds {
  std::optional<double> value;  // x(ceil(n q)), an observed value; none for an empty sample or one with NaN
  std::optional<double> low;    // each bound holds with probability >= confidence by itself
  std::optional<double> high;
  int64_t n = 0;
  std::string reason;  // why a bound is absent: "p95 has no upper bound below n = 59 (n = 20)"; else empty
};

// Order statistics (David, Nagaraja 2003, section 7.1), exact for continuous data, safe with ties:
//   P(Q_q <= x(u)) >= P(B <= u - 1), P(Q_q >= x(l)) >= P(B >= l), B binomial(n, q);
//   u = least with P(B <= u - 1) >= confidence, l = greatest with P(B <= l - 1) <= 1 - confidence.
// Both bounds together: at least 2 confidence - 1 (0.90 for 0.95).
QuantileBounds quantile_bounds(std::span<const double> sample, double q, double confidence = 0.95);
// Least n with an upper bound at all: q^n <= 1 - confidence. q = 0.95: 59; q = 0.99: 299 (at 0.95).
int64_t least_n_for_upper_bound(double q, double confidence = 0.95);

}  // namespace bw::stats
