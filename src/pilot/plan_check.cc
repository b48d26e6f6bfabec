// What a plan lacks to be started, how many cases it needs, and which of its parts will not work as hoped.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/time.h"
#include "contract/contract.h"
#include "pilot/pilot.h"
#include "stats/power.h"

namespace bw::pilot {
namespace {

std::string n_text(int64_t n) {
  return fmt::format("{} case{}", n, n == 1 ? "" : "s");
}
// How many cases a trigger waits for.
uint32_t needs(const Trigger& t) {
  return t.figure.starts_with("failures") ? 1 : t.least;
}

void warn_of_contract(const Plan& p, const contract::Contract& c, std::vector<std::string>& out) {
  bool person = false, text = c.keep_text;
  for (const std::string& name : p.classes)
    if (std::none_of(c.classes.begin(), c.classes.end(),
                     [&](const contract::Class& x) { return x.name == name; }))
      out.push_back(
          fmt::format("scope.classes: the contract has no class \"{}\": no case of it will come", name));
  for (const contract::Class& x : c.classes) {
    const bool in =
        p.classes.empty() || std::find(p.classes.begin(), p.classes.end(), x.name) != p.classes.end();
    if (in) person |= std::find(x.chain.begin(), x.chain.end(), "person") != x.chain.end();
  }
  const auto of_review = [](const std::string& figure) {
    const KnownFigure* f = find_figure(figure);
    return f && (f->of_review || f->name == "handed_over");
  };
  for (const Measure& m : p.measures)
    if (!person && of_review(m.from))
      out.push_back(fmt::format(
          "measures.{}: no class in scope has a person in its chain: {} is never measured", m.name, m.from));
  for (const Trigger& t : p.triggers)
    if (!person && of_review(t.figure))
      out.push_back(
          fmt::format("triggers.{}: no class in scope has a person in its chain: it can never fire", t.name));
  if (!text)
    out.emplace_back("the contract keeps no texts (keep_text = false): failures can be counted, not read");
  if (!p.deployment.empty() &&
      std::none_of(c.deployments.begin(), c.deployments.end(),
                   [&](const contract::Deployment& d) { return d.name == p.deployment; }))
    out.push_back(fmt::format("candidate.deployment: the contract has no deployment \"{}\"", p.deployment));
}

}  // namespace

std::vector<std::string> missing(const Plan& p) {
  std::vector<std::string> out;
  const auto need = [&](bool there, const char* key, const char* what) {
    if (!there) out.push_back(fmt::format("{}: {}", key, what));
  };
  need(!p.name.empty(), "name", "what this pilot is called");
  need(!p.owner.empty(), "owner", "one person who answers for it");
  need(!p.friction.empty(), "friction", "what hurts today, or there is nothing to gain");
  need(!p.scope.empty(), "scope.in", "what is in");
  need(!p.out.empty(), "scope.out", "what is out");
  need(!p.baseline.empty(), "baseline.what", "what is done now");
  need(!p.contract.empty(), "candidate.contract", "what is tried");
  need(!p.fallback.empty(), "fallback.what", "what happens to the cases once it is stopped");
  need(p.start_ms != 0, "window.start", "when it begins");
  need(p.end_ms != 0, "window.end", "when it ends: a pilot without an end is a rollout");
  need(!p.measures.empty(), "measures", "at least one, or nothing can be learnt");
  for (const Measure& m : p.measures)
    if (!(m.margin > 0))
      out.push_back(fmt::format("measures.{}.margin: the smallest difference that matters, above 0", m.name));
  for (const Failure& f : p.failures)
    if (f.says.empty())
      out.push_back(
          fmt::format("failures.{}: in words, so that two people file the same thing under it", f.name));
  need(!p.failures.empty(), "failures", "at least one way to be wrong, by name");
  need(std::any_of(p.triggers.begin(), p.triggers.end(), [](const Trigger& t) { return t.stops(); }),
       "triggers", "at least one whose action is \"undo\" or \"refuse\": what stops it without a meeting");
  for (const Trigger& t : p.triggers)
    if (t.action == Action::undo && p.deployment.empty())
      out.push_back(fmt::format("candidate.deployment: the one that triggers.{} takes back", t.name));
  need(!p.extend.empty(), "decisions.extend", "what it would need to be extended");
  need(!p.simplify.empty(), "decisions.simplify", "what it would need to be made smaller");
  need(!p.stop.empty(), "decisions.stop", "what it would need to be stopped");
  return out;
}

Result<int64_t> planned_n(const Plan& p, const Measure& m) {
  if (!(m.margin > 0)) return bad_input(fmt::format("measures.{}: no margin", m.name));
  const stats::Design design{p.alpha, p.power};
  double sd = m.spread.value_or(0);
  if (m.unit == "share") {
    if (!m.before && !m.spread)
      return bad_input(fmt::format("measures.{}: without `before` the cases it needs are not known", m.name));
    if (m.before) sd = std::sqrt(*m.before * (1 - *m.before));
  } else if (!m.spread) {
    return bad_input(fmt::format("measures.{}: without `spread` the cases it needs are not known", m.name));
  }
  int64_t n = 2;
  if (sd > 0) {
    BW_TRY(n, stats::n_for_not_worse(m.margin, sd, 0, design));
  }
  if (m.unit == "share" && m.margin < 1) {
    BW_TRY(const int64_t least, stats::least_n_for_margin(m.margin, p.alpha));
    n = std::max(n, least);
  }
  return std::max<int64_t>(n, 2);
}

int64_t expected_cases(const Plan& p) {
  const double days = double(std::max<int64_t>(0, p.end_ms - p.start_ms)) / 86'400'000;
  return int64_t(std::min(days * p.cases_per_day, 1e15));
}

std::vector<std::string> warnings(const Plan& p, const contract::Contract* c) {
  std::vector<std::string> out;
  const int64_t cases = expected_cases(p);
  const bool known = p.cases_per_day > 0 && p.start_ms && p.end_ms;
  if (p.cases_per_day <= 0)
    out.emplace_back("scope.cases_per_day: not said, so nobody knows whether the window brings enough cases");
  if (!p.minutes_per_case)
    out.emplace_back("baseline.minutes_per_case: not said: the time gained can only come from a measure");
  else if (p.baseline_from.empty())
    out.emplace_back("baseline.from: not said where minutes and cost come from: they are a guess until then");
  for (const Measure& m : p.measures) {
    if (m.from == "events" && m.by.empty())
      out.push_back(
          fmt::format("measures.{}.by: nobody is named who reports it: it will not be measured", m.name));
    if (!m.before && m.from != "events")
      out.push_back(fmt::format(
          "measures.{}.before: {} did not exist before, so there is nothing to compare with; declare one",
          m.name, m.from));
    if (m.before && m.before_from.empty())
      out.push_back(fmt::format("measures.{}.before_from: not said how {} was got", m.name, *m.before));
    const auto n = planned_n(p, m);
    if (!n)
      out.push_back(n.error().what);
    else if (known && *n > cases)
      out.push_back(
          fmt::format("measures.{}: its margin of {} needs {}, the window brings about {}: it will end as "
                      "\"cannot tell\"",
                      m.name, amount(m.margin, m.unit), n_text(*n), cases));
  }
  if (std::none_of(p.measures.begin(), p.measures.end(), [](const Measure& m) { return m.guard; }))
    out.emplace_back("measures: none has role = \"guard\": nothing watches what may get worse");
  for (const Trigger& t : p.triggers) {
    const bool share = t.figure.starts_with("failure")
                           ? !t.figure.starts_with("failures")
                           : find_figure(t.figure) && find_figure(t.figure)->unit == "share";
    if (share && t.above && t.bound >= 1)
      out.push_back(fmt::format("triggers.{}: a share is never above 1: it can never fire", t.name));
    if (!t.above && t.bound <= 0)
      out.push_back(fmt::format("triggers.{}: nothing is below 0: it can never fire", t.name));
    if (known && needs(t) > cases)
      out.push_back(fmt::format("triggers.{}: needs {}, the window brings about {}: it can never fire",
                                t.name, n_text(needs(t)), cases));
    if (p.cases_per_day > 0 && t.within_ms > 0 &&
        needs(t) > p.cases_per_day * double(t.within_ms) / 86'400'000)
      out.push_back(fmt::format("triggers.{}: needs {} within {:.1f} days, which bring about {:.0f}", t.name,
                                n_text(needs(t)), double(t.within_ms) / 86'400'000,
                                p.cases_per_day * double(t.within_ms) / 86'400'000));
    if (share && t.over > 0 && t.over < 20 && t.stops())
      out.push_back(fmt::format("triggers.{}: over {} a single case moves it by {:.0f} points", t.name,
                                n_text(t.over), 100.0 / t.over));
  }
  if (c) warn_of_contract(p, *c, out);
  return out;
}

}  // namespace bw::pilot
