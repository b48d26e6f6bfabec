#include "judge/verdict.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace bw::judge {

using scenario::Axis;

const char* name(Word word) {
  switch (word) {
    case Word::worth_it:
      return "worth it";
    case Word::not_worth_it:
      return "not worth it";
    case Word::moved:
      return "moved, not reduced";
    case Word::cannot_tell:
      return "cannot tell";
  }
  return "?";
}

namespace {

std::string says(Axis axis, const CriterionResult& c) {
  if (axis == Axis::degradation) return fmt::format("degradation: {}: {}", c.name, c.evidence);
  return fmt::format("{}: {} is {}, expected {} ({})", scenario::name(axis), c.name, describe(c.observed),
                     c.expected, c.evidence);
}

// Sentences for every criterion of this state, axis by axis.
std::vector<std::string> with_state(const Candidate& c, State state) {
  std::vector<std::string> out;
  for (Axis axis : {Axis::format, Axis::memory, Axis::speed, Axis::degradation})
    for (const CriterionResult& r : c.axis(axis).criteria)
      if (r.state == state) out.push_back(says(axis, r));
  return out;
}

struct Reasons {
  std::vector<std::string> fails, moved, open;
};

Reasons reasons(const Candidate& c) {
  Reasons r{with_state(c, State::fails), {}, with_state(c, State::cannot_tell)};
  if (c.smaller_than_reference && !*c.smaller_than_reference)
    r.fails.push_back(
        "the file is not smaller than its reference: nothing is gained that could be worth a loss");
  for (Axis axis : {Axis::format, Axis::memory, Axis::speed, Axis::degradation})
    if (c.axis(axis).criteria.empty())
      r.open.push_back(fmt::format("{}: nothing was checked", scenario::name(axis)));
  if (!c.cost) {
    r.open.push_back("the practical rule: not known: " + c.cost_unknown);
  } else if (c.cost->rule == cost::Rule::moved) {
    r.moved.push_back("the practical rule: " + c.cost->why);
  } else if (c.cost->rule == cost::Rule::cannot_tell || c.cost->open) {
    r.open.push_back("the practical rule is open: " + c.cost->why);
  }
  return r;
}

// What the candidate is for one category alone: everything that is no category counts for each of them.
Word for_category(const Candidate& c, const Reasons& all, const CriterionResult& category) {
  const auto elsewhere = [&](const std::vector<std::string>& sentences) {
    return std::any_of(sentences.begin(), sentences.end(),
                       [](const std::string& s) { return s.rfind("degradation: category ", 0) != 0; });
  };
  if (category.state == State::fails || elsewhere(all.fails)) return Word::not_worth_it;
  if (!all.moved.empty()) return Word::moved;
  if (category.state == State::cannot_tell || elsewhere(all.open) || c.role == Role::control)
    return Word::cannot_tell;
  return Word::worth_it;
}

std::string by_category(const Candidate& c, const Reasons& all, Word word) {
  std::string out = c.role == Role::control ? "control, made to fail: " : "";
  std::vector<std::pair<Word, std::vector<std::string>>> groups;
  for (Word w : {Word::worth_it, Word::not_worth_it, Word::moved, Word::cannot_tell})
    groups.push_back({w, {}});
  for (const CriterionResult& r : c.axis(Axis::degradation).criteria)
    groups[static_cast<size_t>(for_category(c, all, r))].second.push_back(
        r.name.substr(r.name.find(' ') + 1));
  bool first = true;
  for (const auto& [w, categories] : groups) {
    if (categories.empty()) continue;
    std::string list;
    for (const std::string& s : categories) list += (list.empty() ? "" : ", ") + s;
    out += fmt::format("{}{} for {}", first ? "" : "; ", name(w), list);
    first = false;
  }
  if (first) out += name(word);
  return out;
}

// Items that must still move before the share exceeds its limit: the least k with k / n > limit, less those
// seen.
int64_t items_to_fire(const Figure& share, const Figure& limit) {
  if (!share.known() || !share.n || *share.n <= 0 || !limit.known()) return 0;
  const double n = static_cast<double>(*share.n);
  const auto seen = static_cast<int64_t>(std::llround(share.value * n));
  return static_cast<int64_t>(std::floor(limit.value * n + 1e-9)) + 1 - seen;
}

// How near an exact or sampled figure stands to its bound, as a share of the bound.
double distance(const CriterionResult& r, const scenario::Criterion& c) {
  if (c.value == 0 || c.unit == "yes" || !r.observed.known()) return INFINITY;
  return std::fabs(r.observed.value - c.value) / std::fabs(c.value);
}

std::string fragile(const Candidate& c, const scenario::Scenario& s, Word word) {
  std::vector<std::string> parts;
  for (const auto& [category, report] : c.degradation.categories)
    if (report.more_failures_flip > 0)
      parts.push_back(fmt::format("{} more {} in {} would change its outcome", report.more_failures_flip,
                                  report.more_failures_flip == 1 ? "failure" : "failures", category));
  if (c.cost && c.cost->rule == cost::Rule::not_moved) {
    const int64_t more = items_to_fire(c.cost->two_extra_share, declared(s.rule.max_moved_share, "share"));
    if (more > 0)
      parts.push_back(fmt::format("{} more {} that need 2 extra attempts would fire the rule", more,
                                  more == 1 ? "item" : "items"));
  }
  for (Axis axis : {Axis::format, Axis::memory, Axis::speed})
    for (const CriterionResult& r : c.axis(axis).criteria)
      for (const scenario::Criterion& k : s.criteria)
        if (k.axis == axis && k.figure == r.name && r.state != State::cannot_tell && distance(r, k) < 0.05)
          parts.push_back(fmt::format("{} is within 5 % of its bound", r.name));
  if (parts.empty())
    return word == Word::cannot_tell ? "nothing is decided yet" : "nothing small would change this";
  std::string out;
  for (const std::string& p : parts) out += (out.empty() ? "" : "; ") + p;
  return out;
}

}  // namespace

Verdict decide(const Candidate& c, const scenario::Scenario& s) {
  const Reasons all = reasons(c);
  Verdict v;
  const auto take = [&](Word word, const std::vector<std::string>& why) {
    v.word = word;
    v.why = why;
  };
  if (!all.fails.empty()) {
    take(Word::not_worth_it, all.fails);
  } else if (!all.moved.empty()) {
    take(Word::moved, all.moved);
  } else if (!all.open.empty()) {
    take(Word::cannot_tell, all.open);
  } else if (c.role == Role::control) {
    take(Word::cannot_tell,
         {"the control was made to fail and nothing here failed: this test sees no damage"});
  } else {
    take(Word::worth_it, {"every criterion of the scenario holds, and the practical rule does not fire"});
  }
  v.by_category = by_category(c, all, v.word);
  v.fragile = fragile(c, s, v.word);
  return v;
}

int exit_code(const std::vector<Candidate>& candidates) {
  const auto any = [&](Word w) {
    return std::any_of(candidates.begin(), candidates.end(),
                       [w](const Candidate& c) { return c.role == Role::candidate && c.verdict.word == w; });
  };
  return any(Word::worth_it) ? 0 : any(Word::cannot_tell) ? 4 : 3;
}

}  // namespace bw::judge
