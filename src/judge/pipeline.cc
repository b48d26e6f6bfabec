// The order of the steps, their wall times, and the end before a model is loaded where nothing could be
// resolved.
#include "judge/pipeline.h"

#include <fmt/chrono.h>

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

// Says of each category what its items can show; true if one cannot resolve its margin.
bool unresolved(Run& run) {
  bool any = false;
  for (const TaskRun& t : run.tasks)
    for (const auto& [category, plan] : t.plan.categories) {
      if (category != t.task->category || plan.resolvable) continue;
      any = true;
      run.limit(fmt::format("{}: {}", category, plan.plain));
    }
  return any;
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
  const bool open = unresolved(run);
  if (services.first_figures) services.first_figures(run.judgement);
  if (open && inputs.require_resolution) {
    for (Subject& s : run.subjects)
      not_run(s, "not run: the items cannot resolve the margin (--require-resolution)");
    BW_CHECK(step(run, "decide", conclude));
    run.judgement.exit_code = 5;
    return finish();
  }
  BW_CHECK(step(run, "measure", measure));
  BW_CHECK(step(run, "compare", compare));
  BW_CHECK(step(run, "price", price));
  BW_CHECK(step(run, "decide", conclude));
  return finish();
}

}  // namespace bw::judge
