// Attention over either cache: every table, bit for bit, against BN1 section 7 written naively on plain rows
// (attend_testing.h). How a chunk holds them is between a table's own stores and reads.
#include <gtest/gtest.h>

#include <bit>
#include <cstring>
#include <map>

#include "kernels/attend_testing.h"
#include "kernels/testing.h"

namespace bw::kernels::testing {
namespace {

struct Case {
  KvType type = KvType::f16;
  uint32_t n_rows = 1, n_rep = 1, head_dim = 64, n_valid = 1;
  float spread = 1;
  uint32_t window = Attend::no_window;
};
std::ostream& operator<<(std::ostream& out, const Case& c) {
  return out << name(c.type) << ", " << c.n_rows << " rows of " << c.n_rep << " x " << c.head_dim << " from "
             << c.n_valid << " keys, window " << c.window;
}

constexpr size_t line = 64;
// `n` bytes at a 64-byte boundary, all of them `fill`; their neighbours tell of writes beyond.
class Memory {
 public:
  Memory(size_t n, int fill) : n_(n), bytes_(n + 3 * line, std::byte(0xA5)) { std::memset(data(), fill, n); }
  std::byte* data() {
    return bytes_.data() + line + (line - reinterpret_cast<uintptr_t>(bytes_.data()) % line) % line;
  }
  bool neighbours_untouched() {
    const std::byte *first = data(), *end = data() + n_;
    return std::all_of(first - line, first, [](std::byte b) { return b == std::byte(0xA5); }) &&
           std::all_of(end, end + line, [](std::byte b) { return b == std::byte(0xA5); });
  }

 private:
  size_t n_;
  std::vector<std::byte> bytes_;
};

// Rows of K and V stored by a table. 0xFF: every float and half nobody wrote is a NaN, and none may reach a
// result.
class Cache {
 public:
  Cache(const Table& table, KvType type, uint32_t head_dim, const Rows& k, const Rows& v)
      : kv_(table.kv(type)), head_dim_(head_dim) {
    for (size_t c = 0; c * kv_chunk < k.size(); ++c)
      for (auto* memory : {&k_, &v_}) memory->emplace_back(kv_chunk_bytes(type, head_dim), 0xFF);
    for (size_t c = 0; c < k_.size(); ++c) {
      k_chunks.push_back(k_[c].data());
      v_chunks.push_back(v_[c].data());
    }
    for (uint32_t j = 0; j < k.size(); ++j) {
      EXPECT_TRUE(store_k(j, k[j]));
      EXPECT_TRUE(kv_.store_v(v[j].data(), head_dim_, j % kv_chunk, v_[j / kv_chunk].data()));
    }
  }
  bool store_k(uint32_t j, const std::vector<float>& row) {
    return kv_.store_k(row.data(), head_dim_, j % kv_chunk, k_[j / kv_chunk].data());
  }
  bool untouched() {
    bool ok = true;
    for (auto* memory : {&k_, &v_})
      for (Memory& m : *memory) ok &= m.neighbours_untouched();
    return ok;
  }
  std::vector<const std::byte*> k_chunks, v_chunks;

