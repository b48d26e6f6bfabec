// Everything one run of judge found out, as plain data: what src/record writes and src/report shows.
// In: nothing. Out: Judgement and its parts. Four axes stand apart; there is no field for a merged score.
#pragma once
#include <array>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/figure.h"
#include "cost/cost.h"
#include "format/format.h"
#include "memory/memory.h"
#include "quality/quality.h"
#include "scenario/scenario.h"
#include "speed/speed.h"

namespace bw::judge {

enum class State { holds, fails, cannot_tell };
const char* name(State state);  // "holds", "fails", "cannot tell"

struct CriterionResult {
  std::string name;      // the figure's, or "category extraction"
  std::string expected;  // "at most 2000 ms"
  Figure observed;
  State state = State::cannot_tell;
  std::string evidence;  // why this state: one clause
};

struct AxisResult {
  State state =
      State::cannot_tell;  // fails if one fails; holds if all hold and there is one; else cannot tell
  std::vector<CriterionResult> criteria;
};

enum class Word { worth_it, not_worth_it, moved, cannot_tell };
const char* name(Word word);  // "worth it", "not worth it", "moved, not reduced", "cannot tell"

struct Verdict {
  Word word = Word::cannot_tell;
  std::string by_category;       // the first line: "worth it for extraction, not for code"
  std::vector<std::string> why;  // what decided, most decisive first; never empty
  std::string fragile;  // "2 more failures in extraction flip this"; may say that nothing small would
};

struct Answers {
  std::string gained, control_needed, first_silent_failure;  // none is ever empty
};

struct RunHint {
  std::string tool;  // "llama-server", "ollama"
  std::string text;
};

// What was measured of one file, rounds pooled.
struct SpeedFindings {
  speed::SpeedReport report;
  Figure e2e_p99_over_p50;        // ratio
  Figure digests_differing;       // repeats whose tokens differed from the first's
  Figure wh_per_accepted_output;  // Wh, from the watts entered
};
struct MemoryFindings {
  memory::MemoryReport report;
  Figure share_of_limit;  // peak, or plan where not run, over the limit
  Figure saved;           // bytes less than the reference needs
};

enum class Role { candidate, control };

struct Candidate {
  std::string name, path, sha256;
  engine::KvType kv_type = engine::KvType::f16;  // of the cache it was run, or would be, with
  Role role = Role::candidate;
  std::optional<bool> smaller_than_reference;  // none without a reference
  format::FormatReport format;
  MemoryFindings memory;
  SpeedFindings speed;
  quality::DegradationReport degradation;
  std::optional<cost::CostReport> cost;
  std::string cost_unknown;        // why there is no cost: "no reference"
  std::array<AxisResult, 4> axes;  // by scenario::Axis
  Verdict verdict;
  Answers answers;
  std::vector<RunHint> run_without_bitworth;
  const AxisResult& axis(scenario::Axis a) const { return axes[static_cast<size_t>(a)]; }
  AxisResult& axis(scenario::Axis a) { return axes[static_cast<size_t>(a)]; }
};

struct Reference {
  std::string name, path, sha256;
  engine::KvType kv_type = engine::KvType::f16;
  format::FormatReport format;
  MemoryFindings memory;
  SpeedFindings speed;
  std::vector<quality::CaseResult> cases;
};

struct HostFacts {
  std::string cpu, isa, os;
  int n_threads = 1;
  Figure memory, memory_limit;  // bytes
};

struct Step {
  std::string name;  // inspect, plan, measure, compare, price, decide
  double seconds = 0;
  uint32_t reused = 0;  // results taken from an earlier run
  std::string note;
};

struct Judgement {
  std::string created;  // UTC, RFC 3339
  HostFacts host;
  scenario::Scenario scenario;
  cost::DeclaredCosts costs;
  std::optional<Reference> reference;
  std::vector<Candidate> candidates;
  int exit_code = 4;
  std::vector<std::string> limits_of_this_run;
  std::string go_on;  // the command that adds what this run lacked; empty: nothing is left that it could add
  std::vector<Step> steps;
};

}  // namespace bw::judge
