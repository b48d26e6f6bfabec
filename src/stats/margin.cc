#include "stats/margin.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace bw::stats {
namespace {
Status check_margin(double margin) {
  if (std::isfinite(margin) && margin > 0) return {};
  return bad_input("margin: expected a positive number, found " + std::to_string(margin),
                   "declare the loss that would not matter, e.g. 0.05 for 5 in 100");
}
}  // namespace

Result<MarginTest> against_margin(const Interval& i, double margin) {
  BW_CHECK(check_margin(margin));
  if (!(i.low <= i.high)) return bad_input("an interval whose low end is not below its high end");
  MarginTest t;
  t.not_worse = i.low > -margin;
  t.not_better = i.high < margin;
  t.equivalent = t.not_worse && t.not_better;
  t.worse = i.high < -margin;
  t.better = i.low > margin;
  t.differs = i.low > 0 || i.high < 0;
  return t;
}

Result<MarginP> p_against_margin(const std::function<Interval(double)>& interval, double margin) {
  BW_CHECK(check_margin(margin));
  // One-sided alpha stands for the two-sided interval at 1 - 2 alpha. claim(alpha) turns true once and stays
  // so.
  const auto least_alpha = [&](const auto& claim) {
    double shown = 0.5 - 1e-9, not_shown = 1e-9;
    if (!claim(interval(2 * shown))) return 1.0;
    if (claim(interval(2 * not_shown))) return not_shown;
    for (int i = 0; i < 100 && shown / not_shown > 1 + 1e-7; ++i) {
      const double mid = std::sqrt(shown * not_shown);
      (claim(interval(2 * mid)) ? shown : not_shown) = mid;
    }
    return shown;
  };
  MarginP p;
  p.not_worse = least_alpha([&](const Interval& i) { return i.low > -margin; });
  p.not_better = least_alpha([&](const Interval& i) { return i.high < margin; });
  p.equivalent = std::max(p.not_worse, p.not_better);
  p.worse = least_alpha([&](const Interval& i) { return i.high < -margin; });
  p.better = least_alpha([&](const Interval& i) { return i.low > margin; });
  return p;
}

std::vector<double> holm(std::span<const double> p) {
  std::vector<size_t> order(p.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return p[a] < p[b]; });
  std::vector<double> adjusted(p.size());
  double most = 0;
  for (size_t i = 0; i < order.size(); ++i) {
    most = std::max(most, std::min(1.0, static_cast<double>(p.size() - i) * p[order[i]]));
    adjusted[order[i]] = most;
  }
  return adjusted;
}

}  // namespace bw::stats
