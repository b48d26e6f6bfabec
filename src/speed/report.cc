// From times to figures, and the synthetic prompts of a load. See samples.h.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/hash.h"
#include "speed/samples.h"
#include "stats/quantile.h"
#include "stats/random.h"

namespace bw::speed {
namespace {

constexpr double ns_per_ms = 1e6, ns_per_s = 1e9;

double span_of(uint64_t from, uint64_t to) {
  return to > from ? static_cast<double>(to - from) : 0;
}

// A rate needs time to have passed; a clock that did not move gives none.
void add_rate(std::vector<double>& rates, double n, double ns) {
  if (n > 0 && ns > 0) rates.push_back(n * ns_per_s / ns);
}

}  // namespace

Figure quantile_figure(std::span<const double> values, double q, const std::string& unit,
                       const std::string& what) {
  const stats::QuantileBounds b = stats::quantile_bounds(values, q);
  if (!b.value) return unknown(unit, b.reason.empty() ? fmt::format("no {} was observed", what) : b.reason);
  Figure f = measured(
      *b.value, unit,
      b.reason.empty() ? fmt::format("{}, order statistics", what) : fmt::format("{}; {}", what, b.reason));
  f.low = b.low;
  f.high = b.high;
  f.n = b.n;
  return f;
}

SpeedReport report(const Samples& samples, const Load& load, const Around& around) {
  std::vector<double> ttft, tpot, e2e, prefill, decode;
  size_t n_tokens = 0;
  for (const RequestSample& r : samples.requests) {
    if (r.token_ns.empty()) continue;
    n_tokens += r.token_ns.size();
    const double first = span_of(r.sent_ns, r.token_ns.front());
    ttft.push_back(first / ns_per_ms);
    e2e.push_back(span_of(r.sent_ns, r.token_ns.back()) / ns_per_ms);
    add_rate(prefill, load.prompt_tokens, first);
    add_rate(decode, static_cast<double>(r.token_ns.size() - 1),
             span_of(r.token_ns.front(), r.token_ns.back()));
    for (size_t i = 1; i < r.token_ns.size(); ++i)
      tpot.push_back(span_of(r.token_ns[i - 1], r.token_ns[i]) / ns_per_ms);
  }
  const std::string per_request = "over requests";
  // Gaps that follow each other share the machine's mood, so their bounds are narrower than the doubt.
  const std::string gaps = "gaps between tokens (neighbours are not independent)";
  SpeedReport s;
  s.prefill_tokens_per_s = quantile_figure(prefill, 0.5, "tokens/s", "median over requests");
  s.decode_tokens_per_s = quantile_figure(decode, 0.5, "tokens/s", "median over requests, one stream");
  const double wall = span_of(samples.begin_ns, samples.end_ns);
  s.throughput_tokens_per_s =
      wall > 0
          ? measured(static_cast<double>(n_tokens) * ns_per_s / wall, "tokens/s",
                     fmt::format("output of {} stream(s) over wall time, prompts included", load.n_streams))
          : unknown("tokens/s", "no time passed");
  s.ttft_p50_ms = quantile_figure(ttft, 0.50, "ms", per_request);
  s.ttft_p95_ms = quantile_figure(ttft, 0.95, "ms", per_request);
  s.ttft_p99_ms = quantile_figure(ttft, 0.99, "ms", per_request);
  s.tpot_p50_ms = quantile_figure(tpot, 0.50, "ms", gaps);
  s.tpot_p95_ms = quantile_figure(tpot, 0.95, "ms", gaps);
  s.tpot_p99_ms = quantile_figure(tpot, 0.99, "ms", gaps);
  s.e2e_p50_ms = quantile_figure(e2e, 0.50, "ms", per_request);
  s.e2e_p95_ms = quantile_figure(e2e, 0.95, "ms", per_request);
  s.e2e_p99_ms = quantile_figure(e2e, 0.99, "ms", per_request);
  s.read_bandwidth = around.read_bandwidth;
  if (!s.decode_tokens_per_s.known())
    s.read_bandwidth_share = unknown("share", "no decode speed: " + s.decode_tokens_per_s.reason);
  else if (!s.read_bandwidth.known())
    s.read_bandwidth_share = unknown("share", s.read_bandwidth.reason);
  else
    s.read_bandwidth_share = derived(static_cast<double>(around.bytes_read_per_token) *
                                         s.decode_tokens_per_s.value / s.read_bandwidth.value,
                                     "share", "weight bytes a step reads x steps a second / read bandwidth");
  s.load_s = measured(around.load_s, "s", "start of the process to ready, file possibly cached");
  s.cpu_s_per_token = n_tokens > 0 ? measured(around.cpu_s / static_cast<double>(n_tokens), "s",
                                              "processor time of the load / output tokens, prompts included")
                                   : unknown("s", "no token was made");
  const auto p10 = stats::quantile_bounds(e2e, 0.10).value, p50 = stats::quantile_bounds(e2e, 0.50).value,
             p90 = stats::quantile_bounds(e2e, 0.90).value;
  if (e2e.size() < 2 || !p10 || !p50 || !p90 || *p50 <= 0)
    s.spread = unknown("share", "fewer than two requests");
  else
    s.spread = measured((*p90 - *p10) / *p50, "share", "(p90 - p10) / p50 of whole requests");
  s.spread.n = static_cast<int64_t>(e2e.size());
  return s;
}

std::string digest(std::span<const engine::Token> tokens) {
  Sha256 h;
  for (const engine::Token t : tokens) {
    const auto u = static_cast<uint32_t>(t);
    const unsigned char bytes[4] = {static_cast<unsigned char>(u), static_cast<unsigned char>(u >> 8),
                                    static_cast<unsigned char>(u >> 16), static_cast<unsigned char>(u >> 24)};
    h.add(bytes, sizeof bytes);
  }
  return h.hex();
}

std::vector<engine::Token> synthetic_prompt(const gguf::File& file, uint32_t n_vocab, uint32_t n,
                                            uint64_t seed) {
  std::vector<engine::Token> normal;
  const auto keep = [&](const auto& kinds) {
    for (size_t i = 0; i < std::min<size_t>(kinds.size(), n_vocab); ++i)
      if (static_cast<int64_t>(kinds[i]) == static_cast<int64_t>(text::TokenKind::normal))
        normal.push_back(static_cast<engine::Token>(i));
  };
  if (const gguf::Value* v = file.find("tokenizer.ggml.token_type")) {
    if (const auto* i = std::get_if<std::vector<int64_t>>(&v->data)) keep(*i);
    if (const auto* u = std::get_if<std::vector<uint64_t>>(&v->data)) keep(*u);
  }
  stats::SplitMix64 random(seed);
  std::vector<engine::Token> out(n);
  for (engine::Token& t : out)
    t = normal.empty() ? static_cast<engine::Token>(random.below(n_vocab))
                       : normal[random.below(normal.size())];
  return out;
}

}  // namespace bw::speed
