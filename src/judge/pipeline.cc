// The order of the steps, their wall times, and the end before a model is loaded where nothing could be
// resolved.
#include "judge/pipeline.h"

#include <fmt/chrono.h>

#include <algorithm>
#include <ctime>

#include "judge/run.h"

namespace bw::judge {
namespace {

std::string utc_now() {
  const std::time_t now = std::time(nullptr);
  std::tm utc{};
  gmtime_r(&now, &utc);
  return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", utc);
}

Status step(Run& run, const char* name, Status (*work)(Run&)) {
  BW_CHECK(run.go_on());
  run.n_reused = 0;
  const double before = run.elapsed();
  BW_CHECK(work(run));
  run.judgement.steps.push_back({name, run.elapsed() - before, run.n_reused, ""});
  return {};
}

struct Unresolved {
  std::vector<std::string> sentences;  // what the items can show, a category each
  uint64_t n_items = 0;                // that would do, where the suites have so many
};
Unresolved unresolved(const Run& run) {
  Unresolved out;
  for (const TaskRun& t : run.tasks)
    for (const auto& [category, plan] : t.plan.categories) {
      if (category != t.task->category || plan.resolvable) continue;
      out.sentences.push_back(fmt::format("{}: {}", category, plan.plain));
      if (const double needed = plan.items_for_margin.value; needed <= double(plan.n_available))
        out.n_items = std::max(out.n_items, static_cast<uint64_t>(needed));
    }
  return out;
}

// Nothing was judged, so no word may be said but that; what the files themselves break stands on their axes.
void not_judged(Run& run, const Unresolved& open) {
  Judgement& j = run.judgement;
  for (Candidate& c : j.candidates)
    c.verdict = {Word::cannot_tell, "not judged: the items cannot resolve the margin (--require-resolution)",
                 open.sentences, "nothing is decided yet"};
  j.exit_code = 5;
  if (open.n_items && !run.in.command.empty())
    j.go_on = fmt::format("{} --require-resolution --items {}{}", run.in.command, open.n_items,
                          run.in.budget_s ? fmt::format(" --budget {}s", *run.in.budget_s) : "");
}

// The command that would add what is missing, from the hints this run gave and the open categories.
std::string go_on(const Run& run) {
  double seconds = run.seconds_to_go_on;
  uint64_t n_items = run.in.n_items.value_or(0);
  for (const Candidate& c : run.judgement.candidates)
    for (const auto& [category, r] : c.degradation.categories) {
      if (r.outcome != quality::Equivalence::cannot_tell || !r.items_to_decide) continue;
      n_items = std::max(n_items, r.items_to_decide);
      seconds = std::max({seconds, r.seconds_to_decide, 1.0});
    }
  if (!(seconds > 0) || run.in.command.empty()) return {};
  return fmt::format("{}{} --resume --budget {}", run.in.command,
                     n_items ? fmt::format(" --items {}", n_items) : "",
                     minutes(std::max(seconds, run.budget_s)));
}

// Ended late: by how much, and by what.
void overrun(Run& run) {
  const double over = run.elapsed() - run.budget_s;
  if (over < 1 || run.unit.empty()) return;
  run.limit(fmt::format("the budget of {:.0f} s was exceeded by {:.0f} s: what had begun was finished ({})",
                        run.budget_s, over, run.unit));
}

}  // namespace

Result<Judgement> judge(const Inputs& inputs, const Services& services) {
  Run run(inputs, services);
  run.started_ns = services.clock();
  run.budget_s = inputs.budget_s.value_or(inputs.scenario.budget_s);
  if (!(run.budget_s > 0))
    return bad_input(fmt::format("budget: expected a time above 0, found {} s", run.budget_s), "--budget 4m");
  const auto finish = [&] {
    run.judgement.created = services.utc_now ? services.utc_now() : utc_now();
    return std::move(run.judgement);
  };
  BW_CHECK(step(run, "inspect", inspect));
  BW_CHECK(step(run, "plan", plan));
  const Unresolved open = unresolved(run);
  for (const std::string& sentence : open.sentences) run.limit(sentence);
  const bool give_up = !open.sentences.empty() && inputs.require_resolution;
  if (services.first_figures && !give_up) services.first_figures(run.judgement);
  if (give_up) {
    for (Subject& s : run.subjects)
      not_run(s, "not run: the items cannot resolve the margin (--require-resolution)");
    BW_CHECK(step(run, "decide", conclude));
    not_judged(run, open);
    return finish();
  }
  BW_CHECK(step(run, "measure", measure));
  BW_CHECK(step(run, "compare", compare));
  BW_CHECK(step(run, "price", price));
  BW_CHECK(step(run, "decide", conclude));
  overrun(run);
  run.judgement.go_on = go_on(run);
  return finish();
}

}  // namespace bw::judge
