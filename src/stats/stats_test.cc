// Distributions, shares, margins and quantiles against SciPy, statsmodels and published tables.
#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "stats/margin.h"
#include "stats/paired.h"
#include "stats/proportions.h"
#include "stats/quantile.h"
#include "stats/random.h"
#include "stats/special.h"

namespace {
using namespace bw;
using namespace bw::stats;
#include "stats/golden.inc"

void expect_relative(double found, double golden, double tolerance, const char* what) {
  EXPECT_LE(std::fabs(found - golden), tolerance * std::fabs(golden))
      << what << ": found " << found << ", golden " << golden;
}

TEST(Special, cumulative_functions_agree_with_scipy) {
  for (const auto& g : kBeta) expect_relative(incomplete_beta(g.a, g.b, g.x), g.cdf, 1e-11, "beta");
  for (const auto& g : kT) expect_relative(student_t_cdf(g.t, g.df), g.cdf, 1e-11, "t");
  for (const auto& g : kBinomial) expect_relative(binomial_cdf(g.k, g.n, g.p), g.cdf, 1e-11, "binomial");
}

TEST(Special, quantiles_agree_with_scipy) {
  for (const auto& g : kBetaInverse)
    expect_relative(incomplete_beta_inverse(g.a, g.b, g.p), g.x, 1e-8, "beta");
  for (const auto& g : kTQuantile) expect_relative(student_t_quantile(g.p, g.df), g.t, 1e-8, "t");
  for (const auto& g : kNormal) expect_relative(normal_quantile(g.p), g.z, 1e-8, "normal");
}

TEST(Special, arguments_outside_the_domain_give_nan_and_never_hang) {
  EXPECT_TRUE(std::isnan(incomplete_beta(0, 1, 0.5)));
  EXPECT_TRUE(std::isnan(incomplete_beta(1, 1, 1.5)));
  EXPECT_TRUE(std::isnan(incomplete_beta(1, 1, std::nan(""))));
  EXPECT_TRUE(std::isnan(normal_quantile(0)));
  EXPECT_TRUE(std::isnan(student_t_quantile(0.9, 0)));
  EXPECT_TRUE(std::isnan(binomial_cdf(1, 2, -0.1)));
}

TEST(Random, splitmix64_gives_the_published_stream) {
  SplitMix64 r(1234567);  // reference stream of the authors' C code for this seed
  for (uint64_t expected : {6457827717110365317u, 3203168211198807973u, 9817491932198370423u,
                            4593380528125082431u, 16408922859458223821u})
    EXPECT_EQ(r.next(), expected);
}

TEST(Random, below_is_in_range_and_covers_every_value) {
  SplitMix64 r(5);
  std::vector<int> seen(7);
  for (int i = 0; i < 7000; ++i) ++seen.at(r.below(7));
  for (int n : seen) EXPECT_NEAR(n, 1000, 150);
}

TEST(Proportions, intervals_and_mcnemar_agree_with_statsmodels) {
  for (const auto& g : kWilson) {
    const Interval i = wilson(g.k, g.n, g.alpha);
    EXPECT_NEAR(i.low, g.low, 1e-12);
    EXPECT_NEAR(i.high, g.high, 1e-12);
  }
  for (const auto& g : kClopperPearson) {
    EXPECT_NEAR(share_lower_bound(g.k, g.n, g.alpha / 2), g.low, 1e-12);
    EXPECT_NEAR(share_upper_bound(g.k, g.n, g.alpha / 2), g.high, 1e-12);
  }
  for (const auto& g : kMcNemar) EXPECT_NEAR(mcnemar_exact(g.worse, g.better), g.p, 1e-12);
  EXPECT_EQ(mcnemar_exact(0, 0), 1);
}

TEST(Newcombe, method_10_gives_the_published_intervals) {
  // Complete response before and after consolidation therapy (Cavo et al. 2012), printed in Fagerland,
  // Lydersen, Laake, "Statistical Analysis of Contingency Tables", chapter 8: -0.0621 (95 % CI -0.1186 to
  // -0.0046). There the difference is first minus second row sum, so `worse` and `better` are 16 and 6.
  const Interval cavo = newcombe10({59, 16, 6, 80}, 0.05);
  EXPECT_NEAR(cavo.low, -0.1186, 5e-5);
  EXPECT_NEAR(cavo.high, -0.0046, 5e-5);
  // Airway hyper-responsiveness (Bentur et al. 2009), ibid.: -0.286 (-0.507 to -0.026).
  const Interval bentur = newcombe10({1, 7, 1, 12}, 0.05);
  EXPECT_NEAR(bentur.low, -0.507, 5e-4);
  EXPECT_NEAR(bentur.high, -0.026, 5e-4);
}

TEST(Newcombe, swapping_the_deployments_mirrors_the_interval_and_it_stays_in_range) {
  SplitMix64 r(11);
  for (int i = 0; i < 500; ++i) {
    const PairedCounts t{static_cast<int64_t>(r.below(40)), static_cast<int64_t>(r.below(12)),
                         static_cast<int64_t>(r.below(12)), static_cast<int64_t>(r.below(40))};
    const Interval a = newcombe10(t, 0.1),
                   b = newcombe10({t.both_right, t.better, t.worse, t.both_wrong}, 0.1);
    EXPECT_NEAR(a.low, -b.high, 1e-12);
    EXPECT_NEAR(a.high, -b.low, 1e-12);
    EXPECT_LE(a.low, t.difference());
    EXPECT_GE(a.high, t.difference());
    EXPECT_GE(a.low, -1);
    EXPECT_LE(a.high, 1);
    const Interval wide = newcombe10(t, 0.05);
    EXPECT_LE(wide.low, a.low + 1e-12);
    EXPECT_GE(wide.high, a.high - 1e-12);
  }
}

TEST(Newcombe, with_no_flip_at_all_the_interval_is_not_a_point) {
  const Interval i = newcombe10({20, 0, 0, 22}, 0.1);
  EXPECT_LT(i.low, -0.01);
  EXPECT_GT(i.high, 0.01);
}

TEST(Newcombe, covers_the_true_difference_at_about_its_level) {
  // 42 items, truth -0.10: flips worse 0.15, better 0.05, both right 0.2. Nominal 0.90; method 10 is
  // conservative.
  SplitMix64 r(2);
  int covered = 0;
  const int runs = 4000;
  for (int k = 0; k < runs; ++k) {
    PairedCounts t;
    for (int i = 0; i < 42; ++i) {
      const double u = r.uniform();
      ++(u < 0.15 ? t.worse : u < 0.20 ? t.better : u < 0.40 ? t.both_right : t.both_wrong);
    }
    const Interval i = newcombe10(t, 0.1);
    covered += i.low <= -0.10 && -0.10 <= i.high;
  }
  EXPECT_GE(covered / double(runs), 0.89);
  EXPECT_LE(covered / double(runs), 0.96);
}

TEST(Margin, two_one_sided_tests_decide_by_the_interval) {
  const auto equal = against_margin({-0.02, 0.03}, 0.05);
  ASSERT_TRUE(equal);
  EXPECT_TRUE(equal->equivalent && !equal->worse && !equal->differs);
  const auto worse = against_margin({-0.30, -0.06}, 0.05);
  EXPECT_TRUE(worse->worse && worse->differs && !worse->not_worse);
  const auto open = against_margin({-0.08, 0.01}, 0.05);
  EXPECT_TRUE(!open->worse && !open->equivalent && !open->not_worse && open->not_better);
  const auto small_but_real = against_margin({-0.04, -0.01}, 0.05);
  EXPECT_TRUE(small_but_real->equivalent && small_but_real->differs);
  EXPECT_FALSE(against_margin({-0.05, 0.0}, 0.05)->not_worse) << "touching the margin shows nothing";
}

TEST(Margin, a_margin_that_is_no_positive_number_is_refused) {
  for (double m : {0.0, -0.1, std::nan(""), HUGE_VAL}) EXPECT_FALSE(against_margin({0, 0}, m)) << m;
  EXPECT_FALSE(against_margin({0.2, 0.1}, 0.05));
  EXPECT_FALSE(against_margin({std::nan(""), 0.1}, 0.05));
}

TEST(Margin, p_values_by_inversion_are_those_of_the_t_tests) {
  const auto d = mean_difference(kDifferences);
  ASSERT_TRUE(d);
  const auto p = p_against_margin([&](double alpha) { return t_interval(*d, alpha); }, 0.1);
  ASSERT_TRUE(p);
  expect_relative(p->not_worse, kTostNotWorse, 1e-6, "not worse");
  expect_relative(p->not_better, kTostNotBetter, 1e-6, "not better");
  EXPECT_EQ(p->equivalent, std::max(p->not_worse, p->not_better));
  EXPECT_EQ(p->worse, 1);
}

TEST(Margin, a_p_below_alpha_and_the_interval_at_that_alpha_say_the_same) {
  SplitMix64 r(3);
  for (int i = 0; i < 200; ++i) {
    const PairedCounts t{static_cast<int64_t>(r.below(60)), static_cast<int64_t>(r.below(20)),
                         static_cast<int64_t>(r.below(20)), static_cast<int64_t>(1 + r.below(60))};
    const auto p = p_against_margin([&](double alpha) { return newcombe10(t, alpha); }, 0.1);
    const auto at = against_margin(newcombe10(t, 0.1), 0.1);
    EXPECT_EQ(p->equivalent <= 0.05, at->equivalent);
    EXPECT_EQ(p->worse <= 0.05, at->worse);
    EXPECT_EQ(p->better <= 0.05, at->better);
  }
}

TEST(Holm, adjusted_values_agree_with_statsmodels) {
  const auto adjusted = holm(kHolmP);
  ASSERT_EQ(adjusted.size(), std::size(kHolmAdjusted));
  for (size_t i = 0; i < adjusted.size(); ++i) EXPECT_NEAR(adjusted[i], kHolmAdjusted[i], 1e-15);
  EXPECT_TRUE(holm({}).empty());
}

TEST(Quantile, no_p95_bound_below_59_and_no_p99_bound_below_299) {
  EXPECT_EQ(least_n_for_upper_bound(0.95), 59);
  EXPECT_EQ(least_n_for_upper_bound(0.99), 299);
  for (const auto& [q, n] : {std::pair{0.95, 59}, std::pair{0.99, 299}}) {
    std::vector<double> x;
    for (int i = 1; i <= n; ++i) x.push_back(i);
    const QuantileBounds enough = quantile_bounds(x, q);
    ASSERT_TRUE(enough.high);
    EXPECT_EQ(*enough.high, n);
    x.pop_back();
    const QuantileBounds few = quantile_bounds(x, q);
    EXPECT_TRUE(few.value);
    EXPECT_FALSE(few.high);
    EXPECT_NE(few.reason.find("below n = " + std::to_string(n)), std::string::npos) << few.reason;
  }
}

TEST(Quantile, median_bounds_of_20_are_the_textbook_order_statistics) {
  // Conover 1999, section 3.2, or any table of the sign test: P(B <= 5) = 0.0207, P(B <= 6) = 0.0577 for n
  // = 20.
  std::vector<double> x;
  for (int i = 20; i >= 1; --i) x.push_back(i);
  const QuantileBounds b = quantile_bounds(x, 0.5);
  EXPECT_EQ(*b.low, 6);
  EXPECT_EQ(*b.high, 15);
  EXPECT_EQ(*b.value, 10);
}

TEST(Quantile, each_bound_holds_as_often_as_it_says_for_a_skewed_sample) {
  SplitMix64 r(4);
  int high = 0, low = 0;
  const int runs = 4000;
  const double truth = -std::log(1 - 0.9);  // p90 of the exponential
  std::vector<double> x(60);
  for (int k = 0; k < runs; ++k) {
    for (double& v : x) v = -std::log(1 - r.uniform());
    const QuantileBounds b = quantile_bounds(x, 0.9);
    high += *b.high >= truth;
    low += *b.low <= truth;
  }
  EXPECT_GE(high / double(runs), 0.945);
  EXPECT_GE(low / double(runs), 0.945);
}

TEST(Quantile, nothing_measured_and_nan_have_a_reason_instead_of_a_number) {
  EXPECT_EQ(quantile_bounds({}, 0.5).reason, "nothing was measured");
  const std::vector<double> bad{1, std::nan(""), 2};
  EXPECT_FALSE(quantile_bounds(bad, 0.5).value);
  EXPECT_FALSE(quantile_bounds(bad, 0.5).reason.empty());
}
}  // namespace
