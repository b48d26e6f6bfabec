#include "quality/words.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "stats/power.h"
#include "stats/special.h"

namespace bw::quality {

std::string bound_in_words(const stats::Interval& i) {
  // Rounded outward, but not by the dust of binary arithmetic.
  const int low = int(std::floor(i.low * 100 + 1e-9)), high = int(std::ceil(i.high * 100 - 1e-9));
  if (high < 0) return fmt::format("between {} and {} worse in 100", -high, -low);
  if (low > 0) return fmt::format("between {} and {} better in 100", low, high);
  return fmt::format("between {} better and {} worse in 100", high, -low);
}

std::string advice(const Measure& m, const DecideOptions& o) {
  const stats::Design design{o.alpha, o.power};
  const double d = std::abs(m.mean()), sd = m.sd();
  const auto needed = [&]() -> Result<int64_t> {
    if (d < o.margin && sd == 0) return stats::least_n_for_margin(o.margin, o.alpha);
    if (d < o.margin) return stats::n_for_equivalence(o.margin, sd, d, design);
    // One-sided test against a mean at the margin (normal approximation).
    const double z = stats::normal_quantile(1 - o.alpha) + stats::normal_quantile(o.power);
    const double n = std::ceil(std::pow(z * sd / (d - o.margin), 2));
    return n < 1e9 ? int64_t(n) : int64_t(1e9);
  }();
  const int64_t n_now = int64_t(m.differences.size());
  // Far more than anyone would run: the difference lies at the margin itself.
  if (!needed || *needed > std::max<int64_t>(100'000, 100 * n_now))
    return "the difference lies at the margin itself, which no number of items settles";
  const int64_t n = std::max(*needed, n_now + n_now / 4 + 1);
  std::string out = fmt::format("a firm answer needs about {} items", n);
  if (o.n_available && n > int64_t(o.n_available)) {
    out += fmt::format(", and the suite has {}", o.n_available);
  } else if (o.seconds_per_item > 0) {
    const int64_t minutes = int64_t(std::ceil(double(n) * o.seconds_per_item / 60));
    out += fmt::format(" ({} {}: `--resume --budget {}m`)", minutes, minutes == 1 ? "minute" : "minutes",
                       minutes);
  }
  return out;
}

}  // namespace bw::quality
