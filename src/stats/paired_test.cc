// Paired means, power before the run and sequential looks: goldens, and coverage by seeded simulation.
#include "stats/paired.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "stats/margin.h"
#include "stats/power.h"
#include "stats/random.h"
#include "stats/sequential.h"
#include "stats/special.h"

namespace {
using namespace bw;
using namespace bw::stats;
#include "stats/golden.inc"

TEST(PairedMean, t_interval_bootstrap_and_clusters_agree_with_scipy_and_statsmodels) {
  const auto d = mean_difference(kDifferences);
  ASSERT_TRUE(d);
  const Interval t = t_interval(*d, 0.1);
  EXPECT_NEAR(t.low, kTLow, 1e-12);
  EXPECT_NEAR(t.high, kTHigh, 1e-12);
  std::vector<int64_t> cluster;
  for (int i = 0; i < 42; ++i) cluster.push_back(i % 7);
  const auto se = clustered_standard_error(kDifferences, cluster);
  ASSERT_TRUE(se);
  EXPECT_NEAR(*se, kClusteredError, 1e-14);
  // Two bootstraps differ by chance: the tail quantile of 40,000 draws has a standard error near 1 % of the
  // width.
  const auto b = bootstrap_bca(kDifferences, 0.1, 1, 40000);
  ASSERT_TRUE(b);
  EXPECT_NEAR(b->low, kBcaLow, 0.03 * (kBcaHigh - kBcaLow));
  EXPECT_NEAR(b->high, kBcaHigh, 0.03 * (kBcaHigh - kBcaLow));
}

TEST(PairedMean, the_same_seed_gives_the_same_bootstrap_and_another_does_not) {
  const auto a = bootstrap_bca(kDifferences, 0.1, 7), b = bootstrap_bca(kDifferences, 0.1, 7);
  EXPECT_EQ(a->low, b->low);
  EXPECT_EQ(a->high, b->high);
  EXPECT_NE(a->low, bootstrap_bca(kDifferences, 0.1, 8)->low);
}

TEST(PairedMean, too_little_is_refused_with_words) {
  const std::vector<double> one{0.5}, bad{0.1, std::nan("")}, equal(20, 0.0), wide{0.1, 1.5};
  EXPECT_FALSE(mean_difference(one));
  EXPECT_FALSE(mean_difference(bad));
  EXPECT_FALSE(bootstrap_bca(equal, 0.1, 1));
  EXPECT_FALSE(paired_interval(wide, 0.1));
  const std::vector<int64_t> same{3, 3};
  EXPECT_FALSE(clustered_standard_error(std::vector<double>{0.1, 0.2}, same));
}

TEST(PairedMean, answers_that_never_change_are_bounded_not_certain) {
  const std::vector<double> zeros(42, 0.0);
  const auto i = paired_interval(zeros, 0.10);
  ASSERT_TRUE(i);
  EXPECT_NEAR(i->high, 1 - std::pow(0.05, 1.0 / 42), 1e-12);  // the rule of three, exactly
  EXPECT_EQ(i->low, -i->high);
  EXPECT_FALSE(against_margin(*i, 0.05)->equivalent);
  const std::vector<double> enough(59, 0.0);
  EXPECT_TRUE(against_margin(*paired_interval(enough, 0.10), 0.05)->equivalent);
}

// Differences of field F1: an item changes with probability `rate`, then by up to -1, mostly for the worse.
double change(SplitMix64& r, double rate) {
  if (r.uniform() >= rate) return 0;
  const double size = 0.2 + 0.8 * r.uniform();
  return r.uniform() < 0.75 ? -size : size;
}
double true_mean(double rate) {
  return rate * 0.6 * (0.25 - 0.75);
}

struct Coverage {
  double t = 0, deciding = 0, bootstrap = 0;
};
Coverage coverage(double rate, int n, int runs, bool with_bootstrap, uint64_t seed) {
  SplitMix64 r(seed);
  Coverage c;
  std::vector<double> x(static_cast<size_t>(n));
  const double truth = true_mean(rate);
  const auto covers = [&](const Interval& i) { return i.low <= truth && truth <= i.high; };
  for (int k = 0; k < runs; ++k) {
    for (double& v : x) v = change(r, rate);
    c.t += covers(t_interval(*mean_difference(x), 0.1));
    c.deciding += covers(*paired_interval(x, 0.1));
    if (with_bootstrap)
      if (const auto b = bootstrap_bca(x, 0.1, r.next(), 400)) c.bootstrap += covers(*b);
  }
  c.t /= runs;
  c.deciding /= runs;
  c.bootstrap /= runs;
  return c;
}

TEST(PairedMean, intervals_cover_where_many_items_change) {
  const Coverage c = coverage(0.6, 42, 3000, true, 21);  // nominal 0.90
  EXPECT_NEAR(c.t, 0.90, 0.025);
  EXPECT_NEAR(c.deciding, 0.90, 0.025);
  EXPECT_NEAR(c.bootstrap, 0.90, 0.035);
}

TEST(PairedMean, where_few_items_change_the_t_interval_fails_and_the_deciding_one_does_not) {
  for (double rate : {0.01, 0.03, 0.08}) {
    const Coverage c = coverage(rate, 42, 3000, false, 22);
    EXPECT_GE(c.deciding, 0.89) << rate;
    if (rate <= 0.03) {
      EXPECT_LT(c.t, 0.80) << rate << ": then the guard would not be needed";
    }
  }
}

TEST(Power, items_needed_agree_with_hand_computed_examples) {
  // z(0.05) = 1.644854, z(0.20) = 0.841621. psi 0.2, d 0.1:
  // (1.644854 sqrt(0.2) + 0.841621 sqrt(0.19))^2 / 0.01 = (0.735601 + 0.366853)^2 / 0.01 = 121.54 -> 122.
  EXPECT_EQ(*n_for_share_difference(0.1, 0.2), 122);
  // Equivalence, sd 0.3, margin 0.05: (1.644854 + 1.281552)^2 0.09 / 0.0025 = 308.3 -> 309.
  EXPECT_EQ(*n_for_equivalence(0.05, 0.3), 309);
  // Not worse: (1.644854 + 0.841621)^2 0.09 / 0.0025 = 222.6 -> 223.
  EXPECT_EQ(*n_for_not_worse(0.05, 0.3), 223);
  EXPECT_EQ(*least_n_for_margin(0.05), 59);
  EXPECT_EQ(*n_for_equivalence(0.05, 0.001), 59) << "never below what an exact bound needs";
}

TEST(Power, detectable_effect_and_needed_items_are_inverse) {
  for (int64_t n : {42, 100, 665}) {
    const auto d = detectable_share_difference(n, 0.25);
    ASSERT_TRUE(d);
    EXPECT_LE(*n_for_share_difference(*d, 0.25), n);
    EXPECT_GT(*n_for_share_difference(*d * 0.97, 0.25), n);
  }
  EXPECT_FALSE(detectable_share_difference(5, 0.05)) << "5 items with 5 % flips show nothing";
  EXPECT_FALSE(n_for_equivalence(0.05, 0.3, 0.06));
  EXPECT_FALSE(n_for_not_worse(0.05, 0.3, -0.05));
  EXPECT_FALSE(detectable_mean_difference(42, std::nan("")));
  EXPECT_FALSE(detectable_mean_difference(42, 0.3, {0.7, 0.8}));
}

TEST(Power, the_detectable_mean_difference_is_detected_as_often_as_promised) {
  const auto d = detectable_mean_difference(42, 0.3);
  ASSERT_TRUE(d);
  SplitMix64 r(31);
  int found = 0;
  std::vector<double> x(42);
  for (int k = 0; k < 4000; ++k) {
    for (double& v : x) {  // uniform with sd 0.3 around -d
      v = -*d + 0.3 * std::sqrt(12.0) * (r.uniform() - 0.5);
    }
    found += t_interval(*mean_difference(x), 0.1).high < 0;
  }
  EXPECT_NEAR(found / 4000.0, 0.80, 0.03);
}

TEST(Sequential, at_no_look_over_the_whole_run_does_the_interval_miss_more_often_than_alpha) {
  // 30 looks up to 300 items. Each side may err in 5 % of runs over all looks together.
  for (double rate : {0.05, 0.3, 1.0}) {
    SplitMix64 r(41);
    const double truth = true_mean(rate);
    int low_missed = 0, high_missed = 0;
    const int runs = 200;
    for (int k = 0; k < runs; ++k) {
      ConfidenceSequence s(0.05);
      bool low = false, high = false;
      for (int i = 1; i <= 300; ++i) {
        ASSERT_TRUE(s.add(change(r, rate)));
        if (i % 10) continue;
        const Interval now = s.interval();
        low |= now.low > truth;
        high |= now.high < truth;
      }
      low_missed += low;
      high_missed += high;
    }
    // Binomial noise of 200 runs at 0.05: standard error 0.0154.
    EXPECT_LE(low_missed / double(runs), 0.05 + 3 * 0.0154) << rate;
    EXPECT_LE(high_missed / double(runs), 0.05 + 3 * 0.0154) << rate;
  }
}

TEST(Sequential, a_t_interval_looked_at_again_and_again_misses_far_more_often) {
  // Why the sequence exists: the same looks with t intervals at 5 % a side.
  SplitMix64 r(42);
  int missed = 0;
  for (int k = 0; k < 300; ++k) {
    std::vector<double> x;
    bool out = false;
    for (int i = 1; i <= 300; ++i) {
      x.push_back(change(r, 1.0));
      if (i % 5) continue;
      const Interval now = t_interval(*mean_difference(x), 0.1);
      out |= now.low > true_mean(1.0) || now.high < true_mean(1.0);
    }
    missed += out;
  }
  EXPECT_GT(missed / 300.0, 0.20);
}

TEST(Sequential, a_crushed_candidate_is_found_worse_in_few_items_and_no_change_settles_a_margin) {
  ConfidenceSequence crushed(0.05);
  int items = 0;
  SplitMix64 r(43);
  while (items < 200 && !(crushed.interval().high < -0.05)) {
    ASSERT_TRUE(crushed.add(-r.uniform()));  // every item loses 0.5 on average
    ++items;
  }
  EXPECT_LT(items, 30);
  ConfidenceSequence same(0.05);
  for (items = 0; items < 300 && !against_margin(same.interval(), 0.05)->equivalent; ++items) {
    ASSERT_TRUE(same.add(0.0));
  }
  EXPECT_GE(items, 59) << "an exact fixed-n bound needs 59: fewer cannot be right";
  EXPECT_LT(items, 120);
}

TEST(Sequential, the_price_of_looking_at_any_time_is_less_than_twice_the_width) {
  // Bets sized by the variance seen so far; badly sized bets stay valid and are caught here instead.
  SplitMix64 r(44);
  double widths = 0, t_widths = 0;
  for (int k = 0; k < 20; ++k) {
    ConfidenceSequence s(0.05);
    std::vector<double> x;
    for (int i = 0; i < 400; ++i) {
      x.push_back(change(r, 0.6));
      ASSERT_TRUE(s.add(x.back()));
    }
    const Interval now = s.interval(), t = t_interval(*mean_difference(x), 0.1);
    widths += now.high - now.low;
    t_widths += t.high - t.low;
  }
  EXPECT_LT(widths / t_widths, 2.0);
  EXPECT_GT(widths / t_widths, 1.2) << "an interval valid at all times cannot be as short";
}

TEST(Sequential, a_value_outside_the_range_is_refused_and_changes_nothing) {
  ConfidenceSequence s(0.05);
  EXPECT_FALSE(s.add(1.5));
  EXPECT_FALSE(s.add(std::nan("")));
  EXPECT_EQ(s.n(), 0);
  EXPECT_EQ(s.interval().low, -1);
  EXPECT_EQ(s.interval().high, 1);
}
}  // namespace
