// Attention over an F16 cache: every table, bit for bit, against BN1 section 7 written naively here on plain
// rows of K and V (this oracle does not know how a K chunk is interleaved; store_k and attend_f16 must agree
// on it).
#include <gtest/gtest.h>

#include <bit>
#include <cmath>

#include "kernels/testing.h"
#include "quant/half.h"

namespace bw::kernels::testing {
namespace {

float exp_of(float x) {
  float y;
  tables().front()->exp(&x, 1, &y);  // scalar's, itself checked in functions_test.cc
  return y;
}

std::vector<float> oracle(const std::vector<float>& q, const std::vector<float>& k,
                          const std::vector<float>& v, uint32_t head_dim, uint32_t n_valid, float scale,
                          uint32_t first_valid) {
  std::vector<float> out(head_dim);
  float big_m = 0, big_l = 0;
  for (uint32_t start = 0; start < n_valid; start += 256) {
    const uint32_t n = std::min(256u, n_valid - start);
    const auto valid = [&](uint32_t j) { return start + j >= first_valid; };
    if (!valid(n - 1)) continue;
    std::vector<float> s(n), o(head_dim), lane(32);
    float m = -INFINITY;
    for (uint32_t j = 0; j < n; ++j) {
      if (!valid(j)) continue;
      float dot = 0;
      for (uint32_t i = 0; i < head_dim; ++i) dot = std::fma(q[i], k[size_t(start + j) * head_dim + i], dot);
      s[j] = dot * scale;
      m = std::max(m, s[j]);
    }
    for (uint32_t j = 0; j < n; ++j) {
      if (!valid(j)) continue;
      s[j] = exp_of(s[j] - m);
      lane[j % 32] += s[j];
      for (uint32_t i = 0; i < head_dim; ++i)
        o[i] = std::fma(s[j], v[size_t(start + j) * head_dim + i], o[i]);
    }
    for (uint32_t w = 16; w > 0; w /= 2)
      for (uint32_t l = 0; l < w; ++l) lane[l] += lane[l + w];
    if (start / 256 == first_valid / 256) {
      big_m = m;
      big_l = lane[0];
      out = o;
      continue;
    }
    const float top = std::max(big_m, m), a = exp_of(big_m - top), b = exp_of(m - top);
    big_l = std::fma(big_l, a, lane[0] * b);
    for (uint32_t i = 0; i < head_dim; ++i) out[i] = std::fma(out[i], a, o[i] * b);
    big_m = top;
  }
  for (float& x : out) x = x / big_l;
  return out;
}

// A cache of n positions, written through the table's own stores; `rounded` gets what a read must see.
struct Cache {
  std::vector<std::vector<uint16_t>> k, v;
  std::vector<const uint16_t*> k_chunks, v_chunks;
  std::vector<float> k_rounded, v_rounded;
  // Keys and values before `first` become NaNs; chunks wholly before it are not there at all.
  void poison_before(uint32_t first, uint32_t head_dim) {
    const uint32_t c = first / kv_chunk;
    std::fill_n(k_chunks.begin(), c, nullptr);
    std::fill_n(v_chunks.begin(), c, nullptr);
    std::fill_n(v[c].begin(), size_t(first % kv_chunk) * head_dim, uint16_t(0x7E00));
    for (uint32_t j = 0; j < first % kv_chunk; ++j)
      for (uint32_t i = 0; i < head_dim; ++i) k[c][(j / 16 * head_dim + i) * 16 + j % 16] = 0x7E00;
  }
};

Cache fill(const Table& table, uint32_t n, uint32_t head_dim, float spread, Random& rng) {
  Cache cache;
  for (uint32_t j = 0; j < n; ++j) {
    if (j % kv_chunk == 0) {  // a fresh page holds NaNs where nothing was written: none may reach a result
      cache.k.emplace_back(kv_chunk * head_dim, uint16_t(0x7E00));
      cache.v.emplace_back(kv_chunk * head_dim, uint16_t(0x7E00));
    }
    std::vector<float> row(head_dim);
    for (const bool is_k : {true, false}) {
      for (float& x : row) x = rng.unit() * spread;
      if (is_k)
        EXPECT_TRUE(table.store_k(row.data(), head_dim, j % kv_chunk, cache.k.back().data()));
      else
        EXPECT_TRUE(
            table.store_f16(row.data(), head_dim, cache.v.back().data() + size_t(j % kv_chunk) * head_dim));
      for (const float x : row)
        (is_k ? cache.k_rounded : cache.v_rounded).push_back(quant::half_to_float(quant::float_to_half(x)));
    }
  }
  for (const auto& c : cache.k) cache.k_chunks.push_back(c.data());
  for (const auto& c : cache.v) cache.v_chunks.push_back(c.data());
  return cache;
}

void check(uint32_t n_rep, uint32_t head_dim, uint32_t n_valid, float spread, uint32_t first_valid = 0) {
  const uint64_t seed = Random{}.state + n_rep * 1000003 + head_dim * 7919 + n_valid;
  std::vector<float> want;
  for (const Table* table : runnable_tables()) {
    Random rng{seed};
    Cache cache = fill(*table, n_valid + 5, head_dim, spread, rng);
    std::vector<float> q(size_t(n_rep) * head_dim), got(q.size() + 1, 7.0f);
    std::vector<float> scratch(attend_scratch(n_rep, head_dim) + 1, 9.0f);
    for (float& x : q) x = rng.unit() * spread;
    const float scale = 1.0f / std::sqrt(float(head_dim));
    if (want.empty()) {
      for (uint32_t r = 0; r < n_rep; ++r) {
        const std::vector<float> one(q.begin() + r * head_dim, q.begin() + (r + 1) * head_dim);
        for (const float x :
             oracle(one, cache.k_rounded, cache.v_rounded, head_dim, n_valid, scale, first_valid))
          want.push_back(x);
      }
    }
    cache.poison_before(first_valid, head_dim);
    const Attend a{
        q.data(),       n_rep,      head_dim,   cache.k_chunks.data(), cache.v_chunks.data(), n_valid, scale,
        scratch.data(), got.data(), first_valid};
    ASSERT_TRUE(table->attend_f16(a)) << table->name;
    ASSERT_EQ(first_difference(got.data(), want.data(), want.size()), -1)
        << table->name << " n_rep " << n_rep << " head_dim " << head_dim << " keys " << first_valid << " to "
        << n_valid;
    ASSERT_EQ(got.back(), 7.0f);
    ASSERT_EQ(scratch.back(), 9.0f) << table->name << " wrote beyond its scratch";
  }
}

TEST(Attend, every_table_gives_the_oracles_bits_for_any_count_of_keys_in_a_chunk) {
  for (uint32_t n = 1; n <= 260; n += n < 40 || n > 250 ? 1 : 13) check(3, 64, n, 1.0f);
}

TEST(Attend, every_table_gives_the_oracles_bits_for_any_count_of_heads_and_their_sizes) {
  for (uint32_t n_rep = 1; n_rep <= 17; ++n_rep) check(n_rep, 64, 300, 1.0f);
  for (const uint32_t head_dim : {4u, 8u, 12u, 16u, 20u, 24u, 36u, 48u, 64u, 72u, 80u, 96u, 100u, 128u, 256u})
    check(2, head_dim, 277, 1.0f);
}

TEST(Attend, every_table_merges_chunks_in_order_where_maxima_rise_fall_and_underflow) {
  for (const float spread : {0.1f, 3.0f, 30.0f}) check(7, 32, 1030, spread);
}

TEST(Attend, keys_before_the_window_are_neither_read_nor_tested_wherever_it_begins) {
  for (uint32_t first = 0; first < 290; first += first < 36 || (first > 250 && first < 262) ? 1 : 9)
    check(3, 40, 290, 2.0f, first);
  for (const uint32_t width : {1u, 2u, 15u, 16u, 17u, 31u, 33u, 255u, 256u, 257u, 512u, 700u})
    for (const uint32_t n_valid : {1024u, 1025u, 1040u, 1057u}) check(4, 64, n_valid, 1.0f, n_valid - width);
}

TEST(Attend, a_score_that_overflows_is_reported_and_one_beyond_the_valid_keys_is_not_looked_at) {
  for (const Table* table : runnable_tables()) {
    for (const uint32_t bad : {0u, 14u, 15u, 16u, 33u, 300u}) {
      const uint32_t head_dim = 16, n = 320;
      Random rng;
      Cache cache = fill(*table, n, head_dim, 1.0f, rng);
      std::vector<float> row(head_dim, 60000.0f), q(2 * head_dim, 1.0f), out(q.size());
      for (uint32_t i = 0; i < head_dim; ++i)
        q[head_dim + i] = 0x1p127f;  // the second head overflows on a large key
      ASSERT_TRUE(table->store_k(row.data(), head_dim, bad % kv_chunk, cache.k[bad / kv_chunk].data()));
      std::vector<float> scratch(attend_scratch(2, head_dim));
      Attend a{q.data(),       1,         head_dim, cache.k_chunks.data(), cache.v_chunks.data(), n, 0.25f,
               scratch.data(), out.data()};
      EXPECT_TRUE(table->attend_f16(a)) << table->name;
      a.n_rep = 2;
      EXPECT_FALSE(table->attend_f16(a)) << table->name << " key " << bad;
      for (uint32_t i = 0; i < head_dim; ++i) q[head_dim + i] = 0x1p110f;  // large only on the bad key
      a.n_valid = bad;
      if (bad > 0) {
        EXPECT_TRUE(table->attend_f16(a)) << table->name << " key " << bad;
      }
      a.n_valid = bad + 1;
      EXPECT_FALSE(table->attend_f16(a)) << table->name << " key " << bad;
    }
  }
}

}  // namespace
}  // namespace bw::kernels::testing
