#include "stats/power.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "stats/special.h"

namespace bw::stats {
namespace {

Status check(const Design& d) {
  if (d.alpha > 0 && d.alpha < 0.5 && d.power > 0.5 && d.power < 1) return {};
  return bad_input("design: expected 0 < alpha < 0.5 < power < 1, found alpha " + std::to_string(d.alpha) +
                   ", power " + std::to_string(d.power));
}
Status check_range(const char* what, double value, double low, double high) {
  if (value > low && value <= high) return {};
  return bad_input(std::string(what) + ": expected a value in (" + std::to_string(low) + ", " +
                   std::to_string(high) + "], found " + std::to_string(value));
}
double z(double upper_tail) {
  return -normal_quantile(upper_tail);
}
double needed_for_share(double d, double psi, const Design& design) {
  const double root =
      z(design.alpha) * std::sqrt(psi) + z(1 - design.power) * std::sqrt(std::max(0.0, psi - d * d));
  return root * root / (d * d);
}
// A need beyond 10^15 items is no plan; it also keeps the conversion defined.
int64_t whole(double n) {
  return static_cast<int64_t>(std::ceil(std::min(n, 1e15) - 1e-9));
}

}  // namespace

Result<int64_t> n_for_share_difference(double difference, double discordance, const Design& design) {
  BW_CHECK(check(design));
  BW_CHECK(check_range("discordance", discordance, 0, 1));
  BW_CHECK(check_range("difference", std::fabs(difference), 0, discordance));
  return whole(needed_for_share(std::fabs(difference), discordance, design));
}

Result<double> detectable_share_difference(int64_t n, double discordance, const Design& design) {
  BW_CHECK(check(design));
  BW_CHECK(check_range("discordance", discordance, 0, 1));
  const double nd = static_cast<double>(n);
  if (n < 1 || needed_for_share(discordance, discordance, design) > nd)
    return bad_input("with n = " + std::to_string(n) + " items and " + std::to_string(discordance) +
                         " of them flipping, not even flips all in one direction would show",
                     "judge more items");
  double shown = discordance, not_shown = 0;  // the need falls as the difference grows
  for (int i = 0; i < 100; ++i) {
    const double mid = (shown + not_shown) / 2;
    (needed_for_share(mid, discordance, design) <= nd ? shown : not_shown) = mid;
  }
  return shown;
}

Result<double> detectable_mean_difference(int64_t n, double sd, const Design& design) {
  BW_CHECK(check(design));
  if (n < 2) return bad_input("a paired mean needs at least 2 items, found " + std::to_string(n));
  BW_CHECK(check_range("standard deviation of the differences", sd, 0, 1e300));
  const double df = static_cast<double>(n - 1);
  const double reach = -student_t_quantile(design.alpha, df) - student_t_quantile(1 - design.power, df);
  return reach * sd / std::sqrt(static_cast<double>(n));
}

Result<int64_t> least_n_for_margin(double margin, double alpha) {
  BW_CHECK(check({alpha, 0.8}));
  BW_CHECK(check_range("margin", margin, 0, 1));
  if (margin == 1) return int64_t{1};
  // 1 - alpha^(1/n) < margin; strictly, so an exact hit needs one more.
  return static_cast<int64_t>(std::floor(std::log(alpha) / std::log1p(-margin) + 1e-12)) + 1;
}

Result<int64_t> n_for_equivalence(double margin, double sd, double difference, const Design& design) {
  BW_CHECK(check(design));
  BW_CHECK(check_range("standard deviation of the differences", sd, 0, 1e300));
  BW_TRY(const int64_t least, least_n_for_margin(margin, design.alpha));
  const double off = std::fabs(difference);
  if (!(off < margin))
    return bad_input("equivalence within " + std::to_string(margin) + " cannot be shown of a difference of " +
                     std::to_string(difference));
  // Centred, both one-sided tests may fail, so each gets half of the miss; off centre one of them decides.
  const double centred = z(design.alpha) + z((1 - design.power) / 2),
               one = z(design.alpha) + z(1 - design.power);
  const double n =
      std::max(off == 0 ? std::pow(centred * sd / margin, 2) : 0.0, std::pow(one * sd / (margin - off), 2));
  return std::max(least, whole(n));
}

Result<int64_t> n_for_not_worse(double margin, double sd, double difference, const Design& design) {
  BW_CHECK(check(design));
  BW_CHECK(check_range("standard deviation of the differences", sd, 0, 1e300));
  BW_TRY(const int64_t least, least_n_for_margin(margin, design.alpha));
  const double room = margin + difference;
  if (!(room > 0))
    return bad_input("`not worse` by " + std::to_string(margin) + " cannot be shown of a difference of " +
                     std::to_string(difference));
  return std::max(least, whole(std::pow((z(design.alpha) + z(1 - design.power)) * sd / room, 2)));
}

}  // namespace bw::stats
