// Decisions against a margin: two one-sided tests by interval, and Holm's correction over categories.
// In: an interval of the paired difference, a margin > 0. Out: what it proves, at which p.
#pragma once
#include <functional>
#include <span>
#include <vector>

#include "base/result.h"
#include "stats/proportions.h"

namespace bw::stats {

// What a two-sided interval at confidence 1 - 2 alpha shows; each claim errs with probability at most alpha.
struct MarginTest {
  bool not_worse = false;   // low > -margin
  bool not_better = false;  // high < margin
  bool equivalent = false;  // both: two one-sided tests (Schuirmann 1987; Westlake 1981 by interval)
  bool worse = false;       // high < -margin: worse by more than the margin
  bool better = false;      // low > margin
  bool differs = false;     // 0 lies outside (says nothing about whether it matters)
};
// Refused: a margin that is not a positive finite number, an interval with NaN or low > high.
Result<MarginTest> against_margin(const Interval& interval, double margin);

// p-values of the same claims by inverting the interval: the least alpha at which it shows the claim.
struct MarginP {
  double not_worse = 1, not_better = 1, equivalent = 1, worse = 1, better = 1;
};
// interval(alpha) gives the two-sided interval at confidence 1 - alpha; it must shrink as alpha grows.
// p lies in [1e-9, 1]; a claim that the point estimate itself contradicts has p > 0.5 and is given as 1.
Result<MarginP> p_against_margin(const std::function<Interval(double alpha)>& interval, double margin);

// Holm 1979: adjusted p-values in the order given; claim i holds family-wise iff adjusted[i] <= alpha.
//   sorted p(1) <= ... <= p(m): adjusted(i) = max over j <= i of min(1, (m - j + 1) p(j)).
std::vector<double> holm(std::span<const double> p);

}  // namespace bw::stats
