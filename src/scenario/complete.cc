// What a scenario still lacks, or contradicts, once every key of its file has been read.
#include <fmt/format.h>

#include <algorithm>

#include "scenario/scenario.h"

namespace bw::scenario {

Status check_complete(const Scenario& s, const std::string& label) {
  const auto missing = [&](std::string_view key, std::string_view example) {
    return bad_input(fmt::format("{}: {} is missing", label, key),
                     fmt::format("add: {}; or start from a built-in with extends = \"laptop\"", example));
  };
  if (s.name.empty()) return missing("name", "name = \"my desk\"");
  const Load& l = s.load;
  const std::pair<const char*, uint32_t> needed[] = {{"streams", l.streams},
                                                     {"prompt_tokens", l.prompt_tokens},
                                                     {"output_tokens", l.output_tokens},
                                                     {"context", l.context},
                                                     {"requests", l.requests}};
  for (const auto& [key, v] : needed)
    if (v == 0) return missing(fmt::format("load.{}", key), fmt::format("{} = ... under [load]", key));
  if (l.context < l.prompt_tokens + l.output_tokens)
    return bad_input(
        fmt::format("{}: load.context: expected at least prompt_tokens + output_tokens = {}, found {}", label,
                    l.prompt_tokens + l.output_tokens, l.context));
  if (l.first_token_probes > 0 && l.streams > 1)
    return bad_input(
        label +
            ": load.first_token_probes: only with streams = 1: answers of one token beside each other are "
            "another load than the declared one",
        "leave it out and raise load.requests");
  for (Axis axis : {Axis::format, Axis::memory, Axis::speed})
    if (std::none_of(s.criteria.begin(), s.criteria.end(),
                     [&](const Criterion& c) { return c.axis == axis; })) {
      const char* example = axis == Axis::format   ? "loads_here = true"
                            : axis == Axis::memory ? "peak = { at_most = \"2 GiB\" }"
                                                   : "e2e_p50_ms = { at_most = \"30 s\" }";
      return missing(fmt::format("a criterion on the {} axis", name(axis)),
                     fmt::format("{} under [{}]", example, name(axis)));
    }
  if (s.tasks.empty())
    return missing("a task, so the degradation axis",
                   "suite = \"snips\" and items = 140 under [tasks.extraction]");
  for (const Task& t : s.tasks) {
    if (t.suite.empty()) return missing("tasks." + t.category + ".suite", "suite = \"snips\"");
    if (t.items == 0) return missing("tasks." + t.category + ".items", "items = 140");
    if (t.margin_points == 0)
      return missing("degradation.margin." + t.category,
                     fmt::format("{} = 5 under [degradation.margin] (points in 100)", t.category));
  }
  if (s.budget_s == 0) return missing("budget.time", "time = \"4m\" under [budget]");
  return {};
}

}  // namespace bw::scenario
