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

namespace {

// A difference is settled by (z sd / (margin - |difference|))^2 items. Ten times what no difference would
// need is a difference within about a third of the margin's width from the margin: then more items will
// sooner move the difference than settle it where it is.
constexpr double kAtMargin = 10;

constexpr double kNearFloor = 0.10, kNearCeiling = 0.95;  // of the reference's mean

// What it takes to have n items: " (40 minutes: `--resume --items 120 --budget 40m`)", or that the suite has
// not so many.
Advice with_items(std::string text, int64_t n, const DecideOptions& o) {
  if (o.n_available && n > int64_t(o.n_available))
    return {fmt::format("{}; the suite has {}", text, o.n_available), 0, 0};
  const double seconds = double(n) * std::max(0.0, o.seconds_per_item);
  if (seconds > 0) {
    const auto minutes = int64_t(std::ceil(seconds / 60));
    text += fmt::format(" ({} {}: `--resume --items {} --budget {}m`)", minutes,
                        minutes == 1 ? "minute" : "minutes", n, minutes);
  }
  return {std::move(text), n, seconds};
}

}  // namespace

Advice advice(const Measure& m, const DecideOptions& o) {
  const stats::Design design{o.alpha, o.power};
  const double d = std::abs(m.mean()), sd = m.sd();
  const auto n_now = int64_t(m.differences.size());
  // If there were no difference, with the spread that was seen.
  const auto at_zero = sd == 0 ? stats::least_n_for_margin(o.margin, o.alpha)
                               : stats::n_for_equivalence(o.margin, sd, 0, design);
  const auto needed = [&]() -> Result<int64_t> {
    if (d < o.margin && sd == 0) return stats::least_n_for_margin(o.margin, o.alpha);
    if (d < o.margin) return stats::n_for_equivalence(o.margin, sd, d, design);
    // One-sided test against a mean at the margin (normal approximation).
    const double z = stats::normal_quantile(1 - o.alpha) + stats::normal_quantile(o.power);
    const double n = std::ceil(std::pow(z * sd / (d - o.margin), 2));
    return n < 1e9 ? int64_t(n) : int64_t(1e9);
  }();
  if (!needed || (at_zero && double(*needed) > kAtMargin * double(*at_zero))) {
    std::string out = fmt::format(
        "the difference seen so far, {:.1f} in 100, lies at the margin itself, where no realistic number of "
        "items settles it",
        d * 100);
    if (at_zero && *at_zero > n_now)
      return with_items(fmt::format("{}; if there is none in truth, about {} items show that", out, *at_zero),
                        *at_zero, o);
    return {std::move(out), 0, 0};
  }
  const int64_t n = std::max(*needed, n_now + n_now / 4 + 1);
  return with_items(
      fmt::format("a firm answer needs about {} items, if the difference and spread seen so far stay", n), n,
      o);
}

std::string discrimination(double mean, size_t n) {
  if (n == 0) return {};
  if (mean <= kNearFloor)
    return fmt::format(
        "the reference itself reaches only {:.3g} in 100 over these {} items: they are too hard for it, and "
        "a "
        "loss can hardly show on them",
        mean * 100, n);
  if (mean >= kNearCeiling)
    return fmt::format(
        "the reference reaches {:.3g} in 100 over these {} items: they are so easy for it that no gain can "
        "show, and a loss on harder inputs would not",
        mean * 100, n);
  return {};
}

}  // namespace bw::quality
