// Rounds of A B A B as one measurement: times together, walls added, so that a p95 is one over all requests.
#include <algorithm>

#include "speed/samples.h"
#include "speed/wire.h"

namespace bw::speed {
namespace {

// Appends the requests of `from`; its wall is added, since the rounds did not run side by side.
void append(Samples& to, const Samples& from) {
  to.requests.insert(to.requests.end(), from.requests.begin(), from.requests.end());
  to.end_ns += from.end_ns - from.begin_ns;
}

Figure differing(const std::vector<std::string>& digests) {
  if (digests.size() < 2) return unknown("repeats", "one repeat has nothing to differ from");
  const auto n =
      std::count_if(digests.begin(), digests.end(), [&](const auto& d) { return d != digests[0]; });
  Figure f =
      measured(static_cast<double>(n), "repeats", "token ids of the first request, compared by digest");
  f.n = static_cast<int64_t>(digests.size());
  return f;
}

}  // namespace

Result<Pooled> pool(const std::vector<std::string>& rounds,
                    const std::vector<std::string>& first_token_rounds, const Load& load) {
  if (rounds.empty()) return failed("no measurement to report");
  Samples whole;
  Around around;
  std::vector<double> load_s, bandwidth;
  std::vector<std::string> digests;
  uint64_t peak = 0;
  Pooled out;
  for (const std::string& raw : rounds) {
    BW_TRY(const ChildAnswer a, child_answer(raw));
    append(whole, a.samples);
    load_s.push_back(a.around.load_s);
    around.cpu_s += a.around.cpu_s;
    around.bytes_read_per_token = a.around.bytes_read_per_token;
    if (a.around.read_bandwidth.known())
      bandwidth.push_back(a.around.read_bandwidth.value);
    else
      around.read_bandwidth = a.around.read_bandwidth;
    digests.push_back(digest(a.samples.first_output));
    peak = std::max(peak, a.peak_bytes);
    out.isa = a.isa;
    out.n_threads = a.n_threads;
  }
  if (!bandwidth.empty())
    around.read_bandwidth = quantile_figure(bandwidth, 0.5, "bytes/s", "median over rounds");
  out.speed = report(whole, load, around);
  out.speed.load_s = quantile_figure(load_s, 0.5, "s", "start of the process to ready, file possibly cached");
  out.speed.load_s.low = out.speed.load_s.high = std::nullopt;  // too few rounds for bounds; n says how many
  if (!first_token_rounds.empty()) {
    Samples with_probes = whole;
    for (const std::string& raw : first_token_rounds) {
      BW_TRY(const ChildAnswer a, child_answer(raw));
      append(with_probes, a.samples);
      peak = std::max(peak, a.peak_bytes);
    }
    const SpeedReport r = report(with_probes, load, around);
    out.speed.ttft_p50_ms = r.ttft_p50_ms;
    out.speed.ttft_p95_ms = r.ttft_p95_ms;
    out.speed.ttft_p99_ms = r.ttft_p99_ms;
    out.speed.prefill_tokens_per_s = r.prefill_tokens_per_s;
  }
  out.peak_bytes = peak > 0 ? measured(static_cast<double>(peak), "bytes", "VmHWM of the measuring process")
                            : unknown("bytes", "/proc/self/status does not say VmHWM here");
  out.digests_differing = differing(digests);
  return out;
}

}  // namespace bw::speed
