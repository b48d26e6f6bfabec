// The sampler against BN1 section 8: published Philox vectors, slow straightforward definitions, known
// answers.
#include "engine/sampler.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>
#include <numeric>
#include <random>
#include <vector>

#include "engine/exp_row.h"
#include "engine/philox.h"
#include "kernels/scalar.h"

namespace bw::engine {
namespace {
using text::Token;
using Words = std::array<uint32_t, 4>;

// Random123 1.14 (D. E. Shaw Research), tests/kat_vectors, the three lines of "philox4x32 10".
TEST(Philox, gives_the_published_known_answers) {
  EXPECT_EQ(philox4x32_10({0, 0, 0, 0}, {0, 0}), (Words{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  EXPECT_EQ(philox4x32_10({~0u, ~0u, ~0u, ~0u}, {~0u, ~0u}),
            (Words{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(philox4x32_10({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}),
            (Words{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST(ExpRow, gives_the_scalar_tables_bits_at_every_length_and_extreme_with_and_without_avx2) {
  std::mt19937 random(5);
  for (size_t n = 1; n < 70; ++n) {
    std::vector<float> x(n), plain(n), fast(n);
    for (float& v : x) v = (float(random() % 100000) - 50000) * (n % 2 ? 0.0001f : 0.004f);
    for (const float divisor : {1.0f, 0.7f}) {
      exp_row_allow_avx2(false);
      exp_row(x.data(), 1.5f, divisor, n, plain.data());
      exp_row_allow_avx2(true);
      exp_row(x.data(), 1.5f, divisor, n, fast.data());
      for (size_t i = 0; i < n; ++i) {
        const float want = kernels::scalar::exp_bn1((x[i] - 1.5f) / divisor);
        ASSERT_EQ(std::bit_cast<uint32_t>(plain[i]), std::bit_cast<uint32_t>(want));
        ASSERT_EQ(std::bit_cast<uint32_t>(fast[i]), std::bit_cast<uint32_t>(want));
      }
    }
  }
}

// docs/bn1.md: 0.966 ulp at worst over all inputs, exp(0) = 1, never subnormal.
TEST(ExpRow, is_within_the_stated_error_of_exp_over_its_whole_range) {
  double worst = 0;
  for (float x = -87.25f; x < 88.0f; x += 0.0007f) {
    float y = 0;
    exp_row(&x, 0, 1, 1, &y);
    const double exact = std::exp(double(x)), ulp = std::ldexp(1.0, std::ilogb(exact) - 23);
    worst = std::max(worst, std::abs(double(y) - exact) / ulp);
    ASSERT_TRUE(std::isnormal(y)) << x;
  }
  EXPECT_LE(worst, 0.967);
  EXPECT_GT(worst, 0.8);  // and this walk comes near it
}

TEST(Sampler, greedy_takes_the_lowest_id_among_equal_logits) {
  const std::vector<float> l{1, 3, -2, 3, 3};
  EXPECT_EQ(greedy(l), 1);
  EXPECT_EQ(*sample(l, {}, 5), 1);
  EXPECT_EQ(greedy(std::vector<float>{-0.0f, 0.0f}), 0);  // equal in the total order
}

// The page read literally: sort everything, walk everything.
Token slow_sample(const std::vector<float>& l, const SamplerOptions& o, uint32_t position) {
  std::vector<int> order(l.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](int a, int b) { return l[size_t(a)] > l[size_t(b)]; });
  const float max = l[size_t(order[0])];
  std::vector<double> e(l.size());
  for (size_t i = 0; i < l.size(); ++i) e[i] = double(kernels::scalar::exp_bn1((l[i] - max) / o.temperature));
  const auto total = [&] {
    std::vector<int> ids = order;
    std::sort(ids.begin(), ids.end());
    double s = 0;
    for (const int i : ids) s += e[size_t(i)];
    return s;
  };
  if (o.top_k && o.top_k < order.size()) order.resize(o.top_k);
  if (o.top_p < 1) {
    const double limit = double(o.top_p) * total();
    double s = 0;
    size_t n = 0;
    for (; n < order.size() && (n == 0 || s < limit); ++n) s += e[size_t(order[n])];
    order.resize(n);
  }
  if (o.min_p > 0) {
    size_t n = 1;
    while (n < order.size() && e[size_t(order[n])] >= double(o.min_p)) ++n;
    order.resize(n);
  }
  const Words x = philox4x32_10({position, o.sample_index, 0, 0}, {uint32_t(o.seed), uint32_t(o.seed >> 32)});
  const double u = double((uint64_t(x[0]) << 21) + (x[1] >> 11)) * 0x1p-53, aim = u * total();
  std::sort(order.begin(), order.end());
  double s = 0;
  for (const int i : order)
    if ((s += e[size_t(i)]) > aim) return i;
  return order.back();
}

TEST(Sampler, equals_the_slow_reading_of_the_page_over_random_options) {
  std::mt19937 random(11);
  std::normal_distribution<float> normal(0, 3);
  int n_not_greedy = 0;
  for (int i = 0; i < 2000; ++i) {
    std::vector<float> l(1 + random() % 700);
    for (float& x : l) x = i % 3 ? normal(random) : std::round(normal(random));  // ties on purpose
    SamplerOptions o{.temperature = 0.2f + float(random() % 20) * 0.1f,
                     .top_k = random() % 2 ? 0 : uint32_t(1 + random() % 50),
                     .top_p = random() % 2 ? 1.0f : float(random() % 100) * 0.01f,
                     .min_p = random() % 2 ? 0.0f : float(random() % 100) * 0.01f,
                     .seed = random() * 0x100000001ull,
                     .sample_index = uint32_t(random() % 4)};
    const uint32_t position = uint32_t(random());
    const Token t = *sample(l, o, position);
    ASSERT_EQ(t, slow_sample(l, o, position)) << i;
    n_not_greedy += t != greedy(l);
  }
  EXPECT_GT(n_not_greedy, 200);
}

TEST(Sampler, draws_follow_the_distribution_and_depend_on_seed_position_and_index_alone) {
  const std::vector<float> l{0, std::log(2.0f), std::log(5.0f)};  // 1/8, 2/8, 5/8
  std::array<int, 3> n{};
  for (uint32_t p = 0; p < 8000; ++p) ++n[size_t(*sample(l, {.temperature = 1, .seed = 42}, p))];
  EXPECT_NEAR(n[0], 1000, 4 * std::sqrt(8000 * 0.125 * 0.875));
  EXPECT_NEAR(n[2], 5000, 4 * std::sqrt(8000 * 0.625 * 0.375));
  const auto run = [&](uint64_t seed, uint32_t index) {
    std::vector<Token> out;
    for (uint32_t p = 0; p < 64; ++p)
      out.push_back(*sample(l, {.temperature = 1, .seed = seed, .sample_index = index}, p));
    return out;
  };
  EXPECT_EQ(run(1, 0), run(1, 0));
  EXPECT_NE(run(1, 0), run(1, 1));
  EXPECT_NE(run(1, 0), run(1ull << 32, 0));
}

TEST(Sampler, log_probabilities_are_those_of_the_softmax) {
  const std::vector<float> l{0, std::log(2.0f), std::log(5.0f), -200};
  EXPECT_NEAR(log_probability(l, 2), std::log(0.625), 1e-6);
  EXPECT_NEAR(log_probability(l, 0), std::log(0.125), 1e-6);
  EXPECT_LT(log_probability(l, 3), -200);
  EXPECT_TRUE(std::isfinite(log_probability(l, 3)));
}

// data/vectors/sampler/make.py: exact rationals, written from docs/bn1.md.
TEST(Sampler, equals_exact_arithmetic_on_every_vector_with_and_without_avx2) {
  using nlohmann::json;
  const auto f32 = [](const json& j) {
    return std::bit_cast<float>(uint32_t(std::stoul(j.get<std::string>(), nullptr, 16)));
  };
  const auto f64 = [](const json& j) {
    return std::bit_cast<double>(uint64_t(std::stoull(j.get<std::string>(), nullptr, 16)));
  };
  std::ifstream in(BITWORTH_SOURCE_DIR "/data/vectors/sampler/cases.jsonl");
  int n = 0, n_cut = 0, n_moved = 0;
  for (std::string line; std::getline(in, line); ++n) {
    const json c = json::parse(line);
    const json& options = c["options"];
    std::vector<float> l;
    for (const json& x : c["logits"]) l.push_back(f32(x));
    SamplerOptions o{.temperature = f32(options["temperature"]),
                     .top_k = options["top_k"],
                     .top_p = f32(options["top_p"]),
                     .min_p = f32(options["min_p"]),
                     .typical = f32(options["typical"]),
                     .seed = options["seed"],
                     .sample_index = options["sample_index"],
                     .repeat_penalty = f32(options["repeat_penalty"]),
                     .repeat_window = options["repeat_window"],
                     .frequency_penalty = f32(options["frequency_penalty"]),
                     .presence_penalty = f32(options["presence_penalty"])};
    for (const json& b : options["bias"]) o.bias.push_back({b[0], f32(b[1])});
    ASSERT_TRUE(check(o)) << check(o).error().what;
    const std::vector<Token> prompt = c["prompt"], output = c["output"];
    const History history{prompt, output};
    for (const bool avx2 : {false, true}) {
      exp_row_allow_avx2(avx2);
      if (o.temperature > 0) {
        const auto kept = candidates(l, o, history);
        ASSERT_TRUE(kept) << kept.error().what;
        ASSERT_EQ(kept->size(), c["kept"].size()) << "case " << n;
        for (size_t i = 0; i < kept->size(); ++i) {
          EXPECT_EQ((*kept)[i].token, c["kept"][i][0]) << "case " << n;
          EXPECT_EQ((*kept)[i].e, f64(c["kept"][i][1])) << "case " << n;
        }
        n_cut += kept->size() < l.size();
      }
      for (uint32_t p = 0; p < 16; ++p) {
        const Token t = *sample(l, o, p, history);
        ASSERT_EQ(t, c["tokens"][p]) << "case " << n << " position " << p;
        n_moved += t != greedy(l);
      }
      const LogProbs probs = log_probs(l, Token(l.size() - 1), uint32_t(c["log_probs"].size()));
      EXPECT_EQ(probs.chosen.log_probability, log_probability(l, Token(l.size() - 1)));
      ASSERT_EQ(probs.top.size(), c["log_probs"].size());
      for (size_t i = 0; i < probs.top.size(); ++i) {
        EXPECT_EQ(probs.top[i].token, c["log_probs"][i][0]) << "case " << n;
        EXPECT_EQ(probs.top[i].log_probability, f64(c["log_probs"][i][1])) << "case " << n;
        EXPECT_EQ(probs.top[i].log_probability, log_probability(l, probs.top[i].token));
      }
    }
  }
  EXPECT_EQ(n, 240);
  EXPECT_GT(n_cut, 100);
  EXPECT_GT(n_moved, 1000);
}

TEST(Sampler, a_bias_bans_or_forces_a_token_and_stays_finite_at_any_size) {
  const std::vector<float> l{1, 2, -3e38f, 3e38f};
  for (const float temperature : {0.0f, 1.0f})
    for (uint32_t p = 0; p < 50; ++p) {
      const SamplerOptions ban{.temperature = temperature, .seed = p, .bias = {{3, -3.4e38f}, {1, -1e9f}}};
      EXPECT_EQ(*sample(l, ban, p), 0);
      const SamplerOptions force{.temperature = temperature, .seed = p, .bias = {{3, -3.4e38f}, {0, 3e38f}}};
      EXPECT_EQ(*sample(l, force, p), 0);
    }
  const auto outside = sample(l, {.bias = {{4, 1}}}, 0);
  ASSERT_FALSE(outside);
  EXPECT_NE(outside.error().what.find("token 4: expected an id from 0 to 3"), std::string::npos);
}

TEST(Sampler, penalties_look_where_they_say) {
  const std::vector<float> l{4, 3.5f, 3, -1};
  const std::vector<Token> prompt{0, 0, 3}, output{1};
  // The window of one sees the output alone, of three 0, 3 and 1; a window of four no more.
  const auto after = [&](uint32_t window) {
    return *sample(l, {.repeat_penalty = 2, .repeat_window = window}, 9, {prompt, output});
  };
  EXPECT_EQ(after(0), 0);
  EXPECT_EQ(after(1), 0);
  EXPECT_EQ(after(3), 2);
  EXPECT_EQ(after(~0u), 2);
  // Frequency and presence see the output, however often the prompt says it.
  EXPECT_EQ(*sample(l, {.presence_penalty = 9}, 9, {prompt, {}}), 0);
  const std::vector<Token> twice{0, 0, 1};
  EXPECT_EQ(*sample(l, {.frequency_penalty = 0.4f}, 9, {prompt, twice}), 0);  // 3.2, 3.1, 3
  EXPECT_EQ(*sample(l, {.frequency_penalty = 0.6f}, 9, {prompt, twice}), 2);  // 2.8, 2.9, 3
  EXPECT_EQ(*sample(l, {.presence_penalty = 0.4f}, 9, {prompt, twice}), 0);
  EXPECT_EQ(*sample(l, {.presence_penalty = -0.4f}, 9, {prompt, output}), 0);
  EXPECT_EQ(*sample(l, {.presence_penalty = -0.6f}, 9, {prompt, output}), 1);
}

// Oracle: the same sampler over a vocabulary of the allowed tokens alone.
TEST(Sampler, a_mask_gives_what_a_vocabulary_of_the_allowed_tokens_would) {
  std::mt19937_64 random(12);
  std::normal_distribution<float> normal(0, 3);
  size_t n_moved = 0;
  for (int i = 0; i < 3000; ++i) {
    std::vector<float> all(1 + random() % 700);
    for (float& x : all) x = i % 3 ? normal(random) : std::round(normal(random));
    std::vector<uint64_t> mask(mask_words(all.size()));
    for (uint64_t& word : mask) {
      const uint64_t kinds[] = {0, ~uint64_t(0), random(), random() & random() & random() & random()};
      word = kinds[random() % 4];  // bits beyond the vocabulary too
    }
    const auto must = Token(random() % all.size());
    mask[size_t(must) / 64] |= uint64_t(1) << (must % 64);
    std::vector<float> few;
    std::vector<Token> ids, to_few(all.size(), -1);
    for (Token t = 0; size_t(t) < all.size(); ++t)
      if (allows(mask, t)) {
        to_few[size_t(t)] = Token(few.size());
        few.push_back(all[size_t(t)]);
        ids.push_back(t);
      }
    SamplerOptions o{.temperature = float(random() % 4) * 0.5f,
                     .top_k = random() % 2 ? 0 : uint32_t(1 + random() % 50),
                     .top_p = random() % 2 ? 1.0f : float(random() % 100) * 0.01f,
                     .min_p = random() % 2 ? 0.0f : float(random() % 100) * 0.01f,
                     .typical = random() % 2 ? 1.0f : float(random() % 100) * 0.01f,
                     .seed = random(),
                     .sample_index = uint32_t(random() % 4),
                     .repeat_penalty = random() % 2 ? 1.0f : 1.5f,
                     .frequency_penalty = random() % 2 ? 0.0f : 0.7f};
    SamplerOptions few_o = o;
    if (random() % 2) {
      o.bias = {{must, 5}};
      few_o.bias = {{to_few[size_t(must)], 5}};
    }
    // What is not allowed may stand in the prompt; the small vocabulary has no id for it.
    std::vector<Token> prompt(random() % 9), output(random() % 9), few_prompt, few_output;
    for (Token& t : prompt) {
      t = Token(random() % all.size());
      if (to_few[size_t(t)] >= 0) few_prompt.push_back(to_few[size_t(t)]);
    }
    for (Token& t : output) {
      t = ids[random() % ids.size()];
      few_output.push_back(to_few[size_t(t)]);
    }
    const auto position = uint32_t(random());
    const Token t = *sample(all, o, position, {prompt, output}, mask);
    ASSERT_EQ(t, ids[size_t(*sample(few, few_o, position, {few_prompt, few_output}))]) << i;
    n_moved += t != *sample(all, o, position, {prompt, output});
    if (o.temperature == 0) continue;
    const auto kept = candidates(all, o, {prompt, output}, mask),
               want = candidates(few, few_o, {few_prompt, few_output});
    ASSERT_EQ(kept->size(), want->size()) << i;
    for (size_t k = 0; k < kept->size(); ++k) {
      EXPECT_EQ((*kept)[k].token, ids[size_t((*want)[k].token)]);
      EXPECT_EQ((*kept)[k].e, (*want)[k].e);
    }
  }
  EXPECT_GT(n_moved, 500u);
}

TEST(Sampler, a_mask_that_allows_nothing_is_an_error_and_tokens_beyond_it_may_not_come) {
  const std::vector<uint64_t> none{~uint64_t(7)}, longer{2, 1}, ones{~uint64_t(0)};
  const std::vector<float> l{1, 2, 3};
  std::vector<float> more(100, 1);
  more[99] = 5;
  more[63] = 4;
  for (const float temperature : {0.0f, 1e-3f}) {
    const SamplerOptions o{.temperature = temperature};
    EXPECT_NE(sample(l, o, 0, {}, none).error().what.find("no token is allowed"), std::string::npos);
    EXPECT_EQ(*sample(l, o, 0, {}, longer), 1);
    EXPECT_EQ(*sample(more, o, 0, {}, ones), 63);
  }
  EXPECT_FALSE(candidates(l, {.temperature = 1}, {}, none));
  EXPECT_EQ(candidates(more, {.temperature = 1}, {}, ones)->size(), 64u);
}

TEST(Sampler, options_that_mean_nothing_are_refused_by_name) {
  EXPECT_TRUE(check({}));
  EXPECT_NE(check({.temperature = -1}).error().what.find("temperature"), std::string::npos);
  EXPECT_NE(check({.temperature = NAN}).error().what.find("temperature"), std::string::npos);
  EXPECT_NE(check({.top_p = 1.5f}).error().what.find("top_p"), std::string::npos);
  EXPECT_NE(check({.min_p = NAN}).error().what.find("min_p"), std::string::npos);
  const auto refused = [](const SamplerOptions& o, const char* word) {
    const Status s = check(o);
    return !s && s.error().code == Code::bad_input && s.error().what.find(word) != std::string::npos;
  };
  for (const float bad : {-0.1f, 1.1f, NAN, INFINITY}) {
    EXPECT_TRUE(refused({.top_p = bad}, "top_p"));
    EXPECT_TRUE(refused({.min_p = bad}, "min_p"));
    EXPECT_TRUE(refused({.typical = bad}, "typical"));
  }
  for (const float bad : {0.0f, -1.0f, NAN, INFINITY}) {
    EXPECT_TRUE(refused({.repeat_penalty = bad}, "repeat_penalty"));
  }
  for (const float bad : {-101.0f, 101.0f, NAN, -INFINITY}) {
    EXPECT_TRUE(refused({.frequency_penalty = bad}, "frequency_penalty"));
    EXPECT_TRUE(refused({.presence_penalty = bad}, "presence_penalty"));
  }
  EXPECT_TRUE(refused({.temperature = INFINITY}, "temperature"));
  EXPECT_TRUE(refused({.bias = {{1, NAN}}}, "token 1"));
  EXPECT_TRUE(refused({.bias = {{1, -INFINITY}}}, "token 1"));
  EXPECT_TRUE(refused({.bias = {{-1, 0}}}, "token -1"));
  EXPECT_TRUE(refused({.bias = {{5, 1}, {2, 1}, {5, 2}}}, "token 5 is given twice"));
  EXPECT_FALSE(candidates(std::vector<float>{1, 2}, {}));  // greedy draws from nothing
}

}  // namespace
}  // namespace bw::engine
