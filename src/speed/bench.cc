// One file's speed alone: prefill, decode, share of the read bandwidth. In this process. See speed.h.
#include <fmt/format.h>

#include "base/thread_pool.h"
#include "engine/sampler.h"
#include "speed/limits.h"
#include "speed/opened.h"
#include "speed/samples.h"

namespace bw::speed {
namespace {

constexpr uint64_t bench_seed = 0x62656e63;

// Feeds `tokens` to a sequence, a pass of n_batch rows at a time. Returns the token that follows the last,
// where asked.
Result<engine::Token> feed(engine::Context& context, int seq, std::span<const engine::Token> tokens,
                           uint32_t n_batch, bool wants_next) {
  engine::Token next = 0;
  std::vector<engine::Row> rows;
  for (size_t i = 0; i < tokens.size();) {
    rows.clear();
    for (; i < tokens.size() && rows.size() < n_batch; ++i)
      rows.push_back({seq, tokens[i], wants_next && i + 1 == tokens.size()});
    BW_CHECK(context.forward(rows, [&next](size_t, std::span<const float> logits) -> Status {
      next = engine::greedy(logits);
      return {};
    }));
  }
  return next;
}

struct Rates {
  std::vector<double> prefill, decode;  // tokens/s
};

// One repeat on a sequence that already holds `depth` positions.
Status repeat_once(engine::Context& context, int seq, std::span<const engine::Token> prompt,
                   const BenchOptions& o, const Clock& clock, Rates& rates) {
  const auto rate = [](double n, uint64_t ns) {
    return n * 1e9 / static_cast<double>(std::max<uint64_t>(ns, 1));
  };
  engine::Token next = 0;
  if (o.prefill > 0) {
    const uint64_t begin = clock();
    BW_TRY(next, feed(context, seq, prompt, o.n_batch, true));
    rates.prefill.push_back(rate(o.prefill, clock() - begin));
    context.truncate(seq, o.depth);
  }
  if (o.decode > 0) {
    const uint64_t begin = clock();
    for (uint32_t i = 0; i < o.decode; ++i) {
      const engine::Token fed = next;
      BW_TRY(next, feed(context, seq, std::span(&fed, 1), 1, true));
    }
    rates.decode.push_back(rate(o.decode, clock() - begin));
    context.truncate(seq, o.depth);
  }
  return {};
}

Figure median(const std::vector<double>& rates, uint32_t asked, const char* what) {
  if (asked == 0) return unknown("tokens/s", fmt::format("--{} 0: not asked for", what));
  return quantile_figure(rates, 0.5, "tokens/s", fmt::format("median, {} {} tokens", what, asked));
}

}  // namespace

Result<BenchReport> bench(const std::string& model_path, const BenchOptions& o, const Progress& progress) {
  if (o.repeat == 0) return bad_input("bench: --repeat: expected at least 1, found 0");
  if (o.prefill == 0 && o.decode == 0)
    return bad_input("bench: --prefill 0 and --decode 0 leave nothing to measure");
  if (o.n_batch == 0) return bad_input("bench: --batch: expected at least 1, found 0");
  const Clock clock = monotonic_ns;
  engine::ContextOptions options;
  options.n_ctx = o.depth + std::max(o.prefill, o.decode) + 1;
  options.n_batch = o.n_batch;
  options.kv_type = o.kv_type;
  BW_TRY(Opened opened, open_for_bench(model_path, options, o.n_threads, progress));
  const gguf::File& file = opened.file;
  std::unique_ptr<engine::Context>& context = opened.context;
  std::shared_ptr<engine::Model>& model = opened.model;
  BenchReport r;
  r.load_s = opened.load_s;
  r.isa = model->isa();
  r.n_threads = model->n_threads();

  const uint32_t n_vocab = model->spec().n_vocab;
  const uint64_t head_macs = uint64_t{n_vocab} * model->spec().n_embd;
  BW_TRY(const int seq, context->new_sequence());
  BW_CHECK(feed(*context, seq, synthetic_prompt(file, n_vocab, o.depth, bench_seed), o.n_batch, false));
  const auto prompt = synthetic_prompt(file, n_vocab, o.prefill, bench_seed + 1);
  Rates warm_up, rates;
  BW_CHECK(repeat_once(*context, seq, prompt, o, clock, warm_up));
  for (uint32_t i = 0; i < o.repeat; ++i) {
    BW_CHECK(repeat_once(*context, seq, prompt, o, clock, rates));
    if (progress) progress("measuring", (i + 1.0) / o.repeat);
  }
  r.prefill_tokens_per_s = median(rates.prefill, o.prefill, "prefill");
  r.decode_tokens_per_s = median(rates.decode, o.decode, "decode");

  BW_TRY(const engine::MemoryPlan plan, engine::plan(file, options, r.n_threads));
  r.peak_bytes = peak_so_far();
  r.kv_bytes = context->kv_bytes();
  context.reset();
  model.reset();  // the buffer is as large as the weights: theirs goes back first
  if (progress) progress("read bandwidth", 0);
  BW_TRY(const std::unique_ptr<ThreadPool> pool, ThreadPool::make(r.n_threads));
  r.read_bandwidth = read_bandwidth(plan.bytes_read_per_token, *pool, clock);
  if (!r.decode_tokens_per_s.known() || !r.read_bandwidth.known())
    r.read_bandwidth_share =
        unknown("share", r.read_bandwidth.known() ? r.decode_tokens_per_s.reason : r.read_bandwidth.reason);
  else
    r.read_bandwidth_share = derived(
        static_cast<double>(plan.bytes_read_per_token) * r.decode_tokens_per_s.value / r.read_bandwidth.value,
        "share", "weight bytes a step reads x steps a second / read bandwidth");
  BW_TRY(const kernels::Table* table, kernels::choose(r.isa));
  r.dot_rate = dot_rate(*table, *pool, clock);
  if (!r.prefill_tokens_per_s.known() || !r.dot_rate.known())
    r.dot_rate_share =
        unknown("share", r.dot_rate.known() ? r.prefill_tokens_per_s.reason : r.dot_rate.reason);
  else
    r.dot_rate_share =
        derived(static_cast<double>(plan.macs_per_token - head_macs) * r.prefill_tokens_per_s.value /
                    r.dot_rate.value,
                "share", "multiply-adds of a token's products without the head x tokens a second / dot rate");
  return r;
}

}  // namespace bw::speed
