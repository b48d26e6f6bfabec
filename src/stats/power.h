// Before the run: what n items can show at all, and how many items a margin needs.
// In: n or a margin, one-sided alpha, power, an assumption about how much answers change. Out: effect or n.
// Approximations; the assumption is the caller's and must be shown beside the result.
#pragma once
#include <cstdint>

#include "base/result.h"

namespace bw::stats {

struct Design {
  double alpha = 0.05;  // one-sided
  double power = 0.80;
};

// Paired shares, `discordance` = assumed share of items that flip either way (Connor 1987; Lachin 1992):
//   n = (z_a sqrt(psi) + z_b sqrt(psi - d^2))^2 / d^2. Gives the least d > 0 that n shows; at most the
//   discordance.
// Refused where even d = discordance (all flips in one direction) is not shown by n items.
Result<double> detectable_share_difference(int64_t n, double discordance, const Design& design = {});
Result<int64_t> n_for_share_difference(double difference, double discordance, const Design& design = {});

// Paired means, sd of the differences assumed: d = (z_a + z_b) sd / sqrt(n), with t quantiles of n - 1 for z.
Result<double> detectable_mean_difference(int64_t n, double sd, const Design& design = {});

// Items to show equivalence within +-margin when the truth is `difference` (two one-sided tests; Julious
// 2004):
//   |difference| = 0: n = (z_a + z_{b/2})^2 sd^2 / margin^2; otherwise about (z_a + z_b)^2 sd^2 / (margin -
//   |diff|)^2.
// For shares sd^2 = discordance - difference^2. Never below least_n_for_margin.
Result<int64_t> n_for_equivalence(double margin, double sd, double difference = 0, const Design& design = {});
// Items to show "not worse by more than margin": n = (z_a + z_b)^2 sd^2 / (margin + difference)^2, difference
// > -margin.
Result<int64_t> n_for_not_worse(double margin, double sd, double difference = 0, const Design& design = {});

// With fewer items than this nothing can show the margin, not even answers that never change:
//   least n with 1 - alpha^(1/n) < margin (exact binomial, no change seen). margin 0.05, alpha 0.05: 59.
Result<int64_t> least_n_for_margin(double margin, double alpha = 0.05);

}  // namespace bw::stats
