// A bound said in plain words, and what a firm answer would need.
#pragma once
#include <string>

#include "quality/degradation.h"
#include "quality/pairs.h"

namespace bw::quality {

// "between 2 better and 9 worse in 100", ends rounded outward.
std::string bound_in_words(const stats::Interval& i);
// "a firm answer needs about 120 items (40 minutes: `--resume --budget 40m`)", by the observed mean and
// spread.
std::string advice(const Measure& m, const DecideOptions& options);

}  // namespace bw::quality
