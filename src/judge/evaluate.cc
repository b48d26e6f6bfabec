#include "judge/evaluate.h"

#include <fmt/format.h>

#include <algorithm>

namespace bw::judge {

const char* name(State state) {
  switch (state) {
    case State::holds:
      return "holds";
    case State::fails:
      return "fails";
    case State::cannot_tell:
      return "cannot tell";
  }
  return "?";
}

CriterionResult evaluate(const scenario::Criterion& c, const Figure& observed, Host host) {
  CriterionResult r{c.figure, scenario::describe(c), observed, State::cannot_tell, ""};
  if (!observed.known()) {
    r.evidence = "not known: " + observed.reason;
    return r;
  }
  const bool upper = c.bound == scenario::Bound::at_most;
  const bool tail = c.figure.find("_p95") != std::string::npos || c.figure.find("_p99") != std::string::npos;
  const bool sampled = observed.low || observed.high || tail;
  // The far end must be inside for the criterion to hold; the near end outside for it to fail.
  const std::optional<double> far_end = sampled ? (upper ? observed.high : observed.low) : observed.value;
  const std::optional<double> near_end = sampled ? (upper ? observed.low : observed.high) : observed.value;
  const auto inside = [&](double v) { return upper ? v <= c.value : v >= c.value; };
  if (near_end && !inside(*near_end)) {
    r.state = State::fails;
    r.evidence = sampled ? "the whole interval is outside" : std::string(name(observed.birth));
  } else if (far_end && inside(*far_end)) {
    r.state = State::holds;
    r.evidence = sampled ? "the whole interval is inside" : std::string(name(observed.birth));
  } else if (!far_end) {
    r.evidence = !observed.reason.empty()
                     ? observed.reason
                     : fmt::format("no {} bound: too few observations", upper ? "upper" : "lower");
  } else {
    r.evidence =
        fmt::format("the interval [{}, {}] reaches across {}", observed.low ? number(*observed.low) : "-",
                    observed.high ? number(*observed.high) : "-", number(c.value));
  }
  if (host == Host::another && r.state == State::holds) {
    r.state = State::cannot_tell;
    r.evidence = "worked out for another host: only that host can show it";
  }
  if (!sampled && r.state != State::cannot_tell && !observed.reason.empty())
    r.evidence += ": " + observed.reason;
  return r;
}

CriterionResult evaluate(const scenario::Task& task, const quality::DegradationReport& report) {
  CriterionResult r;
  r.name = "category " + task.category;
  r.expected =
      fmt::format("not worse than the reference by {} points in 100 or more", number(task.margin_points));
  const auto found = report.categories.find(task.category);
  if (found == report.categories.end()) {
    const std::string why =
        report.divergence_unknown.empty() ? "the tasks were not run" : report.divergence_unknown;
    r.observed = unknown("share", why);
    r.evidence = "not known: " + why;
    return r;
  }
  const quality::CategoryReport& category = found->second;
  r.observed = category.difference;
  r.evidence = category.plain.empty() ? quality::name(category.outcome) : category.plain;
  using enum quality::Equivalence;
  switch (category.outcome) {
    case equivalent:
      if (report.control_was_worse) {
        r.state = State::holds;
      } else {
        r.evidence = "looks equivalent, but the control has not come out worse: " +
                     (report.control_note.empty() ? "no control was judged" : report.control_note);
      }
      break;
    case better:
      r.state = State::holds;
      break;
    case worse:
      r.state = State::fails;
      break;
    case cannot_tell:
    case not_measurable:
      break;
  }
  return r;
}

AxisResult join(std::vector<CriterionResult> criteria) {
  AxisResult r;
  const auto any = [&](State s) {
    return std::any_of(criteria.begin(), criteria.end(),
                       [s](const CriterionResult& c) { return c.state == s; });
  };
  if (any(State::fails))
    r.state = State::fails;
  else if (!criteria.empty() && !any(State::cannot_tell))
    r.state = State::holds;
  r.criteria = std::move(criteria);
  return r;
}

}  // namespace bw::judge
