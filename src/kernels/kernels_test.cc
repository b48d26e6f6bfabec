// Choosing a table, and the exact fma below the scalar one. Oracles: std::fma of the C library; the list of
// tables.
#include "kernels/kernels.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstdlib>
#include <random>
#include <string>

#include "kernels/fma.h"

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

}  // namespace
}  // namespace bw::kernels