 private:
  const KvKernels& kv_;
  uint32_t head_dim_;
  std::vector<Memory> k_, v_;
};

void check(const Case& c) {
  Random rng{Random{}.state + c.n_rows * 31 + c.n_rep * 1000003 + c.head_dim * 7919 + c.n_valid};
  const uint32_t n_keys = c.n_valid + c.n_rows - 1;
  Rows k(n_keys), v(n_keys);
  for (Rows* rows : {&k, &v})
    for (auto& row : *rows)
      for (uint32_t i = 0; i < c.head_dim; ++i) row.push_back(rng.unit() * c.spread);
  const size_t width = size_t(c.n_rep) * c.head_dim, ld = width + 3;
  std::vector<float> q(c.n_rows * ld);
  for (float& x : q) x = rng.unit() * c.spread;
  Attend a;
  a.q = q.data(), a.ld = ld, a.n_rows = c.n_rows, a.n_rep = c.n_rep, a.head_dim = c.head_dim;
  a.n_valid = c.n_valid, a.window = c.window, a.scale = 1.0f / std::sqrt(float(c.head_dim));
  std::vector<float> want(q.size(), 7.0f);
  const Held held_k = held(c.type, k, k_block(c.head_dim)), held_v = held(c.type, v, v_block(c.head_dim));
  for (uint32_t r = 0; r < c.n_rows; ++r)
    for (uint32_t h = 0; h < c.n_rep; ++h) {
      const float* at = &q[r * ld + h * c.head_dim];
      const auto one = oracle(c.type, {at, at + c.head_dim}, held_k, held_v, a.first(r), a.end(r), a.scale);
      std::copy(one.begin(), one.end(), want.begin() + long(r * ld + h * c.head_dim));
    }
  for (const Table* table : runnable_tables()) {
    Cache cache(*table, c.type, c.head_dim, k, v);
    std::fill_n(cache.k_chunks.begin(), a.first(0) / kv_chunk, nullptr);
    std::fill_n(cache.v_chunks.begin(), a.first(0) / kv_chunk, nullptr);
    a.k_chunks = cache.k_chunks.data(), a.v_chunks = cache.v_chunks.data();
    Memory scratch(attend_scratch(c.n_rep, c.head_dim) * sizeof(float), 0xFF);
    a.scratch = reinterpret_cast<float*>(scratch.data());
    std::vector<float> got(q.size(), 7.0f);
    a.out = got.data();
    ASSERT_TRUE(table->kv(c.type).attend(a)) << table->name << ' ' << c;
    ASSERT_EQ(first_difference(got.data(), want.data(), want.size()), -1) << table->name << ' ' << c;
    ASSERT_TRUE(scratch.neighbours_untouched()) << table->name << ' ' << c;
    ASSERT_TRUE(cache.untouched()) << table->name << ' ' << c;
  }
}
void check_both(Case c) {
  for (const KvType type : kv_types) {
    c.type = type;
    check(c);
  }
}

TEST(Attend, every_table_gives_the_oracles_bits_for_any_count_of_keys_in_a_chunk) {
  for (uint32_t n = 1; n <= 260; n += n < 40 || n > 250 ? 1 : 13)
    check_both({.n_rep = 3, .head_dim = 64, .n_valid = n});
}

TEST(Attend, every_table_gives_the_oracles_bits_for_any_count_of_heads_and_their_sizes) {
  for (uint32_t n_rep = 1; n_rep <= 17; ++n_rep) check_both({.n_rep = n_rep, .head_dim = 64, .n_valid = 300});
  for (const uint32_t head_dim : {4u, 8u, 12u, 16u, 20u, 24u, 36u, 48u, 64u, 72u, 80u, 96u, 100u, 128u, 256u})
    check_both({.n_rep = 2, .head_dim = head_dim, .n_valid = 277});
}

TEST(Attend, every_table_merges_chunks_in_order_where_maxima_rise_fall_and_underflow) {
  for (const float spread : {0.1f, 3.0f, 30.0f, 1e-33f})
    check_both({.n_rep = 7, .head_dim = 32, .n_valid = 1030, .spread = spread});
}

TEST(Attend, many_rows_at_once_each_see_their_own_keys) {
  for (const uint32_t n_rep : {1u, 2u, 3u, 7u, 9u})
    for (const uint32_t n_rows : {2u, 5u, 16u})
      for (const uint32_t n_valid : {1u, 60u, 250u, 256u, 500u})
        check_both({.n_rows = n_rows, .n_rep = n_rep, .head_dim = 40, .n_valid = n_valid});
  check_both({.n_rows = attend_rows(1), .n_rep = 1, .head_dim = 64, .n_valid = 480});
  check_both({.n_rows = attend_rows(7), .n_rep = 7, .head_dim = 64, .n_valid = 240});
  check_both({.n_rows = attend_rows(15), .n_rep = 15, .head_dim = 80, .n_valid = 250});
  // Whole groups of 64 dimensions, as tile registers take them: rows that fill tiles of 16 and do not.
  for (const uint32_t head_dim : {64u, 128u, 192u, 256u})
    for (const uint32_t n_rows : {9u, 16u, 37u}) {
      check_both({.n_rows = n_rows, .n_rep = 1, .head_dim = head_dim, .n_valid = 230});
      check_both({.n_rows = n_rows, .n_rep = 3, .head_dim = head_dim, .n_valid = 1, .spread = 30});
      check_both(
          {.n_rows = n_rows, .n_rep = 2, .head_dim = head_dim, .n_valid = 500, .spread = 3, .window = 70});
    }
}

TEST(Attend, keys_before_the_window_are_neither_read_nor_tested_wherever_it_begins) {
  for (uint32_t width = 1; width < 290; width += width < 36 || (width > 250 && width < 262) ? 1 : 9)
    check_both({.n_rep = 3, .head_dim = 40, .n_valid = 290, .spread = 2, .window = width});
  for (const uint32_t width : {1u, 2u, 15u, 16u, 17u, 31u, 33u, 255u, 256u, 257u, 512u, 700u})
    for (const uint32_t n_valid : {1024u, 1025u, 1040u})
      for (const uint32_t n_rows : {1u, 20u})
        check_both(
            {.n_rows = n_rows, .n_rep = 2, .head_dim = 16, .n_valid = n_valid, .spread = 1, .window = width});
}

// What one call gives, cut into parts of chunks in every way, gives the same bits.
TEST(Attend, chunks_done_apart_and_merged_give_what_one_call_gives) {
  for (const KvType type : kv_types)
    for (const Table* table : runnable_tables())
      for (const uint32_t window : {Attend::no_window, 300u, 700u}) {
        const uint32_t n_rep = 8, head_dim = 80, n_valid = 900;
        Random rng;
        Rows k(n_valid), v(n_valid);
        for (Rows* rows : {&k, &v})
          for (auto& row : *rows)
            for (uint32_t i = 0; i < head_dim; ++i) row.push_back(rng.unit() * 3);
        Cache cache(*table, type, head_dim, k, v);
        std::vector<float> q(n_rep * head_dim), whole(q.size()), cut(q.size());
        for (float& x : q) x = rng.unit() * 3;
        Memory scratch(attend_scratch(n_rep, head_dim) * sizeof(float), 0xFF);
        Attend a;
        a.q = q.data(), a.out = whole.data(), a.ld = q.size(), a.n_rep = n_rep, a.head_dim = head_dim;
        a.k_chunks = cache.k_chunks.data(), a.v_chunks = cache.v_chunks.data(), a.n_valid = n_valid;
        a.window = window, a.scale = 0.125f, a.scratch = reinterpret_cast<float*>(scratch.data());
        const KvKernels& kv = table->kv(type);
        ASSERT_TRUE(kv.attend(a));
        a.out = cut.data();
        const uint32_t c0 = a.first(0) / kv_chunk, c1 = 4;
        const size_t part = attend_part(n_rep, head_dim);
        for (const uint32_t step : {1u, 2u, 4u}) {
          std::vector<float> parts((c1 - c0) * part + 1, 5.0f);
          for (uint32_t c = c0; c < c1; c += step)
            ASSERT_TRUE(kv.attend_parts(a, c, std::min(c + step, c1), parts.data() + (c - c0) * part));
          kv.merge_parts(a, parts.data());
          EXPECT_EQ(first_difference(cut.data(), whole.data(), cut.size()), -1)
              << table->name << ' ' << name(type) << " window " << window << " by " << step;
          EXPECT_EQ(parts.back(), 5.0f);
        }
      }
}

TEST(Attend, a_score_that_overflows_is_reported_and_one_beyond_the_valid_keys_is_not_looked_at) {
  for (const KvType type : kv_types)
    for (const Table* table : runnable_tables())
      for (const uint32_t bad : {0u, 14u, 15u, 16u, 33u, 300u}) {
        const uint32_t head_dim = 16, n = 320;
        const KvKernels& kv = table->kv(type);
        Random rng;
        Rows k(n), v(n);
        for (Rows* rows : {&k, &v})
          for (auto& row : *rows)
            for (uint32_t i = 0; i < head_dim; ++i) row.push_back(rng.unit());
        Cache cache(*table, type, head_dim, k, v);
        // Along the first rotated axis, so that no cancellation makes the sum small.
        ASSERT_TRUE(cache.store_k(bad, std::vector<float>(head_dim, 60000.0f)));
        std::vector<float> q(2 * head_dim, 1.0f), out(q.size());
        Memory scratch(attend_scratch(2, head_dim) * sizeof(float), 0);
        std::fill(q.begin() + head_dim, q.end(), 0x1p123f);  // the second head overflows on a large key
        Attend a;
        a.q = q.data(), a.out = out.data(), a.ld = q.size(), a.head_dim = head_dim;
        a.k_chunks = cache.k_chunks.data(), a.v_chunks = cache.v_chunks.data();
        a.n_valid = n, a.scale = 0.25f, a.scratch = reinterpret_cast<float*>(scratch.data());
        const auto where = [&] { return std::string(table->name) + " key " + std::to_string(bad); };
        EXPECT_TRUE(kv.attend(a)) << where();
        a.n_rep = 2;
        EXPECT_FALSE(kv.attend(a)) << where();
        std::fill(q.begin() + head_dim, q.end(), 0x1p112f);  // large only on the bad key
        a.n_valid = bad;
        if (bad > 0) {
          EXPECT_TRUE(kv.attend(a)) << where();
        }
        a.n_valid = bad + 1;
        EXPECT_FALSE(kv.attend(a)) << where();
        a.n_valid = n;
        a.window = n - bad - 1;  // begins behind it
        EXPECT_TRUE(kv.attend(a)) << where();
        a.window = n - bad;
        EXPECT_FALSE(kv.attend(a)) << where();
      }
}

TEST(Attend, a_row_the_cache_cannot_hold_is_refused_wherever_it_stands) {
  for (const KvType type : kv_types)
    for (const Table* table : runnable_tables())
      for (const uint32_t n : {4u, 16u, 64u, 80u, 100u, 256u})
        for (const uint32_t at : {0u, n / 2, n - 1})
          for (const float bad : {INFINITY, -INFINITY, NAN}) {
            Memory k(kv_chunk_bytes(type, n), 0), v(kv_chunk_bytes(type, n), 0);
            std::vector<float> row(n, 1.5f);
            const KvKernels& kv = table->kv(type);
            EXPECT_TRUE(kv.store_k(row.data(), n, 17, k.data()) && kv.store_v(row.data(), n, 17, v.data()));
            row[at] = bad;
            EXPECT_FALSE(kv.store_k(row.data(), n, 17, k.data())) << table->name << ' ' << name(type);
            EXPECT_FALSE(kv.store_v(row.data(), n, 17, v.data())) << table->name << ' ' << name(type);
          }
  // Finite, but too large: a half's limit; for q8 the rotation's sums.
  for (const Table* table : runnable_tables()) {
    std::vector<float> row(64, 1.0f);
    Memory k(kv_chunk_bytes(KvType::f16, 64), 0);
    row[3] = 65520.0f;
    EXPECT_FALSE(table->kv(KvType::f16).store_k(row.data(), 64, 0, k.data()));
    row[3] = std::nextafter(65520.0f, 0.0f);
    EXPECT_TRUE(table->kv(KvType::f16).store_k(row.data(), 64, 0, k.data()));
    row.assign(64, 0x1p122f);
    EXPECT_FALSE(table->kv(KvType::q8).store_k(row.data(), 64, 0, k.data())) << table->name;
    row.assign(64, 0x1p121f);
    EXPECT_TRUE(table->kv(KvType::q8).store_k(row.data(), 64, 0, k.data())) << table->name;
  }
}

}  // namespace
}  // namespace bw::kernels::testing
