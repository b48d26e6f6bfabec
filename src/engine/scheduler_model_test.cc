// The scheduler over real attention: tiny model, F16 and Q8 pages, every request checked bit for bit (tokens
// and log-probabilities of the 20 likeliest) against generate() alone in a context of its own.
// BITWORTH_LONG_TESTS=1 adds a soak of BITWORTH_SOAK_MINUTES (15 unless set) with the memory at both ends.
#include <gtest/gtest.h>
#include <malloc.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>

#include "base/host.h"
#include "engine/generate.h"
#include "engine/scheduler_storm.h"

namespace bw::engine {
namespace {

std::shared_ptr<Model> tiny_model() {
  const auto file = gguf::open(BITWORTH_SOURCE_DIR "/data/vectors/bn1/baby-Q5_1.gguf");
  EXPECT_TRUE(file) << file.error().what;
  auto model = load(*file, LoadOptions{2, "", {}});
  EXPECT_TRUE(model) << model.error().what;
  return *model;
}
ContextOptions options(uint32_t n_seq, uint64_t n_kv) {
  ContextOptions o;
  o.n_ctx = 768;
  o.n_seq = n_seq;
  o.n_batch = 96;
  o.n_kv = n_kv;
  return o;
}

// One request alone, its cache empty.
Outcome alone(Context& context, const std::vector<Token>& prompt, const ScheduledRequest& r) {
  Request q;
  q.prompt = prompt;
  q.max_tokens = r.max_tokens;
  q.stop = r.stop;
  q.sampler = r.sampler;
  q.log_probs = true;
  q.top_log_probs = r.top_log_probs;
  const auto done = generate(context, {}, std::span(&q, 1));
  EXPECT_TRUE(done) << done.error().what;
  Outcome o;
  if (!done) return o;
  o.reason = (*done)[0].reason == Completion::Reason::stop ? Outcome::Reason::stop : Outcome::Reason::length;
  o.tokens = (*done)[0].tokens;
  o.log_probs = (*done)[0].log_probs;
  if (r.prompt_log_probs) {
    const int seq = *context.new_sequence();
    std::vector<Row> rows;
    for (size_t i = 0; i + 1 < prompt.size(); ++i) rows.push_back({seq, prompt[i], true});
    EXPECT_TRUE(context.forward(rows, [&](size_t row, std::span<const float> logits) {
      o.prompt_log_probs.push_back(log_probs(logits, prompt[row + 1], r.top_log_probs));
      return Status{};
    }));
    context.drop(seq);
  }
  return o;
}

constexpr Storm::Shape shape{.n_vocab = 105, .most_prompt = 600, .most_tokens = 24, .most_alive = 9};

class SchedulerModel : public testing::TestWithParam<KvType> {};
TEST_P(SchedulerModel, a_storm_over_real_attention_changes_no_bit) {
  const auto model = tiny_model();
  ContextOptions solo = options(1, 0), many = options(5, 11 * page_positions);
  solo.kv_type = many.kv_type = GetParam();
  const auto one = std::move(*make_context(model, solo)), context = std::move(*make_context(model, many));
  Scheduler s(*context, many);
  Storm storm(s, 1, shape, [&](const auto& prompt, const auto& r) { return alone(*one, prompt, r); });
  for (int i = 0; i < 350; ++i) storm.step();
  storm.finish();
  EXPECT_GT(storm.n_done, 60u);
  EXPECT_GT(storm.n_forked, 10u);
  EXPECT_GT(storm.n_cancelled, 3u);
  EXPECT_GT(storm.n_reused, 3000u);
  EXPECT_GT(s.stats().n_evicted_pages, 10u);
}
INSTANTIATE_TEST_SUITE_P(Caches, SchedulerModel, testing::Values(KvType::f16, KvType::q8),
                         [](const auto& p) { return std::string(p.param == KvType::f16 ? "f16" : "q8"); });

double resident_mib() {
  malloc_trim(0);
  const auto memory = process_memory();
  EXPECT_TRUE(memory);
  return memory ? double(memory->rss) / (1 << 20) : 0;
}

TEST(SchedulerSoak, minutes_of_storm_change_no_bit_and_memory_stays_flat) {
  if (!std::getenv("BITWORTH_LONG_TESTS")) GTEST_SKIP() << "minutes; set BITWORTH_LONG_TESTS=1";
  const char* set = std::getenv("BITWORTH_SOAK_MINUTES");
  const double minutes = set ? std::atof(set) : 15;
  ASSERT_GT(minutes, 0);
  const auto model = tiny_model();
  const ContextOptions many = options(6, 14 * page_positions);
  const auto one = std::move(*make_context(model, options(1, 0))),
             context = std::move(*make_context(model, many));
  Scheduler s(*context, many);
  Storm storm(s, 20261124, shape, [&](const auto& prompt, const auto& r) { return alone(*one, prompt, r); });
  const auto start = std::chrono::steady_clock::now();
  const auto passed = [&] {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count() / 60;
  };
  // Everything is warm after a tenth of the time.
  while (passed() < minutes / 10 && !HasFatalFailure()) storm.step();
  const double first = resident_mib();
  while (passed() < minutes && !HasFatalFailure()) storm.step();
  const double last = resident_mib();
  storm.finish();
  const SchedulerStats stats = s.stats();
  std::printf(
      "%.1f minutes: %zu requests, %zu forked, %zu cancelled; %llu steps, %llu rows of decoding and %llu of "
      "prompts, "
      "%llu positions reused, %llu pages evicted; resident %.1f MiB at a tenth, %.1f MiB at the end\n",
      passed(), storm.n_done, storm.n_forked, storm.n_cancelled,
      static_cast<unsigned long long>(stats.n_steps), static_cast<unsigned long long>(stats.n_decode_rows),
      static_cast<unsigned long long>(stats.n_prompt_rows), static_cast<unsigned long long>(stats.n_reused),
      static_cast<unsigned long long>(stats.n_evicted_pages), first, last);
  EXPECT_LT(last, first + 2);  // a leak of one page's tokens a request would be more within minutes
  EXPECT_EQ(stats.n_free_pages + stats.n_kept_pages, stats.n_pages);
}

}  // namespace
}  // namespace bw::engine
