#include "stats/special.h"

#include <cmath>
#include <limits>

namespace bw::stats {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

// glibc's lgamma writes a global sign; the _r form does not, so two threads may work out intervals at once.
double log_gamma(double x) {
  int sign = 0;
  return lgamma_r(x, &sign);
}

// The continued fraction of DLMF 8.17.22 without its factor x^a (1-x)^b / (a B(a, b)), by Lentz's method.
double beta_fraction(double a, double b, double x) {
  constexpr double tiny = 1e-300;
  double c = 1, d = 1 - (a + b) * x / (a + 1);
  d = 1 / (std::fabs(d) < tiny ? tiny : d);
  double h = d;
  for (int m = 1; m <= 10000; ++m) {  // about sqrt(max(a, b)) terms are needed
    const auto step = [&](double coefficient) {
      d = 1 + coefficient * d;
      d = 1 / (std::fabs(d) < tiny ? tiny : d);
      c = 1 + coefficient / c;
      if (std::fabs(c) < tiny) c = tiny;
      h *= d * c;
      return d * c;
    };
    step(m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)));
    const double factor = step(-(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)));
    if (std::fabs(factor - 1) < 4e-16) break;
  }
  return h;
}

// x in [low, high] with f(x) = p, f rising: bisection until the two ends are neighbours.
template <class F>
double invert(const F& f, double p, double low, double high) {
  for (int i = 0; i < 2200; ++i) {
    const double mid = low + (high - low) / 2;
    if (mid <= low || mid >= high) break;
    (f(mid) < p ? low : high) = mid;
  }
  return high;
}

}  // namespace

double incomplete_beta(double a, double b, double x) {
  if (!(a > 0) || !(b > 0) || !(x >= 0) || !(x <= 1)) return kNaN;
  if (x == 0 || x == 1) return x;
  const double front =
      std::exp(log_gamma(a + b) - log_gamma(a) - log_gamma(b) + a * std::log(x) + b * std::log1p(-x));
  if (x <= (a + 1) / (a + b + 2)) return front * beta_fraction(a, b, x) / a;
  return 1 - front * beta_fraction(b, a, 1 - x) / b;
}

double incomplete_beta_inverse(double a, double b, double p) {
  if (!(a > 0) || !(b > 0) || !(p >= 0) || !(p <= 1)) return kNaN;
  if (p == 0 || p == 1) return p;
  return invert([&](double x) { return incomplete_beta(a, b, x); }, p, 0.0, 1.0);
}

double normal_cdf(double x) {
  return 0.5 * std::erfc(-x / std::sqrt(2.0));
}

double normal_quantile(double p) {
  if (!(p > 0) || !(p < 1)) return kNaN;
  if (p == 0.5) return 0;
  // By symmetry the small tail is inverted, where erfc keeps its relative precision.
  if (p > 0.5) return -normal_quantile(1 - p);
  return invert(normal_cdf, p, -40.0, 0.0);
}

double student_t_cdf(double t, double df) {
  if (!(df > 0) || std::isnan(t)) return kNaN;
  if (std::isinf(t)) return t > 0 ? 1 : 0;
  // From t^2 = 3 on incomplete_beta gives the small tail directly; nearer to 0 it would have to subtract from
  // 1, and there the complement, of argument t^2 / (df + t^2), is the exact one.
  const double t2 = t * t;
  const double tail = t2 > 3 ? 0.5 * incomplete_beta(df / 2, 0.5, df / (df + t2))
                             : 0.5 - 0.5 * incomplete_beta(0.5, df / 2, t2 / (df + t2));
  return t > 0 ? 1 - tail : tail;
}

double student_t_quantile(double p, double df) {
  if (!(p > 0) || !(p < 1) || !(df > 0)) return kNaN;
  if (p == 0.5) return 0;
  if (p > 0.5) return -student_t_quantile(1 - p, df);
  double low = -1;
  while (student_t_cdf(low, df) > p && low > -1e300) low *= 2;
  return invert([&](double t) { return student_t_cdf(t, df); }, p, low, 0.0);
}

double binomial_cdf(int64_t k, int64_t n, double p) {
  if (n < 0 || !(p >= 0) || !(p <= 1)) return kNaN;
  if (k < 0) return 0;
  if (k >= n) return 1;
  return incomplete_beta(static_cast<double>(n - k), static_cast<double>(k + 1), 1 - p);
}

}  // namespace bw::stats
