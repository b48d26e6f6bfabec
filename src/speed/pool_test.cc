// Rounds pooled into one measurement. Oracle: times chosen so that each figure can be worked out in the head.
#include <gtest/gtest.h>

#include "speed/wire.h"

namespace bw::speed {
namespace {

constexpr uint64_t ms = 1'000'000;

// n requests one after another: first token after `first` ms, further ones 10 ms apart.
ChildAnswer answer(size_t n, uint64_t first, size_t n_tokens, engine::Token id) {
  ChildAnswer a;
  uint64_t now = 5'000 * ms;
  a.samples.begin_ns = now;
  for (size_t i = 0; i < n; ++i) {
    RequestSample r;
    r.sent_ns = now;
    for (size_t t = 0; t < n_tokens; ++t) r.token_ns.push_back(now + (first + 10 * t) * ms);
    now = r.token_ns.back();
    a.samples.requests.push_back(r);
  }
  a.samples.end_ns = now;
  a.samples.first_output = {id};
  a.around = {2, 1, 1000, measured(1e9, "bytes/s")};
  a.peak_bytes = 100 + first;
  a.isa = "scalar";
  a.n_threads = 2;
  return a;
}

TEST(Pool, adds_rounds_and_takes_first_tokens_from_probes_too) {
  const Load load{1, 100, 3, 4, 256, 2};
  auto p = pool({to_json(answer(4, 100, 3, 7)), to_json(answer(4, 300, 3, 7))},
                {to_json(answer(60, 200, 1, 7))}, load);
  ASSERT_TRUE(p) << p.error().what;
  EXPECT_EQ(p->speed.e2e_p50_ms.n, 8);
  EXPECT_EQ(p->speed.ttft_p95_ms.n, 68) << "8 whole requests and 60 probes";
  EXPECT_EQ(p->speed.ttft_p50_ms.value, 200);
  EXPECT_TRUE(p->speed.ttft_p95_ms.high.has_value()) << "68 is more than 59";
  EXPECT_EQ(p->speed.e2e_p50_ms.value, 120) << "probes are no whole requests: 4 x 120 and 4 x 320 ms";
  // 24 tokens over walls of 4 x 120 and 4 x 320 ms
  EXPECT_NEAR(p->speed.throughput_tokens_per_s.value, 24 / 1.76, 1e-9);
  EXPECT_EQ(p->peak_bytes.value, 400);
  EXPECT_EQ(p->digests_differing.value, 0);
  EXPECT_EQ(p->digests_differing.n, 2);
  EXPECT_NEAR(p->speed.cpu_s_per_token.value, 2.0 / 24, 1e-12);
}

TEST(Pool, counts_repeats_that_answered_otherwise) {
  const Load load{1, 100, 3, 4, 256, 2};
  const auto one = to_json(answer(4, 100, 3, 7)), other = to_json(answer(4, 100, 3, 8));
  EXPECT_EQ(pool({one, other, one}, {}, load)->digests_differing.value, 1);
  EXPECT_FALSE(pool({one}, {}, load)->digests_differing.known());
  EXPECT_FALSE(pool({}, {}, load));
  EXPECT_FALSE(pool({"{}"}, {}, load));
}

}  // namespace
}  // namespace bw::speed
