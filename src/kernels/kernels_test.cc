// Choosing a table, and the exact fma below the scalar one. Oracles: std::fma of the C library; the list of
// tables.
#include "kernels/kernels.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <random>
#include <string>
#include <utility>

#include "kernels/fma.h"
#include "kernels/testing.h"

namespace bw::kernels {
namespace {

TEST(Choose, scalar_runs_everywhere_and_is_found_by_name) {
  auto table = choose("scalar");
  ASSERT_TRUE(table);
  EXPECT_EQ((*table)->name, "scalar");
  EXPECT_EQ(tables().front()->name, "scalar");
}

TEST(Choose, an_unknown_name_is_an_error_that_lists_what_runs_here) {
  auto table = choose("sse9");
  ASSERT_FALSE(table);
  EXPECT_EQ(table.error().code, Code::bad_input);
  EXPECT_NE(table.error().what.find("sse9"), std::string::npos);
  for (const Table* t : tables()) {
    if (t->available()) {
      EXPECT_NE(table.error().what.find(t->name), std::string::npos);
    }
  }
}

TEST(Choose, the_listing_gives_a_reason_for_every_table_that_does_not_run_and_no_other) {
  size_t n_built = 0;
  for (const Listed& l : listing()) {
    n_built += l.table != nullptr;
    if (l.table == nullptr) {
      EXPECT_TRUE(l.lacks.empty()) << l.name;
      EXPECT_FALSE(choose(l.name)) << l.name;
      continue;
    }
    EXPECT_EQ(l.table->name, l.name);
    EXPECT_EQ(l.table->available(), l.lacks.empty()) << l.name;
    if (l.lacks.empty()) {
      EXPECT_TRUE(choose(l.name)) << l.name;
      continue;
    }
    const auto refused = choose(l.name);
    ASSERT_FALSE(refused) << l.name;
    EXPECT_NE(refused.error().what.find(l.lacks.front()), std::string::npos) << refused.error().what;
  }
  EXPECT_EQ(n_built, tables().size()) << "a table that the listing does not know";
}

TEST(Choose, the_environment_variable_forces_a_table_and_an_absent_one_is_an_error) {
  setenv("BITWORTH_ISA", "scalar", 1);
  auto scalar = choose();
  ASSERT_TRUE(scalar);
  EXPECT_EQ((*scalar)->name, "scalar");
  setenv("BITWORTH_ISA", "nonesuch", 1);
  EXPECT_FALSE(choose());
  unsetenv("BITWORTH_ISA");
  EXPECT_TRUE(choose());
}

TEST(Fma, the_soft_fma_rounds_once_like_the_c_librarys) {
  std::mt19937 rng(1);
  const auto check = [](float a, float b, float c) {
    const float want = std::fma(a, b, c), got = fma_exact(a, b, c);
    if (std::isnan(want)) return std::isnan(got);
    return std::bit_cast<uint32_t>(want) == std::bit_cast<uint32_t>(got);
  };
  size_t wrong = 0;
  for (int i = 0; i < 2'000'000; ++i) {
    const float a = std::bit_cast<float>(uint32_t(rng())), b = std::bit_cast<float>(uint32_t(rng()));
    const float c = std::bit_cast<float>(uint32_t(rng()));
    wrong += !check(a, b, c);
    wrong += !check(a, b, -a * b);                    // cancellation: what the product rounded away
    wrong += !check(a, b, std::nextafter(a * b, c));  // one off, either side
    const float small = std::ldexp(std::fabs(std::fmod(a, 4.0f)), -80);
    wrong +=
        !check(small, std::ldexp(1.0f + float(i) * 0x1p-21f, -60), std::ldexp(float(i), -149));  // subnormal
  }
  // a*b = 2^47 + r with |r| < 2^18, and half a unit of c is 2^47: binary64 cannot see r, so rounding twice is
  // wrong.
  size_t n_ties = 0;
  while (n_ties < 20'000) {
    const auto a = int64_t(rng() >> 9 | 0x800000u), b = ((int64_t(1) << 47) + a / 2) / a;
    const int64_t r = a * b - (int64_t(1) << 47);
    if (b >= 1 << 24 || r == 0 || std::abs(r) >= 1 << 18) continue;
    ++n_ties;
    const float c = std::ldexp(float(rng() >> 9 | 0x800000u), 48);
    for (const int scale :
         {0, -100, -190}) {  // the last: the sum is subnormal or rounds to the last place of one
      const float s = std::ldexp(float(a), scale), t = float(b), u = std::ldexp(c, scale);
      wrong += !check(s, t, u) + !check(-s, t, u) + !check(s, t, -u);
    }
  }
  EXPECT_EQ(wrong, 0u);
  EXPECT_TRUE(std::signbit(fma_exact(-0.0f, 1.0f, -0.0f)));
  EXPECT_TRUE(std::isinf(fma_exact(3e38f, 3e38f, 1.0f)));
  EXPECT_TRUE(std::isnan(fma_exact(INFINITY, 0.0f, 1.0f)));
}

// a * b = 2^47 + r with r != 0 and |r| < 2^17: added to a c whose half unit is 2^47, r decides the rounding
// and binary64 cannot see it.
std::pair<float, float> factors_just_off_a_tie(std::mt19937& rng) {
  for (;;) {
    const auto a = int64_t(rng() >> 9 | 0x800000u), b = ((int64_t(1) << 47) + a / 2) / a;
    const int64_t r = a * b - (int64_t(1) << 47);
    if (b < 1 << 24 && r != 0 && std::abs(r) < 1 << 17) return {float(a), float(b)};
  }
}

// A product of two values of K with weights (c, a) and activations (1, b) is fma(a, b, fma(c, 1, 0)).
TEST(Fma, every_table_rounds_a_product_and_a_sum_once) {
  constexpr uint32_t n_out = 1024;
  std::mt19937 rng(3);
  for (uint32_t round = 0; round < 200; ++round) {
    auto [a0, b] = factors_just_off_a_tie(rng);
    const bool subnormal = round % 4 == 1, wide = round % 4 == 3;
    if (subnormal) {
      a0 = std::ldexp(a0, -100);
      b = std::ldexp(b, -97);
    }
    std::vector<std::byte> rows(size_t(n_out) * 8);
    std::vector<float> want(n_out);
    for (uint32_t r = 0; r < n_out; ++r) {
      const float sign = rng() % 2 != 0 ? 1.0f : -1.0f;
      float a = a0 * sign, c = 0;
      if (subnormal) {
        c = std::ldexp(float(rng() >> 9), -149);
      } else if (!wide && r % 2 == 0) {
        c = std::ldexp(float(rng() >> 9 | 0x800000u), 48);
      } else {
        a = std::bit_cast<float>(uint32_t(rng()) & 0xBFFFFFFFu);
        const float product = a * b;
        const float others[] = {-product, std::nextafter(-product, 0.0f),
                                std::bit_cast<float>(uint32_t(rng())),
                                std::ldexp(product, int(rng() % 60) - 30)};
        c = others[rng() % 4];
      }
      if (!std::isfinite(a)) a = 1;
      if (!std::isfinite(c)) c = 1;
      if (rng() % 2 != 0) c = -c;
      want[r] = 0.0f + std::fma(a, b, c);
      std::memcpy(rows.data() + size_t(r) * 8, &c, 4);
      std::memcpy(rows.data() + size_t(r) * 8 + 4, &a, 4);
    }
    const auto packed = testing::pack(quant::Type::F32, rows, n_out, 2);
    const std::vector<float> x = {1.0f, b};
    for (const Table* table : testing::runnable_tables()) {
      std::vector<float> y(n_out);
      table->product(packed.packed, 0, packed.packed.n_panels(), testing::acts(1, 2, x, {}), y.data(), n_out);
      const ptrdiff_t at = testing::first_difference(y.data(), want.data(), n_out);
      ASSERT_EQ(at, -1) << table->name << " round " << round << " row " << at << ": expected "
                        << want[size_t(at)] << ", found " << y[size_t(at)];
    }
  }
}

}  // namespace
}  // namespace bw::kernels
