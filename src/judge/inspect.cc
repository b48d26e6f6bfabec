// Steps inspect and plan: what each file is, what it needs, and what the tasks can resolve. Nothing is
// loaded.
#include <algorithm>
#include <cmath>
#include <set>

#include "base/data_dir.h"
#include "base/host.h"
#include "judge/costs.h"
#include "judge/observe.h"
#include "judge/run.h"

namespace bw::judge {
namespace {

std::string name_of(const std::string& path) {
  std::string name = path.substr(path.find_last_of('/') + 1);
  if (name.ends_with(".gguf")) name.resize(name.size() - 5);
  return name;
}

Status open_subject(Run& run, CandidateInput input, bool is_reference) {
  if (input.name.empty()) input.name = name_of(input.path);
  BW_CHECK(run.go_on());
  run.progress("inspect", input.name, -1);
  BW_TRY(gguf::File file, gguf::open(input.path));
  Subject s;
  s.is_reference = is_reference;
  if (!is_reference) s.kv_type = run.in.kv_type.value_or(run.in.scenario.load.kv);
  BW_TRY(s.sha256, gguf::sha256(file));
  s.input = std::move(input);
  s.file = std::move(file);
  run.subjects.push_back(std::move(s));
  return {};
}

// Two candidates of one name would be one row in every table.
void tell_apart(std::vector<Subject>& subjects) {
  std::set<std::string> seen;
  for (Subject& s : subjects) {
    const std::string name = s.input.name;
    for (int i = 2; !seen.insert(s.input.name).second; ++i) s.input.name = fmt::format("{} ({})", name, i);
  }
}

Status open_tasks(Run& run) {
  const scenario::Scenario& s = run.in.scenario;
  BW_TRY(run.data_dir, data_dir());
  for (const scenario::Task& task : s.tasks) {
    TaskRun t;
    t.task = &task;
    BW_TRY(t.suite, tasks::open_suite(task.suite, run.data_dir));
    const auto& items = t.suite->items();
    std::set<std::string> categories;
    for (const tasks::Item& item : items) categories.insert(item.category);
    if (!categories.count(task.category))
      return bad_input(fmt::format("tasks.{}: the suite {} does not judge this category, but {}",
                                   task.category, task.suite, fmt::join(categories, ", ")),
                       "name the table in the scenario after the category");
    t.n_items = std::min<size_t>(run.in.n_items.value_or(task.items), items.size());
    t.options.margin = task.margin_points / 100;
    // Each suite corrects over its own categories (Holm); several suites share alpha evenly (Bonferroni).
    t.options.alpha = s.alpha / static_cast<double>(s.tasks.size());
    t.options.n_available = items.size();
    BW_TRY(t.plan, quality::plan_tasks(*t.suite, t.n_items, t.options));
    run.tasks.push_back(std::move(t));
  }
  return {};
}

}  // namespace

std::string minutes(double seconds) {
  return fmt::format("{}m", static_cast<int64_t>(std::max(1.0, std::ceil(seconds / 60))));
}

std::string Run::resume_with(double seconds) {
  seconds_to_go_on = std::max(seconds_to_go_on, seconds);
  return fmt::format("--resume{} --budget {}", in.n_items ? fmt::format(" --items {}", *in.n_items) : "",
                     minutes(seconds));
}

std::string resume_command(const Inputs& in) {
  if (in.command.empty()) return "the same command with --resume";
  std::string out = in.command;
  if (in.n_items) out += fmt::format(" --items {}", *in.n_items);
  if (in.budget_s) out += fmt::format(" --budget {}s", *in.budget_s);
  return out + " --resume";
}

Status inspect(Run& run) {
  Judgement& j = run.judgement;
  if (run.in.candidates.empty())
    return bad_input("no candidate: there is nothing to judge",
                     "name one or more files after --reference FILE");
  if (!run.services.store) return failed("judge: no store for finished work was given");
  j.scenario = run.in.scenario;
  BW_TRY(j.costs, declared_costs(run.in.scenario));
  BW_CHECK(open_tasks(run));
  if (run.in.reference) BW_CHECK(open_subject(run, *run.in.reference, true));
  for (const CandidateInput& c : run.in.candidates) BW_CHECK(open_subject(run, c, false));
  tell_apart(run.subjects);

  if (run.reference()) j.reference.emplace();
  j.candidates.resize(run.in.candidates.size());
  size_t next = 0;
  for (Subject& s : run.subjects) {
    if (s.is_reference) {
      Reference& r = *j.reference;
      r.name = s.input.name, r.path = s.input.path, r.sha256 = s.sha256, r.kv_type = s.kv_type;
      s.format = &r.format, s.memory = &r.memory, s.speed = &r.speed;
    } else {
      Candidate& c = j.candidates[next++];
      c.name = s.input.name, c.path = s.input.path, c.sha256 = s.sha256, c.role = s.input.role;
      c.kv_type = s.kv_type;
      s.format = &c.format, s.memory = &c.memory, s.speed = &c.speed, s.candidate = &c;
    }
    BW_TRY(*s.format, format::inspect(s.file));
    if (!s.format->loads_here) s.cannot_run = s.format->why_not;
  }
  const Subject* reference = run.reference();
  for (Subject& s : run.subjects) {
    if (s.is_reference || !reference) continue;
    s.candidate->smaller_than_reference = s.format->file_bytes < reference->format->file_bytes;
    if (s.sha256 == reference->sha256)
      run.limit(fmt::format("{} is the reference itself, byte for byte{}", s.name(),
                            s.kv_type == reference->kv_type ? "" : "; only the KV cache differs"));
  }
  return {};
}

Status plan(Run& run) {
  Judgement& j = run.judgement;
  const Host here = host();
  const memory::HostLimit limit = memory::host_limit(here);
  j.host.cpu = here.cpu_model;
  j.host.os = here.kernel;
  const scenario::Load& load = run.in.scenario.load;
  j.host.n_threads = load.threads ? static_cast<int>(load.threads) : here.n_usable;
  j.host.memory = here.memory_total
                      ? measured(static_cast<double>(*here.memory_total), "bytes", "/proc/meminfo")
                      : unknown("bytes", "/proc/meminfo does not say");
  j.host.memory_limit = limit.bytes ? measured(static_cast<double>(limit.bytes), "bytes", limit.source)
                                    : unknown("bytes", "no limit could be read");
  for (Subject& s : run.subjects) {
    memory::MemoryReport& r = s.memory->report;
    const engine::ContextOptions options = speed::context_options(load_of(load, false, s.kv_type));
    auto planned = memory::plan(s.file, options, j.host.n_threads);
    if (planned) {
      r = std::move(*planned);
    } else if (planned.error().code == Code::failed) {
      return planned.error();
    } else {
      if (s.cannot_run.empty()) s.cannot_run = planned.error().what;
      for (Figure* f : {&r.planned, &r.weights, &r.kv, &r.work, &r.program})
        *f = unknown("bytes", planned.error().what);
    }
    r.limit = j.host.memory_limit;
    r.peak = unknown("bytes", "not run yet");
    r.difference = unknown("share", "not run yet");
    s.fits = !r.planned.known() || !r.limit.known() || r.planned.value <= r.limit.value;
  }
  const MemoryFindings* reference = j.reference ? &j.reference->memory : nullptr;
  for (Subject& s : run.subjects) finish_memory(*s.memory, s.is_reference ? nullptr : reference);
  return {};
}

}  // namespace bw::judge
