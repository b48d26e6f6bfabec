// One run of the pipeline in progress: the files, what is known so far, the time left. Inside src/judge only.
// In: Inputs, Services. Out: each step fills its part of `judgement` and says what it could not do in
// `limits`.
#pragma once
#include <fmt/format.h>

#include <memory>
#include <string>
#include <vector>

#include "gguf/file.h"
#include "judge/pipeline.h"
#include "quality/degradation.h"
#include "tasks/suite.h"

namespace bw::judge {

// The reference or a candidate.
struct Subject {
  CandidateInput input;
  bool is_reference = false;
  std::string sha256;
  gguf::File file;
  std::string cannot_run;                      // why the engine cannot run it; empty: it can
  bool fits = true;                            // the plan for the scenario's load is within the memory limit
  double seconds_main = 0, seconds_probe = 0;  // wall of its last measurement of either kind
  // Into the judgement, which does not grow after inspect.
  format::FormatReport* format = nullptr;
  MemoryFindings* memory = nullptr;
  SpeedFindings* speed = nullptr;
  Candidate* candidate = nullptr;  // not for the reference
  bool is_control() const { return input.role == Role::control; }
  const std::string& name() const { return input.name; }
  // The reference is the file at its best. A candidate is judged as it will be run, so what its cache loses
  // is part of what it loses.
  engine::KvType kv_type = engine::KvType::f16;
};

struct TaskRun {
  const scenario::Task* task = nullptr;
  std::unique_ptr<tasks::Suite> suite;
  size_t n_items = 0;
  quality::DecideOptions options;
  quality::TaskPlan plan;
};

struct Run {
  const Inputs& in;
  const Services& services;
  Judgement judgement;
  std::vector<Subject> subjects;  // the reference first, where there is one
  std::vector<TaskRun> tasks;
  std::string data_dir;
  uint64_t started_ns = 0;
  double budget_s = 0;
  uint32_t n_reused = 0;        // in the current step
  std::string unit;             // what was begun last and cannot be cut short: "measuring q4_0"
  double seconds_to_go_on = 0;  // the largest budget that a hint of this run names

  Run(const Inputs& inputs, const Services& s) : in(inputs), services(s) {}
  Subject* reference() { return !subjects.empty() && subjects[0].is_reference ? &subjects[0] : nullptr; }
  double elapsed() const { return static_cast<double>(services.clock() - started_ns) * 1e-9; }
  double left() const { return budget_s - elapsed(); }
  bool cancelled() const { return services.cancel && services.cancel->load(std::memory_order_relaxed); }
  Status go_on() const {
    if (cancelled()) return failed("interrupted: what was finished is saved", resume_command(in));
    return {};
  }
  void progress(const char* step, const std::string& what, double share) const {
    if (services.progress) services.progress(step, what, share);
  }
  bool in_time() const { return left() > 0; }
  // With what to run the same command again, so that it has `seconds`: "--resume --items 42 --budget 12m".
  std::string resume_with(double seconds);
  void limit(std::string sentence) { judgement.limits_of_this_run.push_back(std::move(sentence)); }
};

Status inspect(Run& run);
Status plan(Run& run);
Status measure(Run& run);
Status compare(Run& run);
Status price(Run& run);
Status conclude(Run& run);  // the step `decide`

// A category of a candidate judged by itself: shares of right, accepted and silently wrong; the rest
// unknown(why).
quality::CategoryReport absolute(const std::string& category, const quality::SuiteRun& answers,
                                 const TaskRun& task, const std::string& why);

// What one measurement of a file runs: whole requests, or the probes of a first token.
speed::Load load_of(const scenario::Load& load, bool probe, engine::KvType kv_type);

// Everything that running would have shown of it becomes unknown(why).
void not_run(Subject& subject, const std::string& why);

// "12m": the least whole minutes that hold `seconds`.
std::string minutes(double seconds);

}  // namespace bw::judge
