// Steps price and decide: the practical rule from the paired cases, then criteria, words and answers.
#include <algorithm>
#include <map>

#include "judge/answers.h"
#include "judge/evaluate.h"
#include "judge/observe.h"
#include "judge/run.h"
#include "judge/verdict.h"

namespace bw::judge {
namespace {

using scenario::Axis;

Figure seconds_per_attempt(const SpeedFindings& s) {
  Figure f = s.report.e2e_p50_ms;
  f.unit = "s";
  for (std::optional<double>* x : {&f.low, &f.high})
    if (*x) **x /= 1000;
  f.value /= 1000;
  return f;
}

Figure memory_gib(const MemoryFindings& m) {
  Figure f = m.report.peak.known() ? m.report.peak : m.report.planned;
  f.unit = "GiB";
  f.value /= 1024.0 * 1024 * 1024;
  return f;
}

// Wh an accepted output: watts x seconds an output takes (streams side by side) / share of outputs accepted.
Figure energy(const scenario::Scenario& s, const SpeedFindings& speed,
              const std::vector<quality::CaseResult>& cases) {
  if (!s.watts) return unknown("Wh", "no watts were entered: power.watts in the scenario, read from a meter");
  const Figure& rate = speed.report.throughput_tokens_per_s;
  if (!rate.known() || rate.value <= 0) return unknown("Wh", rate.reason);
  if (cases.empty()) return unknown("Wh", "no task was run, so no output was accepted");
  const auto n = std::count_if(cases.begin(), cases.end(), [](const auto& c) { return c.accepted; });
  if (n == 0) return unknown("Wh", "no output was accepted");
  const double accepted = static_cast<double>(n) / static_cast<double>(cases.size());
  const double seconds = s.load.output_tokens / rate.value;
  return derived(*s.watts * seconds / 3600 / accepted, "Wh",
                 "watts as entered x measured time / share of outputs accepted");
}

bool any_default(const cost::DeclaredCosts& c) {
  for (const Figure* f : {&c.machine_per_hour, &c.person_per_hour, &c.review_seconds, &c.hand_over_minutes,
                          &c.wrong_answer, &c.outputs_per_month, &c.value_per_gib_month})
    if (cost::is_default(*f)) return true;
  return false;
}

}  // namespace

Status price(Run& run) {
  Judgement& j = run.judgement;
  for (Candidate& c : j.candidates)
    c.speed.wh_per_accepted_output = energy(run.in.scenario, c.speed, c.degradation.cases);
  if (!j.reference) {
    for (Candidate& c : j.candidates) c.cost_unknown = "no reference";
    return {};
  }
  j.reference->speed.wh_per_accepted_output = energy(run.in.scenario, j.reference->speed, j.reference->cases);
  std::map<std::string, const quality::CaseResult*> by_id;
  for (const quality::CaseResult& r : j.reference->cases) by_id[r.id] = &r;
  for (Candidate& c : j.candidates) {
    cost::Deployment its, mine;
    for (const quality::CaseResult& x : c.degradation.cases) {
      const auto found = by_id.find(x.id);
      if (found == by_id.end()) continue;
      its.first.push_back({found->second->accepted, found->second->truth});
      mine.first.push_back({x.accepted, x.truth});
    }
    if (mine.first.empty()) {
      c.cost_unknown = c.degradation.divergence_unknown.empty() ? "no item was finished by both"
                                                                : c.degradation.divergence_unknown;
      continue;
    }
    its.seconds_per_attempt = seconds_per_attempt(j.reference->speed);
    mine.seconds_per_attempt = seconds_per_attempt(c.speed);
    its.memory_gib = memory_gib(j.reference->memory);
    mine.memory_gib = memory_gib(c.memory);
    BW_TRY(c.cost, cost::price(its, mine, j.costs));
  }
  run.limit("the practical rule: attempts are estimated from the first ones, no real retries were run");
  if (any_default(j.costs))
    run.limit("money: some costs are defaults and not yours ([cost] in the scenario)");
  return {};
}

Status conclude(Run& run) {
  Judgement& j = run.judgement;
  const scenario::Scenario& s = run.in.scenario;
  bool control = false;
  for (Candidate& c : j.candidates) {
    std::array<std::vector<CriterionResult>, 4> results;
    for (const scenario::Criterion& k : s.criteria)
      results[static_cast<size_t>(k.axis)].push_back(evaluate(k, observe(c, k.axis, k.figure)));
    for (const scenario::Task& t : s.tasks)
      results[static_cast<size_t>(Axis::degradation)].push_back(evaluate(t, c.degradation));
    for (size_t a = 0; a < results.size(); ++a) c.axes[a] = join(std::move(results[a]));
    c.verdict = decide(c, s);
    c.answers = answers(c, j.reference);
    c.run_without_bitworth = run_without_bitworth(c, s);
    control |= c.role == Role::control;
  }
  if (j.reference && !control)
    run.limit(
        "no control was judged, so nothing may be called equivalent: make one with "
        "`bitworth quantize REFERENCE control.gguf --control` and name it with --control");
  if (j.reference)
    run.limit(
        fmt::format("degradation is said against a reference of {} bits per weight, not against the original",
                    number(j.reference->format.bits_per_weight.value)));
  j.exit_code = exit_code(j.candidates);
  return {};
}

}  // namespace bw::judge
