// Sequences sent at once: every stream gets its own answer, and the rates follow from the times.
// Oracles: plain decoding of the toy model, one at a time; sums done by hand.
#include <gtest/gtest.h>

#include "engine/fake_context.h"
#include "speed/samples.h"

namespace {
using namespace bw;
using namespace bw::speed;
using engine::Token;
constexpr uint64_t ms = 1'000'000;

Clock ticking() {
  return [t = uint64_t{0}]() mutable { return (t += ms) - ms; };
}

struct Bench {
  engine::FakeContext context;
  engine::ContextOptions options;
  std::vector<std::vector<Token>> prompts;
  Result<StreamsSample> run(uint32_t n_output) {
    context.n_seq = options.n_seq = 3;
    options.n_ctx = context.n_ctx = 64;
    engine::SchedulerOptions scheduling;
    scheduling.keep_prefixes = false;
    engine::Scheduler scheduler(context, options, scheduling);
    return run_streams(scheduler, prompts, n_output, ticking());
  }
};

TEST(RunStreams, streams_run_together_and_each_makes_all_its_tokens) {
  Bench b;
  b.prompts = {{1, 2, 3}, {1, 2, 4}, {5, 6, 7}};
  const auto s = b.run(4);
  ASSERT_TRUE(s) << s.error().what;
  for (const auto& times : s->token_ns) EXPECT_EQ(times.size(), 4u);
  // One pass holds all prompts, then three passes one row a stream.
  EXPECT_EQ(b.context.n_passes, 4u);
  EXPECT_EQ(b.context.n_rows, 9u + 3 * 3u);
  EXPECT_EQ(b.context.n_alive(), 0u);
}

TEST(RunStreams, a_stream_that_fails_is_an_error_and_nothing_is_left_running) {
  Bench b;
  b.context.poison = 9;
  b.prompts = {{1, 2, 3}, {1, 9, 4}};
  const auto s = b.run(4);
  ASSERT_FALSE(s);
  EXPECT_NE(s.error().what.find("not finite"), std::string::npos) << s.error().what;
  EXPECT_EQ(b.context.n_alive(), 0u);
}

TEST(RunStreams, nothing_to_run_is_refused) {
  Bench b;
  EXPECT_FALSE(b.run(4));
  b.prompts = {{1}};
  EXPECT_FALSE(b.run(0));
}

TEST(StreamsRates, decoding_counts_from_the_last_first_token_on) {
  StreamsSample s;
  s.begin_ns = 100 * ms;
  s.end_ns = 600 * ms;
  s.token_ns = {{200 * ms, 300 * ms, 400 * ms, 500 * ms}, {300 * ms, 400 * ms, 500 * ms, 600 * ms}};
  const StreamsRates r = rates_of(s);
  EXPECT_DOUBLE_EQ(r.whole_tokens_per_s, 16);         // 8 in 0.5 s
  EXPECT_NEAR(r.decode_tokens_per_s, 5 / 0.3, 1e-9);  // after 300 ms: 2 and 3 in 0.3 s
  EXPECT_EQ(r.ttft_ms, (std::vector<double>{100, 200}));
}

TEST(StreamsRates, one_token_a_stream_leaves_nothing_to_decode) {
  StreamsSample s;
  s.end_ns = 2 * ms;
  s.token_ns = {{ms}, {2 * ms}};
  EXPECT_EQ(rates_of(s).decode_tokens_per_s, 0);
}

}  // namespace
