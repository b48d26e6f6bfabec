#include "stats/sequential.h"

#include <algorithm>
#include <cmath>
#include <string>

namespace bw::stats {

// How much of the capital one bet may risk; the paper suggests 1/2 or 3/4. With answers that hardly ever
// change the bets sit at this cap, and 3/4 then needs a third fewer items.
constexpr double kMostBet = 0.75;

ConfidenceSequence::ConfidenceSequence(double alpha) : alpha_(alpha) {}

Status ConfidenceSequence::add(double d) {
  if (!(d >= -1) || !(d <= 1))
    return bad_input("a paired difference must lie in [-1, 1], found " + std::to_string(d));
  const double x = (d + 1) / 2, i = static_cast<double>(x_.size() + 1);
  // Variance and mean of the i - 1 values before, with one value of 1/2 and variance 1/4 as prior.
  const double variance = square_ / i;
  lambda_.push_back(std::sqrt(2 * std::log(1 / alpha_) / (variance * i * std::log(1 + i))));
  x_.push_back(x);
  sum_ += x;
  const double mean = sum_ / (i + 1);
  square_ += (x - mean) * (x - mean);
  return {};
}

double ConfidenceSequence::log_capital(double m, bool upward) const {
  double log_k = 0;
  for (size_t i = 0; i < x_.size(); ++i) {
    const double room = upward ? m : 1 - m;
    const double bet = std::min(lambda_[i], kMostBet / std::max(room, 1e-12));
    log_k += std::log1p((upward ? bet : -bet) * (x_[i] - m));
  }
  return log_k;
}

Interval ConfidenceSequence::interval() {
  const bool usable = alpha_ > 0 && alpha_ < 0.5;
  if (usable && x_.size() > looked_) {
    looked_ = x_.size();
    const double refuted = std::log(1 / alpha_);
    const double mean = (sum_ - 0.5) / static_cast<double>(x_.size());
    // Bisection between the far end and the observed mean keeps `out` refuted, so the edge errs outward.
    const auto edge = [&](double far, bool upward) {
      if (log_capital(far, upward) < refuted) return far;
      double out = far, in = mean;
      for (int i = 0; i < 40; ++i) {
        const double mid = (out + in) / 2;
        (log_capital(mid, upward) >= refuted ? out : in) = mid;
      }
      return out;
    };
    const Interval look{edge(0, true), edge(1, false)};
    const Interval both{std::max(now_.low, look.low), std::min(now_.high, look.high)};
    // An empty intersection has probability <= 2 alpha; the present look alone is then still covered by
    // Ville's bound.
    now_ = both.low <= both.high ? both : look;
  }
  return {2 * now_.low - 1, 2 * now_.high - 1};
}

}  // namespace bw::stats
