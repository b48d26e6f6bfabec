// What can be said of a candidate's answers alone, where there is no reference to compare with.
#include "judge/run.h"

namespace bw::judge {

quality::CategoryReport absolute(const std::string& category, const quality::SuiteRun& r, const TaskRun& t,
                                 const std::string& why) {
  quality::CategoryReport c;
  c.category = category;
  c.plain = "not compared: " + why;
  c.margin = declared(t.options.margin, "share");
  c.minimum_detectable = t.plan.categories.at(category).minimum_detectable;
  double right = 0, score = 0, silent = 0;
  for (const quality::CaseResult& x : r.cases) {
    if (x.category != category) continue;
    ++c.n_items;
    right += x.truth;
    score += x.score;
    silent += x.accepted && !x.truth;
    if (x.accepted && !x.truth && c.first_silent_failure.empty())
      c.first_silent_failure = x.id + ": " + x.output;
  }
  const auto share = [&](double sum) {
    if (c.n_items == 0) return unknown("share", "no item was finished");
    Figure f = measured(sum / c.n_items, "share");
    f.n = c.n_items;
    return f;
  };
  c.candidate_truth = share(right);
  c.candidate_score = share(score);
  c.silent_failures = share(silent);
  c.reference_truth = c.reference_score = c.silent_failures_reference = unknown("share", why);
  c.difference = c.newcombe = unknown("share", why);
  c.mcnemar_p = unknown("p", why);
  c.output_length_ratio = unknown("ratio", why);
  return c;
}

}  // namespace bw::judge
