// The main job as named steps: inspect, plan, measure, compare, price, decide. Each files finished pieces in
// the store, so a run that is killed or interrupted goes on where it stopped. In: a scenario, files, a
// budget; the services it works through. Out: a Judgement, nothing printed.
#pragma once
#include <atomic>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "judge/judgement.h"

namespace bw::judge {

struct CandidateInput {
  std::string path;
  std::string name;  // "": the file's name without .gguf
  Role role = Role::candidate;
};

struct Inputs {
  scenario::Scenario scenario;
  std::optional<CandidateInput> reference;
  std::vector<CandidateInput> candidates;
  std::optional<double> budget_s;         // instead of the scenario's
  std::optional<uint32_t> n_items;        // instead of the scenario's, a suite
  std::optional<engine::KvType> kv_type;  // instead of the scenario's, of the candidates
  bool require_resolution = false;  // give up before a model is loaded if the items cannot resolve the margin
  // The command that was given, quoted for a shell, without --items, --budget and --resume: hints that go on
  // from here are made from it. Empty: "the same command".
  std::string command;
};

// The whole command that repeats a run and takes what it saved.
std::string resume_command(const Inputs& inputs);

struct Services {
  quality::CaseStore* store = nullptr;  // finished work; must be given
  std::string program;                  // this binary: it is run again for each measurement
  const std::atomic<bool>* cancel = nullptr;
  // Instead of speed::measure(program, ...), for tests.
  std::function<Result<speed::Measured>(const std::string& path, const speed::Load& load,
                                        const speed::Progress& progress)>
      measure;
  // May be empty. step: "measure"; what: "q4_0, round 1 of 2"; share of the step in [0, 1], negative:
  // unknown.
  std::function<void(const std::string& step, const std::string& what, double share)> progress;
  // After inspect and plan, within a minute of the start: format, memory plan, limits, what the run can
  // resolve. Not where require_resolution ends the run there.
  std::function<void(const Judgement& so_far)> first_figures;
  Clock clock = monotonic_ns;
  std::function<std::string()> utc_now;  // RFC 3339; empty: this machine's clock
};

// Nothing starts after the budget: a measurement, loading a file, a pass over shared prompts, an item. So a
// run ends at most one of these late, and says which. What was left out is in limits_of_this_run. Error: no
// candidate, a file that cannot be opened (bad_input), a suite nobody knows, an interruption, a full disk;
// the error's `next` says how to resume. A file the engine cannot run is no error: its other axes answer.
Result<Judgement> judge(const Inputs& inputs, const Services& services);

}  // namespace bw::judge
