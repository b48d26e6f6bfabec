// A declared deployment scenario: the load, the criteria of the four axes, the tasks, the practical rule, the
// budget. In: a TOML file or the name of a built-in. Out: Scenario, or an Error naming file, line, column and
// the nearest key. The file format, key by key: docs/scenario.md.
#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/figure.h"
#include "base/result.h"
#include "kernels/attend.h"

namespace bw::scenario {

enum class Axis { format, memory, speed, degradation };
const char* name(Axis axis);

enum class Bound { at_most, at_least };

// A figure a criterion may name, and the one sense in which it can be bounded (a smaller latency is never
// worse).
struct KnownFigure {
  Axis axis;
  std::string_view name;  // key in the record's axes.<axis>.figures
  std::string_view
      unit;  // of the bound: "bytes", "ms", "s", "tokens/s", "share", "bits", "ratio", "Wh", "count", "yes"
  Bound bound;
  std::string_view says;  // in plain words
};
const std::vector<KnownFigure>& known_figures();
const KnownFigure* find_figure(Axis axis, std::string_view name);

struct Criterion {
  Axis axis = Axis::memory;
  std::string figure;  // KnownFigure::name
  Bound bound = Bound::at_most;
  double value = 0;  // in `unit`
  std::string unit;
};
// "at most 1536 MiB", "at least 8 tokens/s", "yes"
std::string describe(const Criterion& criterion);

struct Load {
  uint32_t streams = 0;        // closed loop of this many
  uint32_t prompt_tokens = 0;  // each request's
  uint32_t output_tokens = 0;
  uint32_t context = 0;             // positions each stream may hold; at least prompt + output
  uint32_t requests = 0;            // in all, a candidate, over all rounds
  uint32_t rounds = 2;              // candidates are measured A B A B: this many times each
  uint32_t first_token_probes = 0;  // further requests of one output token, for the time to first token alone
  uint32_t threads = 0;             // 0: every processor
  kernels::KvType kv = kernels::KvType::f16;  // of a candidate's KV cache; the reference's is f16
};

struct Task {
  std::string category;      // "extraction"
  std::string suite;         // "snips"
  uint32_t items = 0;        // most; the budget may end it earlier
  double margin_points = 0;  // a candidate may be worse by less than this many points in 100
};

struct Rule {
  uint32_t attempts = 3;          // K: then a person takes over
  double max_moved_share = 0.05;  // share of items that need 2 or more extra attempts
};

// What an output costs, as far as the file says; src/cost's own defaults stand for the rest.
struct Costs {
  std::string currency = "EUR";
  std::map<std::string, double> values;  // by name in cost_names()
};
// "review_seconds" with unit "s", ...: the names and units of cost::DeclaredCosts.
struct CostName {
  std::string_view name, unit;  // unit "money": the currency; "money/h", "money/(GiB month)" likewise
};
const std::vector<CostName>& cost_names();
// "money/h" -> "EUR/h"
std::string money_unit(std::string_view unit, const std::string& currency);

// One setting, for the record and the report.
struct Setting {
  std::string key;  // "load.streams"
  std::optional<double> number;
  std::string text;  // where it is not a number; both absent: not entered
  std::string unit;
  bool is_default = true;  // nobody set it: declared (default, not yours)
};

struct Scenario {
  std::string name, purpose;
  std::string source;  // "built-in" or the path as given
  std::string sha256;  // of `toml`
  std::string toml;    // the text as read
  Load load;
  std::vector<Criterion>
      criteria;             // format, memory, speed; at least one each. Degradation: the margins of `tasks`
  std::vector<Task> tasks;  // at least one
  double alpha = 0.05;      // of each one-sided test, before Holm over categories
  Rule rule;
  Costs costs;
  std::optional<double> watts;  // wall power under load, as the user read it from a meter
  double budget_s = 0;          // wall seconds for the whole judgement
  std::set<std::string> given;  // keys the user's own file set

  bool is_default(const std::string& key) const { return given.count(key) == 0; }
  // The figure of a declared value, tagged with whether anybody declared it.
  Figure declared_figure(const std::string& key, double value, std::string unit) const;
};
// All settings; costs the file does not name are not among them (src/judge adds their defaults).
std::vector<Setting> settings(const Scenario& scenario);

// `which`: a built-in name, or a path (one that ends in .toml or holds a '/'). Empty: refused, saying why no
// verdict exists without a scenario.
Result<Scenario> load(const std::string& which);
// Parses text; `label` is what errors call it. `is_built_in`: nothing in it counts as set by the user.
Result<Scenario> parse(const std::string& text, const std::string& label, bool is_built_in);
const std::vector<std::string>& built_in_names();
// The last step of parse(): bad_input naming what is missing, with an example, or what cannot go together.
Status check_complete(const Scenario& scenario, const std::string& label);

}  // namespace bw::scenario
