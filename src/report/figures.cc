#include "report/figures.h"

#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "base/figure_json.h"

namespace bw::report {
namespace {

struct Scaled {
  double factor;
  const char* unit;
};

Scaled scaled(const std::string& unit, double value) {
  if (unit == "bytes")
    return std::fabs(value) >= 1073741824.0 ? Scaled{1 / 1073741824.0, "GiB"} : Scaled{1 / 1048576.0, "MiB"};
  if (unit == "bytes/s") return {1e-9, "GB/s"};
  if (unit == "multiply-adds/s") return {1e-9, "GMAC/s"};
  if (unit == "share") return {100, "%"};
  return {1, nullptr};
}

std::string with(const Figure& f, bool interval) {
  if (!f.known()) return fmt::format("unknown({})", f.reason);
  const Scaled s = scaled(f.unit, f.value);
  if (f.unit == "yes") return fmt::format("{} {}", f.value != 0 ? "yes" : "no", name(f.birth));
  const bool count =
      f.value == std::floor(f.value) && std::fabs(f.value) < 1e6 &&
      (f.unit == "repeats" || f.unit == "items" || f.unit == "attempts" || f.unit == "streams");
  std::string out = count ? fmt::format("{:.0f}", f.value) : number(f.value * s.factor);
  const std::string unit = s.unit ? s.unit : f.unit;
  if (!unit.empty()) out += " " + unit;
  out += std::string(" ") + name(f.birth);
  if (f.birth == Birth::declared && !f.reason.empty()) out += fmt::format(" ({})", f.reason);
  if (interval && (f.low || f.high))
    out += fmt::format(" [{}, {}]", f.low ? number(*f.low * s.factor) : "no bound",
                       f.high ? number(*f.high * s.factor) : "no bound");
  return out;
}

struct Word {
  const char *key, *text;
};
constexpr Word words[] = {
    {"file_bytes", "file"},
    {"weight_bytes", "weights in the file"},
    {"bits_per_weight", "weights, each"},
    {"on_label_share", "in the type of its label"},
    {"bytes_read_per_token", "read per token"},
    {"planned", "planned"},
    {"weights", "  weights"},
    {"kv", "  KV cache"},
    {"work", "  work"},
    {"program", "  program"},
    {"peak", "peak"},
    {"difference", "peak against plan"},
    {"limit", "this host's limit"},
    {"share_of_limit", "peak, share of the limit"},
    {"saved", "saved against the reference"},
    {"prefill_tokens_per_s", "prefill"},
    {"decode_tokens_per_s", "decode, one stream"},
    {"throughput_tokens_per_s", "throughput, all streams"},
    {"ttft_p50_ms", "first token, p50"},
    {"ttft_p95_ms", "first token, p95"},
    {"ttft_p99_ms", "first token, p99"},
    {"tpot_p50_ms", "per token, p50"},
    {"tpot_p95_ms", "per token, p95"},
    {"tpot_p99_ms", "per token, p99"},
    {"e2e_p50_ms", "whole request, p50"},
    {"e2e_p95_ms", "whole request, p95"},
    {"e2e_p99_ms", "whole request, p99"},
    {"e2e_p99_over_p50", "whole request, p99 over p50"},
    {"read_bandwidth", "read bandwidth of this host"},
    {"read_bandwidth_share", "share of it that decode uses"},
    {"load_s", "start to ready"},
    {"cpu_s_per_token", "processor time per token"},
    {"spread", "spread over repeats"},
    {"digests_differing", "repeats that differ"},
    {"wh_per_accepted_output", "energy per accepted output"},
    {"kld_mean", "KL divergence, mean"},
    {"kld_median", "KL divergence, median"},
    {"kld_p99", "KL divergence, p99"},
    {"kld_max", "KL divergence, largest"},
    {"same_top", "same most likely token"},
    {"reference_ppl", "perplexity, reference"},
    {"candidate_ppl", "perplexity, candidate"},
    {"reference_truth", "exact, reference"},
    {"candidate_truth", "exact, candidate"},
    {"reference_score", "graded, reference"},
    {"candidate_score", "graded, candidate"},
    {"category_difference", "candidate less reference"},
    {"kld_p90", "KL divergence, p90"},
    {"ppl_ratio", "perplexity, ratio"},
    {"hand_over_reference", "handed over, reference"},
    {"hand_over_candidate", "handed over, candidate"},
    {"added_cost_per_output", "added cost per output"},
    {"added_cost_per_month", "added cost per month"},
    {"saved_gib", "memory saved"},
    {"saved_value_per_month", "worth of what is saved"},
    {"review_below", "worth it if a review is under"},
    {"gib_above", "worth it if a GiB is worth over"},
    {"mcnemar_p", "McNemar, exact, two-sided"},
    {"newcombe", "difference of exact shares"},
    {"margin", "margin of the scenario"},
    {"minimum_detectable", "least difference it could see"},
    {"silent_failures", "accepted, not true"},
    {"silent_failures_reference", "accepted, not true; reference"},
    {"delivered_silent_failures_reference", "delivered, not true; reference"},
    {"delivered_silent_failures_candidate", "delivered, not true; candidate"},
    {"output_length_ratio", "output length, ratio"},
    {"attempts_reference", "attempts, reference"},
    {"attempts_candidate", "attempts, candidate"},
    {"extra_attempts", "extra attempts"},
    {"two_extra_share", "items with 2 or more extra"},
    {"max_moved_share", "limit of that share"},
    {"cost_reference", "cost of an output, reference"},
    {"cost_candidate", "cost of an accepted output"},
};

}  // namespace

Figure read(const nlohmann::ordered_json& figure) {
  auto f = figure_of(figure);
  return f ? *std::move(f) : unknown("", f.error().what);
}
std::string show(const Figure& figure) {
  return with(figure, true);
}
std::string show_short(const Figure& figure) {
  return with(figure, false);
}
std::string label(const std::string& key) {
  for (const Word& w : words)
    if (key == w.key) return w.text;
  std::string out = key;
  for (char& c : out)
    if (c == '_') c = ' ';
  return out;
}

}  // namespace bw::report
