// One category of one candidate, paired with the reference: what decides, and what it claims against a
// margin. In: cases of both. Out: differences and counts, intervals, p-values. No words and no control here:
// quality/decide.cc.
#pragma once
#include <map>
#include <string>
#include <vector>

#include "quality/quality.h"
#include "stats/margin.h"
#include "stats/paired.h"
#include "stats/proportions.h"

namespace bw::quality {

struct Pair {
  const CaseResult* reference = nullptr;
  CaseResult candidate;  // a copy: fragility is found by changing it
};

// Pairs by item id, in the candidate's order, by category. Items that only one side finished are left out.
std::map<std::string, std::vector<Pair>> pair_up(const std::vector<CaseResult>& reference,
                                                 const std::vector<CaseResult>& candidate);

struct Measure {
  bool graded = false;              // else every score is the truth
  std::vector<double> differences;  // candidate - reference, of the score
  stats::PairedCounts counts;       // of the truth
  double mean() const;
  double sd() const;  // n - 1 in the denominator; 0 below two items
  // Two-sided at confidence 1 - alpha: stats::paired_interval, or Newcombe-10 where not graded. [-1, 1] below
  // two items.
  stats::Interval interval(double alpha) const;
  // Which claims hold at which p. Needs a margin > 0.
  Result<stats::MarginP> claims(double margin) const;
};
Measure measure(const std::vector<Pair>& pairs);

// The word that adjusted p-values allow at alpha, before control and floor are asked.
Equivalence word(const stats::MarginP& adjusted, double alpha);
// Holm over categories, each kind of claim apart.
std::vector<stats::MarginP> adjust(const std::vector<stats::MarginP>& raw);

}  // namespace bw::quality
