// From paired cases to one word a category: claims, Holm, floor, control, fragility; every figure with its
// birth.
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "quality/degradation.h"
#include "quality/pairs.h"
#include "quality/words.h"

namespace bw::quality {
namespace {
using enum Equivalence;
using Pairs = std::map<std::string, std::vector<Pair>>;

// What the figures alone say of one candidate, category by category.
struct Judged {
  std::map<std::string, Measure> measures;
  std::map<std::string, Equivalence> words;
};
Result<Judged> judge(const Pairs& pairs, const DecideOptions& o) {
  Judged j;
  std::vector<stats::MarginP> raw;
  for (const auto& [category, members] : pairs) {
    const Measure& m = j.measures[category] = measure(members);
    BW_TRY(stats::MarginP p, m.claims(o.margin));
    raw.push_back(p);
  }
  const auto adjusted = adjust(raw);
  size_t i = 0;
  for (const auto& [category, members] : pairs) j.words[category] = word(adjusted[i++], o.alpha);
  return j;
}

double mean_score(const std::vector<Pair>& pairs) {
  double s = 0;
  for (const Pair& p : pairs) s += p.reference->score;
  return s / double(pairs.size());
}

// What may be said where the control did not do its part.
Equivalence allowed(Equivalence figures, bool control_worse) {
  return figures == equivalent && !control_worse ? cannot_tell : figures;
}

// The least k such that k more failed items change the word of `category`: the candidate's best answers fail
// first. Once changed it stays so, hence bisection. 0: none would.
Result<uint32_t> fragility(const Pairs& pairs, const std::string& category, bool control_worse,
                           const DecideOptions& o) {
  std::vector<size_t> best;
  const auto& members = pairs.at(category);
  for (size_t i = 0; i < members.size(); ++i)
    if (members[i].candidate.score > 0 || members[i].candidate.truth) best.push_back(i);
  std::stable_sort(best.begin(), best.end(), [&](size_t a, size_t b) {
    const auto key = [&](size_t i) {
      return std::pair(members[i].candidate.score, members[i].reference->truth);
    };
    return key(a) > key(b);
  });
  const auto with = [&](size_t k) -> Result<Equivalence> {
    Pairs changed = pairs;
    for (size_t i = 0; i < k; ++i) {
      CaseResult& c = changed[category][best[i]].candidate;
      c.score = 0;
      c.truth = false;
    }
    BW_TRY(const Judged j, judge(changed, o));
    return allowed(j.words.at(category), control_worse);
  };
  if (best.empty()) return 0u;
  BW_TRY(const Equivalence now, with(0));
  BW_TRY(const Equivalence all, with(best.size()));
  if (all == now) return 0u;
  size_t same = 0, other = best.size();
  while (other - same > 1) {
    const size_t mid = (same + other) / 2;
    BW_TRY(const Equivalence e, with(mid));
    (e == now ? same : other) = mid;
  }
  return uint32_t(other);
}

Figure share(int64_t k, int64_t n, double alpha, const char* how) {
  const stats::Interval i = stats::wilson(k, n, 2 * alpha);
  return with_interval(measured(double(k) / double(n), "share", how), i.low, i.high, n);
}

Figure mean_figure(const std::vector<double>& values, double alpha) {
  double sum = 0;
  for (const double v : values) sum += v;
  Figure f = measured(sum / double(values.size()), "share", "mean graded truth");
  f.n = int64_t(values.size());
  const auto d = stats::mean_difference(values);
  if (!d) return f;
  const stats::Interval i = stats::t_interval(*d, 2 * alpha);
  return with_interval(f, std::max(0.0, i.low), std::min(1.0, i.high), d->n);
}

// The first answer production would take though it is wrong, in suite order; one that the reference had right
// counts before one that it had wrong too, for it is what the change brought.
std::string first_silent_failure(const std::vector<Pair>& pairs) {
  for (const bool reference_right : {true, false})
    for (const auto& [r, c] : pairs)
      if (c.accepted && !c.truth && r->truth == reference_right) return fmt::format("{}: {}", c.id, c.output);
  return {};
}

CategoryReport report(const std::string& category, const std::vector<Pair>& pairs, const Measure& m,
                      const DecideOptions& o, bool same_text) {
  CategoryReport r;
  r.category = category;
  const int64_t n = int64_t(pairs.size());
  r.n_items = uint32_t(n);
  std::vector<double> reference, candidate;
  int64_t silent = 0, silent_reference = 0, tokens = 0, tokens_reference = 0;
  for (const auto& [ref, c] : pairs) {
    reference.push_back(ref->score);
    candidate.push_back(c.score);
    silent += c.accepted && !c.truth;
    silent_reference += ref->accepted && !ref->truth;
    tokens += c.n_output_tokens;
    tokens_reference += ref->n_output_tokens;
  }
  const stats::PairedCounts& k = m.counts;
  r.reference_truth = share(k.both_right + k.worse, n, o.alpha, "exactly right, Wilson");
  r.candidate_truth = share(k.both_right + k.better, n, o.alpha, "exactly right, Wilson");
  r.reference_score = mean_figure(reference, o.alpha);
  r.candidate_score = mean_figure(candidate, o.alpha);
  r.flips_worse = uint32_t(k.worse);
  r.flips_better = uint32_t(k.better);
  r.mcnemar_p = measured(stats::mcnemar_exact(k.worse, k.better), "p", "McNemar, exact, two-sided");
  const stats::Interval newcombe = stats::newcombe10(k, 2 * o.alpha);
  r.newcombe = with_interval(measured(k.difference(), "share", "exact shares, Newcombe-10"), newcombe.low,
                             newcombe.high, n);
  r.deciding = (m.graded ? o.score_name : "exact") + ", paired";
  const stats::Interval i = m.interval(2 * o.alpha);
  r.difference = with_interval(
      measured(m.mean(), "share",
               fmt::format("candidate - reference, {:.0f} % interval", 100 * (1 - 2 * o.alpha))),
      i.low, i.high, n);
  r.margin = declared(o.margin, "share");
  r.silent_failures = share(silent, n, o.alpha, "accepted but not true, Wilson");
  r.silent_failures_reference = share(silent_reference, n, o.alpha, "accepted but not true, Wilson");
  r.output_length_ratio = !same_text              ? unknown("ratio", "other vocabulary")
                          : tokens_reference == 0 ? unknown("ratio", "the reference wrote nothing")
                                                  : measured(double(tokens) / double(tokens_reference),
                                                             "ratio", "tokens of output");
  r.first_silent_failure = first_silent_failure(pairs);
  return r;
}

// The word once the floor and the control were asked, and why, in plain words.
void conclude(CategoryReport& r, Equivalence figures, const Measure& m, double reference_mean,
              bool control_worse, const std::string& control_note, const DecideOptions& o) {
  const std::string bound = fmt::format("{}{}", m.graded ? o.score_name + " " : "",
                                        bound_in_words({*r.difference.low, *r.difference.high}));
  const std::string margin = fmt::format("the margin of {:.3g} in 100", o.margin * 100);
  r.outcome = allowed(figures, control_worse);
  if (reference_mean <= std::max(o.floor, o.margin)) {
    r.outcome = not_measurable;
    r.plain = fmt::format(
        "not measurable: the reference itself reaches only {:.3g} in 100, so a loss could not show",
        reference_mean * 100);
  } else if (figures == equivalent && !control_worse) {
    r.plain = fmt::format("{}; within {}, but not called equivalent: {}", bound, margin, control_note);
  } else if (figures == equivalent) {
    r.plain = fmt::format("{}; within {}", bound, margin);
  } else if (figures == worse || figures == better) {
    r.plain = fmt::format("{}; {} than {}", bound, name(figures), margin);
  } else {
    const Advice more = advice(m, o);
    r.plain = fmt::format("{}; {}", bound, more.text);
    r.items_to_decide = uint64_t(more.n_items);
    r.seconds_to_decide = more.seconds;
  }
}

CategoryReport nothing(const std::string& category, const DecideOptions& o) {
  CategoryReport r;
  r.category = category;
  r.plain = "no item was finished by both: give it a larger budget with `--resume`";
  r.margin = declared(o.margin, "share");
  for (Figure* f : {&r.reference_truth, &r.candidate_truth, &r.reference_score, &r.candidate_score,
                    &r.difference, &r.newcombe, &r.silent_failures, &r.silent_failures_reference})
    *f = unknown("share", "no item was finished by both");
  r.mcnemar_p = unknown("p", "no item was finished by both");
  r.output_length_ratio = unknown("ratio", "no item was finished by both");
  return r;
}

// What the control says in one category, if it was run.
struct Control {
  bool ran = false, was_worse = false;
  std::string note;
};
}  // namespace

const char* name(Equivalence e) {
  switch (e) {
    case equivalent:
      return "equivalent";
    case worse:
      return "worse";
    case better:
      return "better";
    case cannot_tell:
      return "cannot tell";
    case not_measurable:
      return "not measurable";
  }
  return "cannot tell";
}

Result<std::vector<DegradationReport>> decide(const SuiteRun& reference,
                                              std::span<const CandidateRun> candidates, const TaskPlan& plan,
                                              const DecideOptions& o) {
  std::set<std::string> categories;
  for (const auto& [category, c] : plan.categories)
    if (c.n_items > 0) categories.insert(category);
  std::vector<Pairs> pairs;
  std::vector<Judged> judged;
  std::map<std::string, Control> controls;
  for (const CandidateRun& c : candidates) {
    if (!c.run) return failed(fmt::format("{}: was not run", c.name));
    pairs.push_back(pair_up(reference.cases, c.run->cases));
    BW_TRY(judged.emplace_back(), judge(pairs.back(), o));
    if (!c.is_control) continue;
    for (const auto& [category, e] : judged.back().words) {
      Control& k = controls[category];
      k.ran = true;
      k.was_worse |= e == worse;
      k.note = fmt::format("the control {} came out `{}` ({})", c.name, name(e),
                           bound_in_words(judged.back().measures[category].interval(2 * o.alpha)));
    }
  }
  std::vector<DegradationReport> out;
  for (size_t i = 0; i < candidates.size(); ++i) {
    DegradationReport& d = out.emplace_back();
    d.cases = candidates[i].run->cases;
    d.control_was_worse = !categories.empty();
    const bool same_text = candidates[i].run->text_digest == reference.text_digest;
    for (const std::string& category : categories) {
      Control k = controls[category];
      if (!k.ran) k.note = "no control was run beside it";
      d.control_was_worse &= k.was_worse;
      if (!d.control_note.empty()) d.control_note += "; ";
      d.control_note += fmt::format("{}: {}", category, k.note);
      const auto found = pairs[i].find(category);
      CategoryReport& r = d.categories[category] =
          found == pairs[i].end()
              ? nothing(category, o)
              : report(category, found->second, judged[i].measures[category], o, same_text);
      r.minimum_detectable = plan.categories.at(category).minimum_detectable;
      if (found == pairs[i].end()) continue;
      const Equivalence figures = judged[i].words[category];
      r.warning = discrimination(mean_score(found->second), found->second.size());
      conclude(r, figures, judged[i].measures[category], mean_score(found->second), k.was_worse, k.note, o);
      if (r.outcome == not_measurable) continue;
      BW_TRY(r.more_failures_flip, fragility(pairs[i], category, k.was_worse, o));
    }
  }
  return out;
}

}  // namespace bw::quality
