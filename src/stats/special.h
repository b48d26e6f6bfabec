// The distribution functions that the tests and intervals stand on, in binary64.
// In: real arguments. Out: probabilities and quantiles; NaN outside a function's domain.
// Accuracy is tested against SciPy 1.17: relative 1e-11 for cumulative functions, 1e-8 for quantiles,
// parameters up to 10^4.
#pragma once
#include <cstdint>

namespace bw::stats {

// Regularised incomplete beta I_x(a, b), a > 0, b > 0, 0 <= x <= 1.
// Continued fraction of DLMF 8.17.22 by Lentz's method, reflected by I_x(a, b) = 1 - I_{1-x}(b, a) where that
// converges faster.
double incomplete_beta(double a, double b, double x);
// x with I_x(a, b) = p.
double incomplete_beta_inverse(double a, double b, double p);

double normal_cdf(double x);
double normal_quantile(double p);                // 0 < p < 1
double student_t_cdf(double t, double df);       // df > 0; DLMF 8.17 with x = df / (df + t^2)
double student_t_quantile(double p, double df);  // 0 < p < 1
// P(X <= k), X binomial(n, p): I_{1-p}(n - k, k + 1). 0 below k = 0, 1 from k = n on.
double binomial_cdf(int64_t k, int64_t n, double p);

}  // namespace bw::stats
