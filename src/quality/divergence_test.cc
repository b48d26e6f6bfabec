// Divergence against the definitions written out with the C library's exp and log, over toy models.
#include "quality/divergence.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <random>

#include "engine/fake_context.h"
#include "engine/sampler.h"
#include "quality/softmax.h"

namespace bw::quality {
namespace {
using engine::FakeContext;
using text::Token;

// The toy model with a fixed disturbance a token.
auto disturbed(float by) {
  return [by](std::span<const Token> history, std::span<float> l) {
    FakeContext::hash_model(history, l);
    for (size_t i = 0; i < l.size(); ++i) l[i] += by * std::sin(float(i * 7 + history.size()));
  };
}

std::vector<Token> random_text(size_t n, uint32_t n_vocab) {
  std::mt19937 random(17);
  std::vector<Token> out(n);
  for (Token& t : out) t = Token(random() % n_vocab);
  return out;
}

struct Naive {
  std::vector<double> kld, nll_r, nll_c, same;
};
Naive naive(const FakeContext& r, const FakeContext& c, const std::vector<Token>& text,
            const DivergenceOptions& o) {
  Naive out;
  for (size_t chunk = 0; chunk < std::min<size_t>(o.n_chunks, text.size() / o.chunk); ++chunk) {
    std::vector<Token> history(text.begin() + long(chunk * o.chunk),
                               text.begin() + long((chunk + 1) * o.chunk));
    const Token after_last = history.back();
    if (o.bos >= 0) history[0] = o.bos;
    for (size_t p = o.score_from; p + 1 < o.chunk; ++p) {
      std::vector<float> lr(r.n_vocab), lc(r.n_vocab);
      r.model(std::span(history).first(p + 1), lr);
      c.model(std::span(history).first(p + 1), lc);
      double sr = 0, sc = 0, kld = 0;
      for (size_t i = 0; i < lr.size(); ++i) sr += std::exp(double(lr[i])), sc += std::exp(double(lc[i]));
      for (size_t i = 0; i < lr.size(); ++i) {
        const double a = double(lr[i]) - std::log(sr), b = double(lc[i]) - std::log(sc);
        kld += std::exp(a) * (a - b);
      }
      const size_t next = size_t(p + 2 == o.chunk ? after_last : history[p + 1]);
      out.kld.push_back(kld);
      out.nll_r.push_back(std::log(sr) - double(lr[next]));
      out.nll_c.push_back(std::log(sc) - double(lc[next]));
      out.same.push_back(engine::greedy(lr) == engine::greedy(lc));
    }
  }
  return out;
}
double mean(const std::vector<double>& v) {
  double s = 0;
  for (const double x : v) s += x;
  return s / double(v.size());
}

TEST(Divergence, equals_the_definition_over_the_positions_llama_perplexity_scores) {
  FakeContext reference, candidate;
  for (FakeContext* c : {&reference, &candidate}) c->n_vocab = 40;
  candidate.model = disturbed(0.7f);
  const auto text = random_text(64 * 5 + 3, 40);
  for (const Token bos : {-1, 3}) {
    const DivergenceOptions o{.n_chunks = 4, .chunk = 64, .score_from = 32, .n_rows = 7, .bos = bos};
    engine::Context* const candidates[] = {&candidate};
    const auto got = divergence(reference, candidates, text, o);
    ASSERT_TRUE(got) << got.error().what;
    const Divergence& d = (*got)[0];
    Naive want = naive(reference, candidate, text, o);
    EXPECT_EQ(d.n_positions, 4u * 31);
    EXPECT_EQ(d.n_non_finite, 0u);
    EXPECT_NEAR(d.kld_mean.value, mean(want.kld), 1e-6);
    EXPECT_NEAR(d.same_top.value, mean(want.same), 1e-12);
    EXPECT_NEAR(d.reference_ppl.value, std::exp(mean(want.nll_r)), 1e-5);
    EXPECT_NEAR(d.candidate_ppl.value, std::exp(mean(want.nll_c)), 1e-5);
    EXPECT_NEAR(d.ppl_ratio.value, d.candidate_ppl.value / d.reference_ppl.value, 1e-6);
    // Standard error from chunk means: chunks are of equal size, so the clustered one is that of a mean of 4.
    std::vector<double> chunk_means;
    for (int c = 0; c < 4; ++c)
      chunk_means.push_back(mean({want.kld.begin() + c * 31, want.kld.begin() + (c + 1) * 31}));
    double ss = 0;
    for (const double m : chunk_means) ss += std::pow(m - mean(chunk_means), 2);
    const double t3 = 3.182446305284263;  // 0.975 quantile, 3 degrees of freedom (tables)
    EXPECT_NEAR(*d.kld_mean.high - d.kld_mean.value, t3 * std::sqrt(ss / 3 / 4), 1e-6);
    std::sort(want.kld.begin(), want.kld.end());
    EXPECT_NEAR(d.kld_max.value, want.kld.back(), 1e-6);
    EXPECT_NEAR(d.kld_median.value, (want.kld[61] + want.kld[62]) / 2, 1e-6);
    EXPECT_NEAR(d.kld_p90.value, want.kld[110] + 0.7 * (want.kld[111] - want.kld[110]), 1e-6);
  }
}

TEST(Divergence, several_candidates_at_once_give_the_bits_of_one_at_a_time_for_any_rows_and_threads) {
  FakeContext reference, a, b;
  for (FakeContext* c : {&reference, &a, &b}) c->n_vocab = 700;
  a.model = disturbed(0.1f);
  b.model = disturbed(2.0f);
  const auto text = random_text(64 * 3, 700);
  DivergenceOptions o{.n_chunks = 3, .chunk = 64, .score_from = 32, .n_rows = 32, .n_threads = 1};
  engine::Context* const both[] = {&a, &b};
  const auto together = divergence(reference, both, text, o);
  ASSERT_TRUE(together) << together.error().what;
  const size_t passes = reference.n_passes;
  o.n_rows = 5;
  o.n_threads = 3;
  for (size_t i = 0; i < 2; ++i) {
    allow_avx2(i == 0);
    const auto alone = divergence(reference, std::span(both + i, 1), text, o);
    allow_avx2(true);
    ASSERT_TRUE(alone);
    EXPECT_EQ(to_json((*alone)[0]), to_json((*together)[i]));
  }
  EXPECT_EQ(passes, 3u * 2);  // 32 unscored rows, 31 scored ones: the reference is computed once for both
  EXPECT_LT((*together)[0].kld_mean.value, (*together)[1].kld_mean.value);
  EXPECT_EQ(reference.n_alive() + a.n_alive() + b.n_alive(), 0u);
  EXPECT_EQ(reference.most_alive, 1u);
}

TEST(Divergence, of_a_model_from_itself_is_exactly_zero) {
  FakeContext reference, same;
  engine::Context* const candidates[] = {&same};
  const auto got = divergence(reference, candidates, random_text(1024, 12), {.n_chunks = 2});
  ASSERT_TRUE(got);
  EXPECT_EQ((*got)[0].n_positions, 510u);
  EXPECT_EQ((*got)[0].kld_mean.value, 0);
  EXPECT_EQ((*got)[0].kld_max.value, 0);
  EXPECT_EQ((*got)[0].same_top.value, 1);
  EXPECT_EQ((*got)[0].ppl_ratio.value, 1);
}

TEST(Divergence, positions_that_are_not_finite_are_counted_and_left_out) {
  FakeContext reference, candidate;
  candidate.model = [](std::span<const Token> history, std::span<float> l) {
    FakeContext::hash_model(history, l);
    if (history.size() == 40) l[11] = NAN;
    if (history.size() == 50) l[2] = -INFINITY;
  };
  engine::Context* const candidates[] = {&candidate};
  const DivergenceOptions o{.n_chunks = 2, .chunk = 64, .score_from = 32};
  const auto got = divergence(reference, candidates, random_text(128, 12), o);
  ASSERT_TRUE(got);
  EXPECT_EQ((*got)[0].n_non_finite, 4u);
  EXPECT_EQ((*got)[0].n_positions, 58u);
  EXPECT_EQ((*got)[0].kld_mean.value, 0);
  candidate.model = [](std::span<const Token>, std::span<float> l) { std::fill(l.begin(), l.end(), NAN); };
  const auto none = divergence(reference, candidates, random_text(128, 12), o);
  ASSERT_TRUE(none);
  EXPECT_FALSE((*none)[0].kld_mean.known());
  EXPECT_EQ((*none)[0].kld_mean.reason, "no position had finite logits on both sides");
}

TEST(Divergence, says_whose_error_it_is_and_refuses_what_it_cannot_compare) {
  FakeContext reference, candidate;
  engine::Context* const candidates[] = {&candidate};
  const DivergenceOptions o{.n_chunks = 2, .chunk = 64, .score_from = 32};
  candidate.n_vocab = 13;
  auto got = divergence(reference, candidates, random_text(128, 12), o);
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().code, Code::unsupported);
  EXPECT_EQ(got.error().what, "divergence: candidate 1: expected 12 logits as the reference gives, found 13");
  candidate.n_vocab = 12;
  reference.n_ctx = 50;
  got = divergence(reference, candidates, random_text(128, 12), o);
  EXPECT_EQ(got.error().what, "divergence: reference: fake context: the context is full");
  EXPECT_NE(divergence(reference, candidates, random_text(63, 12), o).error().what.find("found 63 tokens"),
            std::string::npos);
  std::atomic<bool> cancel = true;
  auto stopped = o;
  stopped.cancel = &cancel;
  EXPECT_NE(divergence(reference, candidates, random_text(128, 12), stopped).error().what.find("interrupted"),
            std::string::npos);
  EXPECT_EQ(reference.n_alive() + candidate.n_alive(), 0u);
}

TEST(Divergence, survives_the_store) {
  FakeContext reference, candidate;
  candidate.model = disturbed(1);
  engine::Context* const candidates[] = {&candidate};
  const auto got = divergence(reference, candidates, random_text(1024, 12), {.n_chunks = 2});
  const auto back = divergence_from_json(to_json((*got)[0]));
  ASSERT_TRUE(back);
  EXPECT_EQ(to_json(*back), to_json((*got)[0]));
  EXPECT_EQ(back->kld_p99.value, (*got)[0].kld_p99.value);
  EXPECT_FALSE(divergence_from_json("{}"));
}

TEST(Softmax, avx2_gives_the_bits_of_the_plain_path_at_every_length_and_extreme) {
  std::mt19937 random(5);
  for (size_t n = 1; n < 70; ++n) {
    std::vector<float> l(n), plain(n), fast(n);
    for (float& x : l) x = (float(random() % 100000) - 50000) * (n % 2 ? 0.0001f : 0.004f);
    allow_avx2(false);
    const Softmax a = softmax(l, plain.data());
    allow_avx2(true);
    const Softmax b = softmax(l, fast.data());
    for (size_t i = 0; i < n; ++i) {
      ASSERT_EQ(std::bit_cast<uint32_t>(plain[i]), std::bit_cast<uint32_t>(fast[i]));
    }
    ASSERT_EQ(a.top, b.top);
    ASSERT_EQ(a.sum, b.sum);
    ASSERT_EQ(a.log_p(l[0]), engine::log_probability(l, 0));
    l[random() % n] = n % 2 ? INFINITY : NAN;
    ASSERT_FALSE(softmax(l, fast.data()).finite);
  }
}

}  // namespace
}  // namespace bw::quality
