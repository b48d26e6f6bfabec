// A bound said in plain words, and what a firm answer would need.
#pragma once
#include <string>

#include "quality/degradation.h"
#include "quality/pairs.h"

namespace bw::quality {

// "between 2 better and 9 worse in 100", ends rounded outward.
std::string bound_in_words(const stats::Interval& i);
// "a firm answer needs about 120 items, if the difference and spread seen so far stay (40 minutes: `--resume
// --items 120 --budget 40m`)". Where the difference lies so near the margin that this number would be out of
// all proportion, it says that instead, and how many items would do if there were no difference. The plan's
// number (plan_tasks) stands on assumptions instead of what was seen, and says so.
struct Advice {
  std::string text;
  int64_t n_items = 0;  // with how many to go on; 0: more would not help, or the suite has not so many
  double seconds = 0;   // of the tasks with so many, over all deployments; 0: unknown
};
Advice advice(const Measure& m, const DecideOptions& options);
// Empty, or why the items say little: the reference fails nearly all of them, so no further loss could show,
// or solves nearly all, so no gain could. `mean`: the reference's, of the deciding measure, over n items.
std::string discrimination(double mean, size_t n);

}  // namespace bw::quality
