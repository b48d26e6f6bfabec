#include "judge/observe.h"

#include <fmt/format.h>

namespace bw::judge {

using scenario::Axis;

NamedFigures format_figures(const format::FormatReport& r) {
  return {{"file_bytes", measured(static_cast<double>(r.file_bytes), "bytes")},
          {"weight_bytes", derived(static_cast<double>(r.weight_bytes), "bytes")},
          {"bits_per_weight", r.bits_per_weight},
          {"on_label_share", r.on_label_share},
          {"bytes_read_per_token", r.bytes_read_per_token}};
}

NamedFigures memory_figures(const MemoryFindings& m) {
  const memory::MemoryReport& r = m.report;
  return {{"planned", r.planned},
          {"weights", r.weights},
          {"kv", r.kv},
          {"work", r.work},
          {"program", r.program},
          {"peak", r.peak},
          {"difference", r.difference},
          {"limit", r.limit},
          {"share_of_limit", m.share_of_limit},
          {"saved", m.saved}};
}

NamedFigures speed_figures(const SpeedFindings& s) {
  const speed::SpeedReport& r = s.report;
  return {{"prefill_tokens_per_s", r.prefill_tokens_per_s},
          {"decode_tokens_per_s", r.decode_tokens_per_s},
          {"throughput_tokens_per_s", r.throughput_tokens_per_s},
          {"ttft_p50_ms", r.ttft_p50_ms},
          {"ttft_p95_ms", r.ttft_p95_ms},
          {"ttft_p99_ms", r.ttft_p99_ms},
          {"tpot_p50_ms", r.tpot_p50_ms},
          {"tpot_p95_ms", r.tpot_p95_ms},
          {"tpot_p99_ms", r.tpot_p99_ms},
          {"e2e_p50_ms", r.e2e_p50_ms},
          {"e2e_p95_ms", r.e2e_p95_ms},
          {"e2e_p99_ms", r.e2e_p99_ms},
          {"e2e_p99_over_p50", s.e2e_p99_over_p50},
          {"read_bandwidth", r.read_bandwidth},
          {"read_bandwidth_share", r.read_bandwidth_share},
          {"load_s", r.load_s},
          {"cpu_s_per_token", r.cpu_s_per_token},
          {"spread", r.spread},
          {"digests_differing", s.digests_differing},
          {"wh_per_accepted_output", s.wh_per_accepted_output}};
}

NamedFigures degradation_figures(const quality::DegradationReport& r) {
  const std::string why = r.divergence_unknown.empty() ? "not measured" : r.divergence_unknown;
  quality::Divergence none;
  for (Figure* f : {&none.kld_mean, &none.kld_median, &none.kld_p90, &none.kld_p99, &none.kld_max})
    *f = unknown("nats", why);
  none.same_top = unknown("share", why);
  for (Figure* f : {&none.reference_ppl, &none.candidate_ppl, &none.ppl_ratio}) *f = unknown("ratio", why);
  const quality::Divergence& d = r.divergence ? *r.divergence : none;
  return {{"kld_mean", d.kld_mean},
          {"kld_median", d.kld_median},
          {"kld_p90", d.kld_p90},
          {"kld_p99", d.kld_p99},
          {"kld_max", d.kld_max},
          {"same_top", d.same_top},
          {"reference_ppl", d.reference_ppl},
          {"candidate_ppl", d.candidate_ppl},
          {"ppl_ratio", d.ppl_ratio}};
}

NamedFigures category_figures(const quality::CategoryReport& r) {
  return {{"reference_truth", r.reference_truth},
          {"candidate_truth", r.candidate_truth},
          {"reference_score", r.reference_score},
          {"candidate_score", r.candidate_score},
          {"difference", r.difference},
          {"mcnemar_p", r.mcnemar_p},
          {"newcombe", r.newcombe},
          {"margin", r.margin},
          {"minimum_detectable", r.minimum_detectable},
          {"silent_failures", r.silent_failures},
          {"silent_failures_reference", r.silent_failures_reference},
          {"output_length_ratio", r.output_length_ratio}};
}

NamedFigures rule_figures(const std::optional<cost::CostReport>& report, const std::string& why,
                          const cost::DeclaredCosts& costs) {
  const cost::CostReport none;
  const cost::CostReport& r = report ? *report : none;
  const std::string money = costs.currency;
  NamedFigures out{{"attempts_reference", r.attempts_reference},
                   {"attempts_candidate", r.attempts_candidate},
                   {"hand_over_reference", r.hand_over_reference},
                   {"hand_over_candidate", r.hand_over_candidate},
                   {"extra_attempts", r.extra_attempts},
                   {"two_extra_share", r.two_extra_share},
                   {"max_moved_share", costs.max_moved_share},
                   {"silent_failures_reference", r.silent_failures_reference},
                   {"silent_failures_candidate", r.silent_failures_candidate},
                   {"cost_reference", r.cost_reference},
                   {"cost_candidate", r.cost_candidate},
                   {"added_cost_per_output", r.added_cost_per_output},
                   {"added_cost_per_month", r.added_cost_per_month},
                   {"saved_gib", r.saved_gib},
                   {"saved_value_per_month", r.saved_value_per_month},
                   {"review_below", r.review_below},
                   {"gib_above", r.gib_above}};
  if (!report)
    for (auto& [key, figure] : out)
      if (key != "max_moved_share") figure = unknown("", why.empty() ? "not priced" : why);
  return out;
}

Figure observe(const Candidate& c, Axis axis, const std::string& name) {
  if (axis == Axis::format && name == "loads_here")
    return derived(c.format.loads_here ? 1 : 0, "yes",
                   c.format.loads_here ? "every part of the file is one the engine runs" : c.format.why_not);
  if (axis == Axis::format && name == "findings")
    return derived(static_cast<double>(c.format.findings.size()), "count",
                   c.format.findings.empty() ? "" : "the first: " + c.format.findings.front());
  if (axis == Axis::memory && name == "peak" && !c.memory.report.peak.known() &&
      c.memory.report.planned.known()) {
    Figure planned = c.memory.report.planned;
    planned.reason = "planned, not run: " + c.memory.report.peak.reason;
    return planned;
  }
  const NamedFigures all = axis == Axis::format   ? format_figures(c.format)
                           : axis == Axis::memory ? memory_figures(c.memory)
                           : axis == Axis::speed  ? speed_figures(c.speed)
                                                  : degradation_figures(c.degradation);
  for (const auto& [key, figure] : all)
    if (key == name) return figure;
  return unknown("", fmt::format("no figure {} on the {} axis", name, scenario::name(axis)));
}

void finish_memory(MemoryFindings& m, const MemoryFindings* reference) {
  const auto need = [](const MemoryFindings& x) {
    return x.report.peak.known() ? x.report.peak : x.report.planned;
  };
  const Figure mine = need(m);
  if (!mine.known()) {
    m.share_of_limit = unknown("share", mine.reason);
  } else if (!m.report.limit.known() || m.report.limit.value <= 0) {
    m.share_of_limit = unknown("share", "the memory this process may use is not known");
  } else {
    m.share_of_limit =
        derived(mine.value / m.report.limit.value, "share",
                m.report.peak.known() ? "measured peak over the limit" : "planned over the limit");
  }
  if (!reference) {
    m.saved = unknown("bytes", "no reference");
    return;
  }
  // Peak against peak, or plan against plan; never one against the other.
  const bool peaks = m.report.peak.known() && reference->report.peak.known();
  const Figure& a = peaks ? reference->report.peak : reference->report.planned;
  const Figure& b = peaks ? m.report.peak : m.report.planned;
  if (!a.known() || !b.known())
    m.saved = unknown("bytes", !b.known() ? b.reason : a.reason);
  else
    m.saved =
        derived(a.value - b.value, "bytes", peaks ? "difference of measured peaks" : "difference of plans");
}

}  // namespace bw::judge
