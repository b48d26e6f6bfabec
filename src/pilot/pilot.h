// A pilot: a deployment tried for a while, by a plan that says beforehand what would count, what would stop
// it and what each decision needs. In: a plan (TOML, docs/pilot.md). Out: Plan; what is missing; the cases it
// needs; which of its triggers fire on given events. Nothing here reads a clock, a file or a log but load().
#pragma once
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/figure.h"
#include "base/result.h"

namespace bw::contract {
struct Contract;
}

namespace bw::pilot {

// ---- the plan
// -------------------------------------------------------------------------------------------------------

// What is measured of a case. A share is 0 or 1 a case, everything else a number of its unit.
struct Measure {
  std::string name;        // [measures.NAME]
  std::string says, unit;  // unit "share", "min", "s", "EUR", ...
  bool lower_is_better = true;
  bool guard = false;            // must not get worse by `margin`; otherwise a gain is hoped for
  std::string from;              // a figure of known_figures(), or "events"
  std::string by;                // events: who or what reports it; empty: nobody said
  std::optional<double> before;  // declared; else from events of kind "before"
  std::string before_from;       // how that number was got
  double margin = 0;             // the smallest difference that matters, > 0, in unit
  std::optional<double> spread;  // assumed standard deviation; of a share it follows from `before`
};

struct Failure {  // a way to be wrong, that people report by this name
  std::string name, says;
};

enum class Action { undo, refuse, notify };
const char* name(Action action);

// What ends the pilot by itself, or calls a person.
struct Trigger {
  std::string name, says;
  std::string figure;  // of known_figures(), a measure's name, "failure", "failure:CATEGORY", "failures",
                       // "failures:..."
  bool above = true;   // fires above the bound; else below it
  double bound = 0;
  uint32_t over = 0;      // the last so many cases, or
  int64_t within_ms = 0;  // those of so long; one of the two
  uint32_t least = 1;     // cases before it may fire; counts of failures need none
  Action action = Action::notify;
  bool stops() const { return action != Action::notify; }
};

struct Plan {
  std::string path, text, sha256;  // as read; of `text`
  std::string name, owner, friction;
  std::string scope;                                      // what is in
  std::vector<std::string> classes;                       // of the contract; empty: all
  std::vector<std::string> out;                           // what is out of it
  double cases_per_day = 0;                               // expected
  std::string baseline;                                   // what is done now
  std::optional<double> minutes_per_case, cost_per_case;  // of that, declared
  std::string currency = "EUR", baseline_from;
  std::string contract;               // the candidate's file, from the plan's folder
  std::string deployment;             // of the contract, that a trigger's undo or refuse is about
  std::string fallback;               // what happens to cases once it is stopped
  int64_t start_ms = 0, end_ms = 0;   // [start, end)
  int offset_minutes = 0;             // of the zone the plan is written in, for people
  double alpha = 0.05, power = 0.80;  // one-sided
  double standard_at_most = 0.02;  // a class may go without a person below this share of cases that need one
  std::vector<Measure> measures;
  std::vector<Failure> failures;
  std::vector<Trigger> triggers;
  std::string extend, simplify, stop;  // what each decision would need
};

// Figures of a case that need no report: they follow from the log's answers and from the reviews.
struct KnownFigure {
  std::string_view name, unit, says;
  bool of_review;  // needs a person in the chain
};
std::span<const KnownFigure> known_figures();
const KnownFigure* find_figure(std::string_view name);

Result<Plan> load(const std::string& path);
Result<Plan> parse(const std::string& text, const std::string& label);
// The commented plan that `pilot new` writes; it reads back, but for the answers only a person has.
std::string new_plan(int64_t now_ms);

// What forbids a start, each with its key: no owner, no end, no trigger that stops, ... Empty: it may start.
std::vector<std::string> missing(const Plan& plan);
// What will not work as hoped: measures that nobody reports or that bring too few cases, triggers that cannot
// fire. `contract`: the candidate's, where it could be read.
std::vector<std::string> warnings(const Plan& plan, const contract::Contract* contract);

// Cases that show `margin` with the plan's power, where the truth is a gain of `margin` (a guard: no change):
// n = (z_alpha + z_beta)^2 sd^2 / margin^2 (stats/power.h), a share's sd^2 = p (1 - p) of its before, and
// never below what an exact test of the margin needs. Error: without before or spread nothing can be said.
Result<int64_t> planned_n(const Plan& plan, const Measure& measure);
int64_t expected_cases(const Plan& plan);  // of the whole window

// ---- events
// ---------------------------------------------------------------------------------------------------------

struct Event {
  int64_t at_ms = 0;
  enum class Kind { before, after, failure } kind = Kind::after;
  std::string case_id, class_name;  // class "" where nobody said
  std::string what;                 // a figure, a measure, or a failure's category
  double value = 1;                 // failure: 1
  std::string note, who;            // failure: what was wrong, as told
  int64_t received_ms = 0;
  int64_t log_index = -1;  // of the entry that it stands in, or was taken with
};

// ---- triggers
// -------------------------------------------------------------------------------------------------------

struct Fired {
  std::string trigger{}, figure{}, says{};
  Action action = Action::notify;
  int64_t at_ms = 0;  // of the event that did it
  Figure value{};     // measured, over its window, with its interval where it has one
  bool above = true;
  double bound = 0;
  int64_t n = 0;                     // cases in the window
  std::vector<std::string> cases{};  // those that counted towards it, the latest first, at most 20
};

// The first firing of each trigger, in order of time, over all events up to `now_ms`, whatever order they are
// given in. Walks every moment, so what a later good spell hides is found too. Pure.
std::vector<Fired> evaluate(const Plan& plan, std::span<const Event> events, int64_t now_ms);
std::string describe(const Fired& fired);
// "3 %" of a share, "1.5 min"
std::string amount(double value, const std::string& unit);

}  // namespace bw::pilot
