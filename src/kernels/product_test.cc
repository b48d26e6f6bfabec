// Products and activation quantisation of every table this machine runs, bit for bit against the naive oracle
// of testing.h, on data made to break them: extremes of quants and scales, tails of rows, blocks and columns.
#include <gtest/gtest.h>

#include <cstring>

#include "kernels/testing.h"

namespace bw::kernels::testing {
namespace {

using quant::Family;

constexpr float untouched = -12345.0f;

// Panels [panel0, panel1) of w on the first n columns; rows outside stay untouched.
void check(const Table& table, const PackedRows& w, uint32_t panel0, uint32_t panel1, Acts a, uint32_t n,
           const std::vector<float>& want) {
  const uint32_t n_out = w.packed.n_out;
  a.n = n;
  const size_t ldy = n_out + 3;
  std::vector<float> y(n * ldy, untouched);
  table.product(w.packed, panel0, panel1, a, y.data(), ldy);
  for (uint32_t c = 0; c < n; ++c) {
    for (uint32_t r = 0; r < ldy; ++r) {
      const bool written = r >= panel0 * panel_rows && r < panel1 * panel_rows && r < n_out;
      const float expected = written ? want[size_t(c) * n_out + r] : untouched;
      ASSERT_EQ(first_difference(&expected, &y[c * ldy + r], 1), -1)
          << table.name << ' ' << quant::info(w.packed.type).name << " k " << a.k << " n_out " << n_out
          << " columns " << n << ": row " << r << " column " << c << ": expected " << expected << ", found "
          << y[c * ldy + r];
    }
  }
}

struct Case {
  uint32_t n_out, k, n;
};

void run_cases(const quant::TypeInfo& t, const std::vector<Case>& cases, Random& rng) {
  for (const Case& s : cases) {
    const auto rows = weights(t.type, s.n_out, s.k, rng);
    const auto x = inputs(s.n, s.k, rng);
    const auto quantised = quantise(t.family, x, s.n, s.k);
    const auto want = product(t.type, rows, s.n_out, s.k, s.n, x, quantised);
    const auto packed = pack(t.type, rows, s.n_out, s.k);
    const Acts a = acts(s.n, s.k, x, quantised);
    const uint32_t n_panels = packed.packed.n_panels();
    for (const Table* table : runnable_tables()) {
      for (uint32_t n = 1; n <= s.n; ++n) check(*table, packed, 0, n_panels, a, n, want);
      if (n_panels > 2) check(*table, packed, 1, n_panels - 1, a, s.n, want);
    }
  }
}

TEST(Product, every_table_gives_the_oracles_bits_for_1_to_40_columns) {
  Random rng;
  for (const quant::TypeInfo& t : quant::all_types())
    run_cases(t, {{40, 3 * t.block * (t.block == 1 ? 100 : 1), 40}}, rng);
}

TEST(Product, every_table_gives_the_oracles_bits_for_the_shapes_models_have) {
  Random rng;
  for (const quant::TypeInfo& t : quant::all_types()) {
    std::vector<Case> cases;
    for (const uint32_t k : {32u, 64u, 256u, 512u, 576u, 768u, 896u, 2048u, 4864u})
      if (k % t.block == 0) cases.push_back({k % 5 * 16 + k % 13 + 1, k, k > 600 ? 7u : 13u});
    if (t.family == Family::f) cases.push_back({33, 257, 8});
    run_cases(t, cases, rng);
  }
}

// Sums at their largest: weights and activations of one sign everywhere, and scales at both ends.
TEST(Product, every_table_survives_the_corners_of_the_integer_ranges) {
  for (const quant::TypeInfo& t : quant::all_types()) {
    if (t.family == Family::f) continue;
    const uint32_t k = 1024, n_out = 32, n = 9;
    for (const int byte : {0x00, 0xFF, 0x80, 0x7F}) {
      for (const int scale_byte : {0x00, 0x7F, 0x80, 0xFF}) {
        for (const float value : {1.0f, -1.0f}) {
          std::vector<std::byte> rows(n_out * quant::row_bytes(t, k), std::byte(byte));
          for (std::byte* p = rows.data(); p < rows.data() + rows.size(); p += t.bytes) {
            const uint16_t d = 0x7BFF;
            const Span scales = scale_bytes(t.type);
            std::memset(p + scales.at, scale_byte, scales.n);
            for (const uint32_t at : half_offsets(t.type)) std::memcpy(p + at, &d, 2);
          }
          const std::vector<float> x(size_t(n) * k, value);
          const auto quantised = quantise(t.family, x, n, k);
          const auto want = product(t.type, rows, n_out, k, n, x, quantised);
          const auto packed = pack(t.type, rows, n_out, k);
          for (const Table* table : runnable_tables())
            for (const uint32_t columns : {1u, 4u, 9u})
              check(*table, packed, 0, 2, acts(n, k, x, quantised), columns, want);
        }
      }
    }
  }
}

TEST(Activations, every_table_quantises_like_the_oracle) {
  Random rng;
  const uint32_t n = 200, k = 256;
  const auto x = inputs(n, k, rng);
  for (const Family family : {Family::b32, Family::b256}) {
    const Quantised want = quantise(family, x, n, k);
    for (const Table* table : runnable_tables()) {
      Quantised got = want;
      std::fill(got.q.begin(), got.q.end(), int8_t(99));
      std::fill(got.d.begin(), got.d.end(), 99.0f);
      std::fill(got.sums.begin(), got.sums.end(), 99);
      (family == Family::b32 ? table->act32 : table->act256)(x.data(), n * k, got.q.data(), got.d.data(),
                                                             got.sums.data());
      EXPECT_EQ(got.q, want.q) << table->name;
      EXPECT_EQ(first_difference(got.d.data(), want.d.data(), want.d.size()), -1) << table->name;
      EXPECT_EQ(got.sums, want.sums) << table->name;
    }
  }
}

}  // namespace
}  // namespace bw::kernels::testing
