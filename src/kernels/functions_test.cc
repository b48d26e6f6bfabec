// Everything in a table but products and attention, bit for bit against BN1 written out naively with
// std::fma.
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstring>

#include "kernels/testing.h"
#include "quant/half.h"

namespace bw::kernels::testing {
namespace {

TEST(Exp, every_table_equals_the_polynomial_over_a_stride_of_all_floats) {
  std::vector<float> x;
  for (uint64_t u = 0; u < (uint64_t(1) << 32); u += 4099) {
    const float f = std::bit_cast<float>(uint32_t(u));
    if (!std::isnan(f)) x.push_back(f);
  }
  for (const float edge : {-87.25f, 88.0f, 0.0f, -0.0f, -INFINITY, INFINITY, 0x1p-149f, -87.25f + 0x1p-17f})
    for (const float near : {std::nextafter(edge, -INFINITY), edge, std::nextafter(edge, INFINITY)})
      x.push_back(near);
  for (float f = -88; f < 89; f += 0x1.8p-12f) x.push_back(f);
  std::vector<float> want;
  for (const float f : x) want.push_back(bn1_exp(f));
  for (const Table* table : runnable_tables()) {
    std::vector<float> got(x.size() + 1, 7.0f);
    table->exp(x.data(), x.size(), got.data());
    const ptrdiff_t at = first_difference(got.data(), want.data(), want.size());
    EXPECT_EQ(at, -1) << table->name << " exp(" << x[size_t(at)] << ")";
    EXPECT_EQ(got.back(), 7.0f) << table->name << " wrote beyond its end";
  }
}

TEST(Exp, it_is_within_one_unit_of_the_true_value) {
  std::vector<float> x, y;
  for (float f = -87.25f; f <= 88; f += 0x1p-10f) x.push_back(f);
  y.resize(x.size());
  tables().front()->exp(x.data(), x.size(), y.data());
  for (size_t i = 0; i < x.size(); ++i) {
    const double truth = std::exp(double(x[i]));
    const double unit = std::ldexp(1.0, std::ilogb(truth) - 23);
    ASSERT_LT(std::fabs(double(y[i]) - truth), 0.97 * unit) << x[i];  // exhaustively 0.966 (BN1 section 5)
  }
}

TEST(NonFinite, one_bad_value_anywhere_is_found_and_the_largest_finite_is_not) {
  for (const Table* table : runnable_tables()) {
    for (size_t n = 1; n < 70; ++n) {
      std::vector<float> x(n + 1, 0x1.fffffep127f);
      x[n] = NAN;  // beyond the end
      ASSERT_FALSE(table->non_finite(x.data(), n)) << table->name;
      for (size_t i = 0; i < n; ++i) {
        for (const float bad : {float(INFINITY), float(-INFINITY), float(NAN), -float(NAN)}) {
          x[i] = bad;
          ASSERT_TRUE(table->non_finite(x.data(), n)) << table->name << " value " << i << " of " << n;
        }
        x[i] = -0x1.fffffep127f;
      }
    }
  }
}

float tree(std::vector<float> lane) {
  for (size_t w = 16; w > 0; w /= 2)
    for (size_t l = 0; l < w; ++l) lane[l] += lane[l + w];
  return lane[0];
}

TEST(RmsNorm, every_table_sums_in_32_lanes_and_a_tree) {
  Random rng;
  for (uint32_t n = 1; n < 1200; n += n < 80 ? 1 : 61) {
    const auto x = inputs(1, n, rng), w = inputs(1, n, rng);
    std::vector<float> lane(32), want(n);
    for (uint32_t i = 0; i < n; ++i) lane[i % 32] = std::fma(x[i], x[i], lane[i % 32]);
    const float r = 1.0f / std::sqrt(tree(lane) / float(n) + 1e-6f);
    for (uint32_t i = 0; i < n; ++i) want[i] = x[i] * r * w[i];
    for (const Table* table : runnable_tables()) {
      std::vector<float> got(n + 1, 7.0f);
      ASSERT_TRUE(table->rms_norm(x.data(), w.data(), n, 1e-6f, got.data()));
      ASSERT_EQ(first_difference(got.data(), want.data(), n), -1) << table->name << " n " << n;
      ASSERT_EQ(got[n], 7.0f);
    }
  }
}

TEST(RmsNorm, a_sum_of_squares_that_overflows_is_reported_not_turned_into_zeros) {
  for (const Table* table : runnable_tables()) {
    std::vector<float> x(64, 1.0f), w(64, 1.0f), y(64);
    x[40] = 1e20f;
    EXPECT_FALSE(table->rms_norm(x.data(), w.data(), 64, 1e-6f, y.data())) << table->name;
    x[40] = NAN;
    EXPECT_FALSE(table->rms_norm(x.data(), w.data(), 64, 1e-6f, y.data())) << table->name;
    x[40] = 1e19f;
    EXPECT_TRUE(table->rms_norm(x.data(), w.data(), 64, 1e-6f, y.data())) << table->name;
  }
}

TEST(Glu, every_table_gives_silu_and_gelu_times_up_bit_for_bit) {
  std::vector<float> gate, up;
  Random rng;
  for (uint64_t u = 0; u < (uint64_t(1) << 32); u += 65537) {
    const float f = std::bit_cast<float>(uint32_t(u));
    if (!std::isnan(f)) gate.push_back(f);  // a NaN keeps no particular bits
  }
  for (float f = -100; f < 100; f += 0.0625f) gate.push_back(f);
  for (size_t i = 0; i < gate.size(); ++i) up.push_back(rng.unit());
  for (const Glu act : {Glu::silu, Glu::gelu}) {
    std::vector<float> want;
    for (size_t i = 0; i < gate.size(); ++i) {
      want.push_back(bn1_glu(act, gate[i]) * up[i]);
    }
    for (const Table* table : runnable_tables()) {
      for (const size_t n : {gate.size(), gate.size() - 7, size_t(3)}) {
        std::vector<float> got(n + 1, 7.0f);
        table->glu(act, gate.data(), up.data(), n, got.data());
        const ptrdiff_t at = first_difference(got.data(), want.data(), n);
        ASSERT_EQ(at, -1) << table->name << " gate " << gate[size_t(at)];
        ASSERT_EQ(got[n], 7.0f);
      }
    }
  }
}

TEST(Glu, an_infinite_gate_stays_non_finite_so_that_the_next_product_sees_it) {
  for (const Table* table : runnable_tables()) {
    const float gate[] = {INFINITY, -INFINITY, NAN}, up[] = {1, 1, 1};
    float y[3];
    table->glu(Glu::silu, gate, up, 3, y);
    for (const float v : y) EXPECT_FALSE(std::isfinite(v)) << table->name;
  }
}

TEST(Add, every_table_adds_each_element_once) {
  Random rng;
  for (size_t n = 1; n < 50; ++n) {
    const auto x = inputs(1, uint32_t(n), rng), y = inputs(1, uint32_t(n), rng);
    for (const Table* table : runnable_tables()) {
      auto got = x;
      got.push_back(7);
      table->add(got.data(), y.data(), n);
      for (size_t i = 0; i < n; ++i) ASSERT_EQ(got[i], x[i] + y[i]) << table->name;
      ASSERT_EQ(got[n], 7);
    }
  }
}

TEST(Rope, every_table_rotates_both_pairings_and_leaves_the_rest) {
  Random rng;
  for (const uint32_t n_rot : {2u, 4u, 6u, 16u, 30u, 32u, 64u, 80u, 128u}) {
    const auto x = inputs(1, n_rot + 8, rng), cos = inputs(1, n_rot / 2, rng),
               sin = inputs(1, n_rot / 2, rng);
    for (const bool neox : {false, true}) {
      auto want = x;
      for (uint32_t i = 0; i < n_rot / 2; ++i) {
        const uint32_t a = neox ? i : 2 * i, b = neox ? i + n_rot / 2 : 2 * i + 1;
        want[a] = std::fma(x[a], cos[i], -(x[b] * sin[i]));
        want[b] = std::fma(x[b], cos[i], x[a] * sin[i]);
      }
      for (const Table* table : runnable_tables()) {
        auto got = x;
        table->rope(got.data(), cos.data(), sin.data(), n_rot, neox);
        ASSERT_EQ(first_difference(got.data(), want.data(), want.size()), -1)
            << table->name << " n_rot " << n_rot << " neox " << neox;
      }
    }
  }
}

TEST(Store, every_table_rounds_to_the_nearest_even_half) {
  std::vector<float> x;
  for (uint64_t u = 0; u < (uint64_t(1) << 32); u += 9973) {
    const float f = std::bit_cast<float>(uint32_t(u));
    if (std::fabs(f) < 65520) x.push_back(f);  // false for NaN
  }
  for (uint32_t h = 0; h < 0x7BFF; ++h) {  // every tie between two halves
    const double a = quant::half_to_float(uint16_t(h)), b = quant::half_to_float(uint16_t(h + 1));
    x.push_back(float((a + b) / 2));
  }
  std::vector<uint16_t> want;
  for (const float f : x) want.push_back(quant::float_to_half(f));
  for (const Table* table : runnable_tables()) {
    std::vector<uint16_t> got(x.size() + 1, uint16_t(0xABCD));
    EXPECT_TRUE(table->kv(KvType::f16)
                    .store_v(x.data(), uint32_t(x.size()), 0, reinterpret_cast<std::byte*>(got.data())))
        << table->name;
    EXPECT_EQ(got.back(), 0xABCD);
    got.pop_back();
    EXPECT_EQ(got, want) << table->name;
  }
}

}  // namespace
}  // namespace bw::kernels::testing
