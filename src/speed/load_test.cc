// The closed loop sends, batches and times as it says; the figures follow from the times by hand arithmetic.
// Oracles: a toy model whose logits depend on everything its sequence holds, plain decoding beside it, clocks
// that tick once a reading, sums done by hand.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <numeric>

#include "engine/fake_context.h"
#include "engine/sampler.h"
#include "speed/samples.h"

namespace {
using namespace bw;
using namespace bw::speed;
using engine::Token;
constexpr uint64_t ms = 1'000'000;

// Each reading is one millisecond after the last.
Clock ticking() {
  return [t = uint64_t{0}]() mutable { return (t += ms) - ms; };
}

std::vector<std::vector<Token>> prompts(size_t n, uint32_t length) {
  std::vector<std::vector<Token>> out(n);
  for (size_t i = 0; i < n; ++i)
    for (uint32_t k = 0; k < length; ++k) out[i].push_back(static_cast<Token>((i * 5 + k * 3) % 12));
  return out;
}

Load load_of(uint32_t streams, uint32_t prompt, uint32_t output) {
  Load l;
  l.n_streams = streams;
  l.prompt_tokens = prompt;
  l.output_tokens = output;
  return l;
}

std::vector<Token> plain_decoding(std::vector<Token> history, uint32_t n) {
  std::vector<Token> out;
  std::array<float, 12> logits{};
  for (uint32_t i = 0; i < n; ++i) {
    engine::FakeContext::hash_model(history, logits);
    const auto best = std::max_element(logits.begin(), logits.end()) - logits.begin();
    out.push_back(static_cast<Token>(best));
    history.push_back(out.back());
  }
  return out;
}

TEST(RunLoad, one_stream_is_timed_pass_by_pass) {
  engine::FakeContext context;
  const auto s = run_load(context, prompts(2, 5), load_of(1, 5, 3), 2, ticking(), {});
  ASSERT_TRUE(s) << s.error().what;
  // Passes of 2, 2, 1 prompt rows, then one row a token: the first token after tick 3.
  EXPECT_EQ(s->requests[0].sent_ns, 0u);
  EXPECT_EQ(s->requests[0].token_ns, (std::vector<uint64_t>{3 * ms, 4 * ms, 5 * ms}));
  EXPECT_EQ(s->requests[1].sent_ns, 5 * ms);
  EXPECT_EQ(s->requests[1].token_ns, (std::vector<uint64_t>{8 * ms, 9 * ms, 10 * ms}));
  EXPECT_EQ(s->begin_ns, 0u);
  EXPECT_EQ(s->end_ns, 10 * ms);
  EXPECT_EQ(context.n_passes, 10u);
  EXPECT_EQ(context.n_wanted, 6u);  // logits are asked for only where a token is taken
}

TEST(RunLoad, the_answer_is_plain_greedy_decoding_whatever_runs_beside_it) {
  const auto p = prompts(7, 4);
  for (const uint32_t streams : {1u, 2u, 3u}) {
    engine::FakeContext context;
    const auto s = run_load(context, p, load_of(streams, 4, 6), 3, ticking(), {});
    ASSERT_TRUE(s);
    EXPECT_EQ(s->first_output, plain_decoding(p[0], 6)) << streams << " streams";
  }
}

TEST(RunLoad, streams_share_passes_and_never_exceed_their_number_or_the_batch) {
  engine::FakeContext context;
  const auto s = run_load(context, prompts(9, 10), load_of(3, 10, 4), 8, ticking(), {});
  ASSERT_TRUE(s);
  EXPECT_EQ(context.most_alive, 3u);
  EXPECT_EQ(context.most_rows, 8u);
  EXPECT_EQ(context.n_alive(), 0u);
  EXPECT_EQ(context.n_rows, 9u * (10 + 3));  // the last token of a request is never fed
  for (const RequestSample& r : s->requests) EXPECT_EQ(r.token_ns.size(), 4u);
  EXPECT_LT(context.n_passes, 9u * 4);
}

TEST(RunLoad, a_decoding_stream_is_not_held_up_by_anothers_long_prompt) {
  engine::FakeContext context;
  auto p = prompts(2, 1);
  p[1].assign(100, 3);
  const auto s = run_load(context, p, load_of(2, 1, 8), 4, ticking(), {});
  ASSERT_TRUE(s);
  const auto& times = s->requests[0].token_ns;
  for (size_t i = 1; i < times.size(); ++i) EXPECT_EQ(times[i] - times[i - 1], ms);
}

TEST(RunLoad, a_failing_pass_is_handed_up) {
  engine::FakeContext context;
  context.poison = 3;
  const auto s = run_load(context, prompts(1, 3), load_of(1, 3, 2), 4, ticking(), {});
  ASSERT_FALSE(s);
  EXPECT_NE(s.error().what.find("not finite"), std::string::npos);
}

TEST(RunLoad, refuses_what_cannot_run) {
  engine::FakeContext context;
  EXPECT_FALSE(run_load(context, {}, load_of(1, 3, 2), 4, ticking(), {}));
  EXPECT_FALSE(run_load(context, prompts(1, 3), load_of(0, 3, 2), 4, ticking(), {}));
  EXPECT_FALSE(run_load(context, prompts(1, 3), load_of(5, 3, 2), 4, ticking(), {}));
  EXPECT_FALSE(run_load(context, prompts(1, 0), load_of(1, 0, 2), 4, ticking(), {}));
}

TEST(RunLoad, progress_ends_at_one) {
  engine::FakeContext context;
  double last = 0;
  ASSERT_TRUE(run_load(context, prompts(2, 3), load_of(2, 3, 2), 4, ticking(),
                       [&](const std::string&, double share) { last = share; }));
  EXPECT_DOUBLE_EQ(last, 1.0);
}

// Requests 0 .. n-1, one after another: first token after 10 + i ms, then 4 gaps of 2 ms.
Samples by_hand(size_t n) {
  Samples s;
  uint64_t t = 0;
  for (size_t i = 0; i < n; ++i) {
    RequestSample r;
    r.sent_ns = t;
    t += (10 + i) * ms;
    for (int k = 0; k < 5; ++k) r.token_ns.push_back(t + static_cast<uint64_t>(k) * 2 * ms);
    t = r.token_ns.back();
    s.requests.push_back(r);
  }
  s.end_ns = t;
  return s;
}

Around around() {
  Around a;
  a.load_s = 1.5;
  a.cpu_s = 0.5;
  a.bytes_read_per_token = 1000;
  a.read_bandwidth = measured(1e6, "bytes/s");
  return a;
}

TEST(Report, figures_follow_from_the_times) {
  const SpeedReport r = report(by_hand(9), load_of(1, 30, 5), around());
  EXPECT_DOUBLE_EQ(r.ttft_p50_ms.value, 14);  // 10 .. 18
  EXPECT_DOUBLE_EQ(r.e2e_p50_ms.value, 22);
  EXPECT_DOUBLE_EQ(r.tpot_p50_ms.value, 2);
  EXPECT_EQ(r.tpot_p50_ms.n, 36);
  EXPECT_DOUBLE_EQ(r.decode_tokens_per_s.value, 500);  // 4 tokens in 8 ms
  EXPECT_DOUBLE_EQ(r.prefill_tokens_per_s.value, 30 / 0.014);
  EXPECT_DOUBLE_EQ(r.throughput_tokens_per_s.value, 45 / 0.198);  // 9 * 8 + (10 + ... + 18) = 198 ms
  EXPECT_DOUBLE_EQ(r.cpu_s_per_token.value, 0.5 / 45);
  EXPECT_DOUBLE_EQ(r.read_bandwidth_share.value, 0.5);   // 1000 bytes x 500 /s of 1e6 /s
  EXPECT_DOUBLE_EQ(r.spread.value, (26.0 - 18.0) / 22);  // ranks 9 and 1 of 9
  EXPECT_DOUBLE_EQ(r.load_s.value, 1.5);
  EXPECT_EQ(r.read_bandwidth_share.birth, Birth::derived);
  EXPECT_EQ(r.ttft_p50_ms.birth, Birth::measured);
}

TEST(Report, p95_has_an_upper_bound_from_59_requests_on_and_says_so_below) {
  const SpeedReport few = report(by_hand(58), load_of(1, 30, 5), around());
  EXPECT_FALSE(few.ttft_p95_ms.high);
  EXPECT_NE(few.ttft_p95_ms.reason.find("59"), std::string::npos) << few.ttft_p95_ms.reason;
  const SpeedReport enough = report(by_hand(59), load_of(1, 30, 5), around());
  ASSERT_TRUE(enough.ttft_p95_ms.high);
  EXPECT_DOUBLE_EQ(*enough.ttft_p95_ms.high, 68);  // the largest of 59
  EXPECT_FALSE(enough.ttft_p99_ms.high);
  EXPECT_NE(enough.ttft_p99_ms.reason.find("299"), std::string::npos) << enough.ttft_p99_ms.reason;
}

TEST(Report, one_token_a_request_has_no_decode_speed_but_a_reason) {
  Samples s;
  s.requests.push_back({0, {5 * ms}});
  s.end_ns = 5 * ms;
  const SpeedReport r = report(s, load_of(1, 3, 1), around());
  EXPECT_FALSE(r.decode_tokens_per_s.known());
  EXPECT_FALSE(r.read_bandwidth_share.known());
  EXPECT_FALSE(r.read_bandwidth_share.reason.empty());
  EXPECT_FALSE(r.spread.known());
  EXPECT_TRUE(r.ttft_p50_ms.known());
}

TEST(Report, an_unknown_bandwidth_leaves_its_share_unknown) {
  Around a = around();
  a.read_bandwidth = unknown("bytes/s", "no buffer");
  const SpeedReport r = report(by_hand(3), load_of(1, 30, 5), a);
  EXPECT_FALSE(r.read_bandwidth_share.known());
  EXPECT_EQ(r.read_bandwidth_share.reason, "no buffer");
}

TEST(Prompt, takes_only_normal_tokens_and_the_same_ones_each_time) {
  gguf::File f;
  gguf::Value v;
  v.type = gguf::ValueType::array;
  v.data = std::vector<int64_t>{3, 1, 1, 6, 1, 3, 1, 1};
  f.kv.emplace_back("tokenizer.ggml.token_type", v);
  const auto a = synthetic_prompt(f, 7, 500, 1);
  ASSERT_EQ(a.size(), 500u);
  for (const Token t : a)
    EXPECT_TRUE(t == 1 || t == 2 || t == 4 || t == 6) << t;  // 7 is beyond the vocabulary
  EXPECT_EQ(a, synthetic_prompt(f, 7, 500, 1));
  EXPECT_NE(a, synthetic_prompt(f, 7, 500, 2));
}

TEST(Prompt, takes_any_token_where_the_file_names_no_kinds) {
  const auto a = synthetic_prompt(gguf::File{}, 5, 300, 9);
  EXPECT_EQ(*std::min_element(a.begin(), a.end()), 0);
  EXPECT_EQ(*std::max_element(a.begin(), a.end()), 4);
}

TEST(Digest, is_sha256_of_little_endian_ids) {
  // printf '\x01\x00\x00\x00\x00\x01\x00\x00' | sha256sum
  EXPECT_EQ(digest(std::array<Token, 2>{1, 256}),
            "242045e2f1bb37769b514f182fd91b3d215324cb57f187cced1e9c62921dbac3");
}
}  // namespace
