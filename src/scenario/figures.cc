// The one list of figures a criterion may name. A new one is a line here and a line in judge/observe.cc; a
// test there fails while either is missing.
#include "scenario/scenario.h"

#include <fmt/format.h>

namespace bw::scenario {

const char* name(Axis axis) {
  switch (axis) {
    case Axis::format:
      return "format";
    case Axis::memory:
      return "memory";
    case Axis::speed:
      return "speed";
    case Axis::degradation:
      return "degradation";
  }
  return "?";
}

const std::vector<KnownFigure>& known_figures() {
  using enum Axis;
  using enum Bound;
  static const std::vector<KnownFigure> figures{
      {format, "loads_here", "yes", at_least, "bitworth's engine can run the file"},
      {format, "file_bytes", "bytes", at_most, "size of the file"},
      {format, "bits_per_weight", "bits", at_most, "mean bits a weight takes"},
      {format, "on_label_share", "share", at_least, "share of weight bytes in the type the file claims"},
      {format, "findings", "count", at_most, "oddities of structure or meaning"},
      {memory, "peak", "bytes", at_most, "peak memory of the process (planned where not run)"},
      {memory, "share_of_limit", "share", at_most, "peak over the memory this process may use"},
      {memory, "difference", "share", at_most, "measured peak over the plan, less 1"},
      {speed, "ttft_p50_ms", "ms", at_most, "time to first token, median"},
      {speed, "ttft_p95_ms", "ms", at_most, "time to first token, 95 in 100 requests"},
      {speed, "ttft_p99_ms", "ms", at_most, "time to first token, 99 in 100 requests"},
      {speed, "tpot_p50_ms", "ms", at_most, "time per output token, median"},
      {speed, "tpot_p95_ms", "ms", at_most, "time per output token, 95 in 100 requests"},
      {speed, "tpot_p99_ms", "ms", at_most, "time per output token, 99 in 100 requests"},
      {speed, "e2e_p50_ms", "ms", at_most, "whole request, median"},
      {speed, "e2e_p95_ms", "ms", at_most, "whole request, 95 in 100 requests"},
      {speed, "e2e_p99_ms", "ms", at_most, "whole request, 99 in 100 requests"},
      {speed, "e2e_p99_over_p50", "ratio", at_most, "whole request, p99 over p50"},
      {speed, "prefill_tokens_per_s", "tokens/s", at_least, "reading the prompt"},
      {speed, "decode_tokens_per_s", "tokens/s", at_least, "writing the answer, one stream"},
      {speed, "throughput_tokens_per_s", "tokens/s", at_least, "output of all streams together"},
      {speed, "load_s", "s", at_most, "from start to ready"},
      {speed, "cpu_s_per_token", "s", at_most, "processor time per output token"},
      {speed, "spread", "share", at_most, "(p90 - p10) / p50 of whole requests"},
      {speed, "digests_differing", "count", at_most, "repeats whose answer differed"},
      {speed, "wh_per_accepted_output", "Wh", at_most,
       "energy for one accepted output, from the watts entered"},
  };
  return figures;
}

const KnownFigure* find_figure(Axis axis, std::string_view figure) {
  for (const KnownFigure& f : known_figures())
    if (f.axis == axis && f.name == figure) return &f;
  return nullptr;
}

std::string describe(const Criterion& c) {
  if (c.unit == "yes") return c.value > 0 ? "yes" : "yes or no";
  const char* words = c.bound == Bound::at_most ? "at most" : "at least";
  if (c.unit == "bytes") return fmt::format("{} {} MiB", words, number(mib(c.value)));
  if (c.unit == "share") return fmt::format("{} {} %", words, number(100 * c.value));
  return fmt::format("{} {} {}", words, number(c.value), c.unit);
}

Figure Scenario::declared_figure(const std::string& key, double value, std::string unit) const {
  return declared(value, std::move(unit), is_default(key) ? "default, not yours" : "");
}

const std::vector<CostName>& cost_names() {
  static const std::vector<CostName> names{
      {"machine_per_hour", "money/h"},
      {"person_per_hour", "money/h"},
      {"review_seconds", "s"},
      {"hand_over_minutes", "min"},
      {"wrong_answer", "money"},
      {"outputs_per_month", "outputs/month"},
      {"value_per_gib_month", "money/(GiB month)"},
  };
  return names;
}

std::string money_unit(std::string_view unit, const std::string& currency) {
  std::string out(unit);
  if (const size_t at = out.find("money"); at != std::string::npos) out.replace(at, 5, currency);
  return out;
}

std::vector<Setting> settings(const Scenario& s) {
  std::vector<Setting> out;
  const auto num = [&](const std::string& key, std::optional<double> v, std::string unit) {
    out.push_back({key, v, "", std::move(unit), s.is_default(key)});
  };
  const auto text = [&](const std::string& key, std::string v) {
    out.push_back({key, std::nullopt, std::move(v), "", s.is_default(key)});
  };
  num("load.streams", s.load.streams, "streams");
  num("load.prompt_tokens", s.load.prompt_tokens, "tokens");
  num("load.output_tokens", s.load.output_tokens, "tokens");
  num("load.context", s.load.context, "tokens");
  num("load.requests", s.load.requests, "requests");
  num("load.rounds", s.load.rounds, "rounds");
  num("load.first_token_probes", s.load.first_token_probes, "requests");
  num("load.threads", s.load.threads, "threads");
  text("load.kv", std::string(kernels::name(s.load.kv)));
  for (const Task& t : s.tasks) {
    text("tasks." + t.category + ".suite", t.suite);
    num("tasks." + t.category + ".items", t.items, "items");
    num("degradation.margin." + t.category, t.margin_points, "points in 100");
  }
  num("degradation.alpha", s.alpha, "probability");
  num("rule.attempts", s.rule.attempts, "attempts");
  num("rule.max_moved_share", s.rule.max_moved_share, "share");
  text("cost.currency", s.costs.currency);
  for (const CostName& c : cost_names()) {
    const auto found = s.costs.values.find(std::string(c.name));
    if (found != s.costs.values.end())
      num("cost." + found->first, found->second, money_unit(c.unit, s.costs.currency));
  }
  num("power.watts", s.watts, "W");
  num("budget.time", s.budget_s, "s");
  return out;
}

}  // namespace bw::scenario
