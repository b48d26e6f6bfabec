// N sequences together on the scheduler: `bitworth bench --streams`. See speed.h, samples.h.
#include <fmt/format.h>

#include <algorithm>

#include "speed/opened.h"
#include "speed/samples.h"

namespace bw::speed {
namespace {

constexpr uint64_t streams_seed = 0x73747265;

double seconds(uint64_t from, uint64_t to) {
  return static_cast<double>(std::max(to, from + 1) - from) * 1e-9;
}

}  // namespace

Result<StreamsSample> run_streams(engine::Scheduler& scheduler,
                                  std::span<const std::vector<engine::Token>> prompts, uint32_t n_output,
                                  const Clock& clock) {
  if (prompts.empty() || n_output == 0)
    return bad_input("streams: expected at least one prompt and one output token");
  StreamsSample out;
  out.token_ns.resize(prompts.size());
  size_t n_ended = 0;
  std::optional<Error> first_error;
  out.begin_ns = clock();
  for (size_t i = 0; i < prompts.size(); ++i) {
    engine::ScheduledRequest request;
    request.prompt = prompts[i];
    request.max_tokens = n_output;
    request.reuse = false;  // every stream computes its own
    request.on_token = [&out, &clock, i](const engine::TokenEvent&) {
      out.token_ns[i].push_back(clock());
      return false;
    };
    request.on_done = [&](engine::Outcome&& outcome) {
      ++n_ended;
      if (outcome.error && !first_error) first_error = std::move(outcome.error);
    };
    BW_CHECK(scheduler.submit(std::move(request)));
  }
  while (n_ended < prompts.size() && scheduler.step()) {
  }
  out.end_ns = clock();
  if (first_error) return *std::move(first_error);
  for (const auto& times : out.token_ns)
    if (times.size() != n_output)
      return failed(fmt::format("a stream made {} of {} tokens", times.size(), n_output));
  return out;
}

StreamsRates rates_of(const StreamsSample& s) {
  StreamsRates r;
  uint64_t all_decode = 0;  // from here on every stream decodes
  for (const auto& times : s.token_ns) {
    all_decode = std::max(all_decode, times.front());
    r.ttft_ms.push_back(seconds(s.begin_ns, times.front()) * 1e3);
  }
  size_t n_all = 0, n_late = 0;
  uint64_t last = all_decode;
  for (const auto& times : s.token_ns) {
    n_all += times.size();
    n_late += size_t(times.end() - std::upper_bound(times.begin(), times.end(), all_decode));
    last = std::max(last, times.back());
  }
  if (n_late > 0) r.decode_tokens_per_s = static_cast<double>(n_late) / seconds(all_decode, last);
  r.whole_tokens_per_s = static_cast<double>(n_all) / seconds(s.begin_ns, s.end_ns);
  return r;
}

Result<StreamsReport> bench_streams(const std::string& model_path, uint32_t n_streams, const BenchOptions& o,
                                    const Progress& progress) {
  if (n_streams == 0) return bad_input("bench: --streams: expected at least 1, found 0");
  if (o.repeat == 0) return bad_input("bench: --repeat: expected at least 1, found 0");
  if (o.depth > 0) return bad_input("bench: --depth has no meaning with --streams", "leave one of them out");
  if (o.prefill == 0 || o.decode < 2)
    return bad_input("bench: streams need a prompt token and two output tokens each");
  engine::ContextOptions options;
  options.n_ctx = o.prefill + o.decode + 1;
  options.n_seq = n_streams;
  options.n_batch = o.n_batch;
  options.n_logits = std::min(options.n_logits, o.n_batch);
  options.kv_type = o.kv_type;
  BW_TRY(Opened opened, open_for_bench(model_path, options, o.n_threads, progress));
  StreamsReport r;
  r.load_s = opened.load_s;
  r.isa = opened.model->isa();
  r.n_threads = opened.model->n_threads();
  std::vector<std::vector<engine::Token>> prompts;
  for (uint32_t i = 0; i < n_streams; ++i)
    prompts.push_back(
        synthetic_prompt(opened.file, opened.model->spec().n_vocab, o.prefill, streams_seed + i));
  std::vector<double> decode, whole, ttft;
  for (uint32_t i = 0; i <= o.repeat; ++i) {
    engine::SchedulerOptions scheduling;
    scheduling.max_queued = n_streams;
    scheduling.keep_prefixes = false;
    engine::Scheduler scheduler(*opened.context, options, scheduling);
    BW_TRY(const StreamsSample sample, run_streams(scheduler, prompts, o.decode, monotonic_ns));
    if (i == 0) continue;  // warm-up
    const StreamsRates rates = rates_of(sample);
    if (rates.decode_tokens_per_s > 0) decode.push_back(rates.decode_tokens_per_s);
    whole.push_back(rates.whole_tokens_per_s);
    ttft.insert(ttft.end(), rates.ttft_ms.begin(), rates.ttft_ms.end());
    if (progress) progress("measuring", static_cast<double>(i) / o.repeat);
  }
  r.decode_tokens_per_s =
      quantile_figure(decode, 0.5, "tokens/s", "median; all streams, once each has its first token");
  r.whole_tokens_per_s = quantile_figure(whole, 0.5, "tokens/s",
                                         "median; all streams' output over the whole time, prompts included");
  r.ttft_p95_ms = quantile_figure(ttft, 0.95, "ms", "over streams and repeats, all sent at once");
  r.peak_bytes = peak_so_far();
  return r;
}

}  // namespace bw::speed
