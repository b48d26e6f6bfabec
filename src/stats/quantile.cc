#include "stats/quantile.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "stats/special.h"

namespace bw::stats {

int64_t least_n_for_upper_bound(double q, double confidence) {
  if (!(q > 0) || !(q < 1) || !(confidence > 0) || !(confidence < 1)) return -1;
  return static_cast<int64_t>(std::ceil(std::log(1 - confidence) / std::log(q) - 1e-12));
}

QuantileBounds quantile_bounds(std::span<const double> sample, double q, double confidence) {
  QuantileBounds b;
  b.n = static_cast<int64_t>(sample.size());
  if (!(q > 0) || !(q < 1) || !(confidence > 0) || !(confidence < 1)) {
    b.reason = "quantile and confidence must lie between 0 and 1";
    return b;
  }
  if (sample.empty()) {
    b.reason = "nothing was measured";
    return b;
  }
  if (std::any_of(sample.begin(), sample.end(), [](double v) { return std::isnan(v); })) {
    b.reason = "the sample holds values that are not numbers";
    return b;
  }
  std::vector<double> x(sample.begin(), sample.end());
  std::sort(x.begin(), x.end());
  // The 1e-9 keeps 0.95 * 100, which binary64 puts a hair above 95, from becoming rank 96.
  const auto rank = static_cast<int64_t>(std::ceil(static_cast<double>(b.n) * q - 1e-9));
  b.value = x[static_cast<size_t>(std::clamp<int64_t>(rank, 1, b.n) - 1)];
  for (int64_t u = 1; u <= b.n; ++u)
    // binomial_cdf(n - 1, n, q) = 1 - q^n: the largest observation is the last bound there is.
    if (binomial_cdf(u - 1, b.n, q) >= confidence) {
      b.high = x[static_cast<size_t>(u - 1)];
      break;
    }
  for (int64_t l = b.n; l >= 1; --l)
    if (binomial_cdf(l - 1, b.n, q) <= 1 - confidence) {
      b.low = x[static_cast<size_t>(l - 1)];
      break;
    }
  const auto percent = [&] {
    std::string p = std::to_string(q * 100);
    p.erase(p.find_last_not_of('0') + 1);
    if (p.back() == '.') p.pop_back();
    return "p" + p;
  };
  if (!b.high)
    b.reason = percent() +
               " has no upper bound below n = " + std::to_string(least_n_for_upper_bound(q, confidence)) +
               " (n = " + std::to_string(b.n) + ")";
  else if (!b.low)
    b.reason = percent() +
               " has no lower bound below n = " + std::to_string(least_n_for_upper_bound(1 - q, confidence)) +
               " (n = " + std::to_string(b.n) + ")";
  return b;
}

}  // namespace bw::stats
