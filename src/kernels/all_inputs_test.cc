// BN1's functions of one value, exp, silu and gelu (section 5), over binary32 inputs: every table bit for bit
// against the page written naively over a stride, and with BITWORTH_LONG_TESTS=1 against the scalar table
// over all 2^32; and how far the page's own functions lie from the true ones.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <bit>
#include <cfloat>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <mutex>
#include <thread>

#include "kernels/testing.h"

namespace bw::kernels::testing {
namespace {

constexpr uint64_t all = uint64_t(1) << 32;

// The distance from the truth over [from, to], in units in the last place of the true value, that docs/bn1.md
// states.
struct Bound {
  float from, to;
  double units;
};

// glibc's binary64 exp, the truth, is within one of its own units, 2^-29 of ours.
struct Function {
  const char* name;
  float (*naive)(float);
  void (*run)(const Table& table, const std::vector<float>& x, std::vector<float>& y);
  double (*truth)(double);
  std::vector<Bound> bounds;
};
void PrintTo(const Function& f, std::ostream* out) {
  *out << f.name;
}

template <Glu act>
void run_glu(const Table& table, const std::vector<float>& x, std::vector<float>& y) {
  static const std::vector<float> ones(1 << 16, 1.0f);
  table.glu(act, x.data(), ones.data(), x.size(), y.data());
}

double true_gelu(double x) {  // x (1 + tanh(u)) / 2, u = sqrt(2 / pi) (x + 0.044715 x^3)
  return x / (1 + std::exp(-2 * std::sqrt(2 / 3.14159265358979323846) * (x + 0.044715 * x * x * x)));
}

// Outside these ranges exp is held at its ends, and a relative error means nothing; bits are compared
// everywhere.
const Function functions[] = {
    {"exp",
     bn1_exp,
     [](const Table& t, const std::vector<float>& x, std::vector<float>& y) {
       t.exp(x.data(), x.size(), y.data());
     },
     [](double x) { return std::exp(x); },
     {{-87.25f, 88.0f, 0.966}}},
    {"silu",
     [](float x) { return bn1_glu(Glu::silu, x); },
     run_glu<Glu::silu>,
     [](double x) { return x / (1 + std::exp(-x)); },
     {{-88.0f, FLT_MAX, 2.394}}},
    {"gelu",
     [](float x) { return bn1_glu(Glu::gelu, x); },
     run_glu<Glu::gelu>,
     true_gelu,
     {{-1.0f, 0x1p40f, 2.725}, {-10.0f, -1.0f, 198.3}}},
};

double distance(float y, double truth) {
  const uint64_t exponent = std::bit_cast<uint64_t>(truth) & 0x7FFull << 52;
  return std::fabs(double(y) - truth) / std::max(std::bit_cast<double>(exponent - (23ull << 52)), 0x1p-149);
}

struct Worst {
  double units = 0;
  float at = 0;
};
struct Seen {
  std::mutex mutex;
  uint64_t inputs = 0;
  std::vector<Worst> worst;        // by bound
  std::vector<std::string> wrong;  // the first few
};

// One block of inputs through every table. A NaN never reaches exp; a gate that is one leaves a NaN, of any
// bits.
void check(const Function& f, bool by_page, const std::vector<float>& x,
           const std::vector<const Table*>& tables, Seen& seen) {
  std::vector<float> want(x.size()), got(x.size());
  if (by_page)
    std::transform(x.begin(), x.end(), want.begin(), f.naive);
  else
    f.run(*tables.front(), x, want);
  std::vector<Worst> worst(f.bounds.size());
  for (size_t i = 0; i < x.size(); ++i) {
    for (size_t b = 0; b < f.bounds.size(); ++b) {
      if (!(x[i] >= f.bounds[b].from && x[i] <= f.bounds[b].to) || x[i] == 0) continue;
      const double d = distance(want[i], f.truth(double(x[i])));
      if (d > worst[b].units) worst[b] = {d, x[i]};
    }
  }
  std::vector<std::string> wrong;
  for (const Table* table : tables) {
    f.run(*table, x, got);
    const ptrdiff_t at = first_difference(got.data(), want.data(), x.size());
    if (at >= 0)
      wrong.push_back(fmt::format("{}: {}({:a}) = {:a}, not {:a}", table->name, f.name, x[size_t(at)],
                                  got[size_t(at)], want[size_t(at)]));
  }
  const std::lock_guard lock(seen.mutex);
  seen.inputs += x.size();
  for (size_t b = 0; b < worst.size(); ++b)
    if (worst[b].units > seen.worst[b].units) seen.worst[b] = worst[b];
  for (auto& w : wrong)
    if (seen.wrong.size() < 10) seen.wrong.push_back(std::move(w));
}

// Every stride-th bit pattern that is no NaN.
void over_inputs(const Function& f, uint64_t stride, bool by_page) {
  const auto start = std::chrono::steady_clock::now();
  const auto tables = runnable_tables();
  constexpr uint64_t block = 1 << 16;
  const uint64_t patterns = (all + stride - 1) / stride;
  std::atomic<uint64_t> next = 0;
  Seen seen;
  seen.worst.resize(f.bounds.size());
  const auto work = [&] {
    std::vector<float> x;
    for (uint64_t b = next++; b * block < patterns; b = next++) {
      x.clear();
      for (uint64_t i = b * block; i < std::min((b + 1) * block, patterns); ++i) {
        const float v = std::bit_cast<float>(uint32_t(i * stride));
        if (!std::isnan(v)) x.push_back(v);
      }
      if (!x.empty()) check(f, by_page, x, tables, seen);
    }
  };
  std::vector<std::thread> threads;
  for (unsigned i = 0; i < std::max(1u, std::thread::hardware_concurrency()); ++i) threads.emplace_back(work);
  for (auto& t : threads) t.join();
  EXPECT_TRUE(seen.wrong.empty()) << fmt::format("{}", fmt::join(seen.wrong, "\n"));
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
  std::string names;
  for (const Table* t : tables) names += fmt::format(" {}", t->name);
  fmt::print("{}: {} inputs, {:.0f} s,{}\n", f.name, seen.inputs, took.count(), names);
  for (size_t b = 0; b < f.bounds.size(); ++b) {
    const auto [from, to, units] = f.bounds[b];
    EXPECT_LE(seen.worst[b].units, units) << f.name << '(' << seen.worst[b].at << ')';
    fmt::print("  from {} to {}: at most {:.4f} units, at {:a}\n", from, to, seen.worst[b].units,
               seen.worst[b].at);
  }
}

class AllInputs : public ::testing::TestWithParam<Function> {};

TEST_P(AllInputs, give_the_bits_of_the_page_within_the_stated_distance_over_a_stride) {
  over_inputs(GetParam(), 32749, true);
}

TEST_P(AllInputs, give_the_bits_of_the_scalar_table_within_the_stated_distance_over_all) {
  if (!std::getenv("BITWORTH_LONG_TESTS"))
    GTEST_SKIP() << "20 minutes of processor time; set BITWORTH_LONG_TESTS=1";
  ASSERT_EQ(runnable_tables().front()->name, "scalar");
  over_inputs(GetParam(), 1, false);
}
INSTANTIATE_TEST_SUITE_P(Bn1, AllInputs, ::testing::ValuesIn(functions),
                         [](const auto& p) { return std::string(p.param.name); });

TEST(Glu, every_nan_pattern_as_a_gate_leaves_a_value_that_is_not_finite) {
  const uint64_t stride = std::getenv("BITWORTH_LONG_TESTS") ? 1 : 4099;
  std::vector<float> x, y;
  for (const uint64_t sign : {uint64_t(0), uint64_t(0x80000000)}) {
    for (uint64_t from = 0x7F800001; from <= 0x7FFFFFFF; from += stride << 16) {
      x.clear();
      for (uint64_t p = from; p <= 0x7FFFFFFF && x.size() < 1 << 16; p += stride)
        x.push_back(std::bit_cast<float>(uint32_t(p | sign)));
      y.resize(x.size());
      for (const Table* table : runnable_tables()) {
        for (const auto run : {run_glu<Glu::silu>, run_glu<Glu::gelu>}) {
          run(*table, x, y);
          for (size_t i = 0; i < x.size(); ++i)
            ASSERT_TRUE(std::isnan(y[i]))
                << table->name << fmt::format(" {:x}", std::bit_cast<uint32_t>(x[i]));
        }
      }
    }
  }
}

}  // namespace
}  // namespace bw::kernels::testing
