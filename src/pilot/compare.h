// Before against after, of one measure. In: values by case, or a declared number. Out: both figures, the gain
// with its interval, and what it shows against the margin. Sources: Welch 1947 (Biometrika 34:28-35);
// Newcombe 1998 (Statistics in Medicine 17:873-890, method 10, unpaired) and 17:2635-2650 (paired); Wilson
// 1927; Student 1908.
#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/figure.h"
#include "pilot/pilot.h"
#include "stats/proportions.h"

namespace bw::pilot {

enum class Word {
  shown,    // a gain: it is above 0
  refuted,  // a gain: even the best that the data allow is below the margin
  holds,    // a guard: it got worse by less than the margin
  fails,    // a guard: it got worse by more than the margin
  open      // neither, or fewer cases than planned
};
const char* name(Word word);

struct Comparison {
  Figure before, after;
  Figure gain;  // positive: better, in the measure's unit; with the interval at 1 - 2 alpha
  Word word = Word::open;
  std::string why;             // open: why
  int64_t n = 0, planned = 0;  // cases after; planned 0: could not be said
  std::string how;             // which comparison
};

using ByCase = std::map<std::string, double>;
// The words count from `planned` cases on: looking earlier and stopping at the first pleasant look would
// break alpha.
Comparison compare(const Plan& plan, const Measure& measure, const ByCase& before, const ByCase& after);

// Two independent shares, b - a: Newcombe's hybrid score interval at two-sided confidence 1 - alpha,
//   low = D - sqrt((p_b - l_b)^2 + (u_a - p_a)^2), high = D + sqrt((u_b - p_b)^2 + (p_a - l_a)^2), l and u
//   Wilson's.
stats::Interval newcombe_unpaired(int64_t k_a, int64_t n_a, int64_t k_b, int64_t n_b, double alpha);
// Two independent means, mean(b) - mean(a), Welch with Satterthwaite's degrees of freedom. Needs two values a
// side and a spread in one of them, else Error.
Result<stats::Interval> welch(const std::vector<double>& a, const std::vector<double>& b, double alpha);

}  // namespace bw::pilot
