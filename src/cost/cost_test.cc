// The practical rule against examples computed by hand, and what must hold whatever the numbers are.
#include "cost/cost.h"

#include <gtest/gtest.h>

#include <cmath>

#include "stats/random.h"

namespace {
using namespace bw;
using namespace bw::cost;

DeclaredCosts mine() {
  DeclaredCosts c;
  c.max_attempts = 3;
  c.max_moved_share = declared(0.05, "share");
  c.machine_per_hour = declared(3.6, "EUR/h");  // 0.001 EUR/s
  c.person_per_hour = declared(36, "EUR/h");    // 0.01 EUR/s
  c.review_seconds = declared(10, "s");         // 0.10 EUR a review
  c.hand_over_minutes = declared(2, "min");     // 1.20 EUR a hand-over
  c.wrong_answer = declared(2, "EUR");
  c.outputs_per_month = declared(1000, "outputs/month");
  c.value_per_gib_month = declared(5, "EUR/(GiB month)");
  return c;
}

Deployment deployment(std::vector<Outcome> first, double seconds, double gib) {
  Deployment d;
  d.first = std::move(first);
  d.seconds_per_attempt = measured(seconds, "s");
  d.memory_gib = measured(gib, "GiB");
  return d;
}
constexpr Outcome kTrue{true, true}, kSilent{true, false}, kRefused{false, false};

TEST(Attempts, agree_with_the_closed_form_and_its_limits) {
  EXPECT_EQ(expected_attempts(0.5, 3), 1.75);
  EXPECT_EQ(expected_attempts(1, 3), 1);
  EXPECT_EQ(expected_attempts(0, 3), 3);
  for (double q : {0.05, 0.3, 0.9}) EXPECT_NEAR(expected_attempts(q, 5), (1 - std::pow(1 - q, 5)) / q, 1e-12);
  EXPECT_NEAR(expected_attempts(1e-12, 7), 7, 1e-9) << "where the closed form loses its digits";
  EXPECT_EQ(hand_over_share(0.5, 3), 0.125);
}

TEST(Attempts, chance_of_two_extra_agrees_with_hand_computed_cases) {
  // Candidate failed first, q 0.5, K 3: ends at 2 (0.5), 3 (0.25) or is handed over = 4 (0.25); reference
  // at 1.
  EXPECT_NEAR(chance_of_two_extra(false, true, 0.5, 1, 3), 0.5, 1e-15);
  EXPECT_EQ(chance_of_two_extra(true, false, 0.5, 0.5, 3), 0);
  EXPECT_EQ(chance_of_two_extra(true, true, 0.1, 0.9, 3), 0);
  // Both failed, q 0.25 and 0.75: ends 2|3|4 with 0.25|0.1875|0.5625 and 0.75|0.1875|0.0625; the same luck
  // gives 4 against 2 for u in (0.4375, 0.75).
  EXPECT_NEAR(chance_of_two_extra(false, false, 0.25, 0.75, 3), 0.3125, 1e-15);
  EXPECT_EQ(chance_of_two_extra(false, true, 0, 1, 1), 0) << "one attempt: a hand-over is one extra";
  EXPECT_NEAR(chance_of_two_extra(false, true, 0, 1, 3), 1, 1e-15) << "always handed over";
}

TEST(Rule, the_hand_computed_bill_comes_out) {
  const Deployment r = deployment({kTrue, kTrue, kTrue, kTrue}, 1.0, 3);
  const Deployment c = deployment({kTrue, kTrue, kSilent, kRefused}, 0.5, 1);
  const auto p = price(r, c, mine());
  ASSERT_TRUE(p) << p.error().what;
  // q = 0.75: attempts 1 + 0.25 + 0.0625; hand-over 0.25^3; silent 0.25 at first, times the attempts.
  EXPECT_NEAR(p->attempts_candidate.value, 1.3125, 1e-12);
  EXPECT_NEAR(p->hand_over_candidate.value, 0.015625, 1e-12);
  EXPECT_NEAR(p->silent_failures_candidate.value, 0.328125, 1e-12);
  EXPECT_NEAR(p->extra_attempts.value, 0.328125, 1e-12);
  EXPECT_NEAR(p->two_extra_share.value, 0.0625, 1e-12);  // one item of four, needing 3 or 4 with 0.25
  EXPECT_NEAR(p->cost_reference.value, 0.101, 1e-12);
  EXPECT_NEAR(p->cost_candidate.value, 0.1005 * 1.3125 + 0.015625 * 1.2 + 0.328125 * 2, 1e-12);  // 0.80690625
  EXPECT_NEAR(p->added_cost_per_month.value, 705.90625, 1e-9);
  EXPECT_NEAR(p->saved_value_per_month.value, 10, 1e-12);
  EXPECT_NEAR(p->gib_above.value, 352.953125, 1e-9);
  EXPECT_FALSE(p->review_below.known()) << "silent failures alone cost more than is saved";
  EXPECT_EQ(p->rule, Rule::moved);
  EXPECT_TRUE(p->open) << "one item of four bounds nothing";
  EXPECT_EQ(p->attempts_candidate.birth, Birth::estimated);
  EXPECT_EQ(p->cost_candidate.birth, Birth::estimated) << "an estimate stays one through the bill";
  EXPECT_EQ(p->saved_gib.birth, Birth::derived);
}

TEST(Rule, a_deployment_against_itself_moves_nothing) {
  stats::SplitMix64 random(1);
  for (int run = 0; run < 50; ++run) {
    std::vector<Outcome> first(42);
    for (Outcome& o : first) {
      o.accepted = random.uniform() < 0.5;
      o.truth = o.accepted && random.uniform() < 0.5;
    }
    first[0] = kTrue;
    const Deployment d = deployment(first, 1, 2);
    const auto p = price(d, d, mine());
    ASSERT_TRUE(p);
    EXPECT_EQ(p->extra_attempts.value, 0);
    EXPECT_EQ(p->two_extra_share.value, 0);
    EXPECT_EQ(p->added_cost_per_output.value, 0);
    EXPECT_EQ(p->rule, Rule::not_moved);
  }
}

TEST(Rule, real_retries_are_counted_and_a_hand_over_counts_one_more_than_k) {
  Deployment r = deployment({kTrue, kTrue}, 1, 3), c = deployment({kTrue, kRefused}, 1, 1);
  r.retried = {{1, false, true}, {2, false, true}};
  c.retried = {{1, false, true}, {3, true, false}};
  const auto p = price(r, c, mine());
  ASSERT_TRUE(p);
  EXPECT_EQ(p->attempts_candidate.value, 2);
  EXPECT_EQ(p->hand_over_candidate.value, 0.5);
  EXPECT_EQ(p->two_extra_share.value, 0.5);  // 4 against 2
  EXPECT_EQ(p->extra_attempts.value, 1);     // (0 + 2) / 2
  EXPECT_EQ(p->attempts_candidate.birth, Birth::measured);
  EXPECT_EQ(p->silent_failures_candidate.value, 0);
  EXPECT_EQ(p->rule, Rule::moved);
}

TEST(Rule, a_share_exactly_at_the_limit_does_not_exceed_it) {
  Deployment r = deployment(std::vector<Outcome>(20, kTrue), 1, 2), c = r;
  r.retried = std::vector<Retried>(20, {1, false, true});
  c.retried = r.retried;
  c.retried[3] = {3, false, true};
  DeclaredCosts costs = mine();
  costs.outputs_per_month = declared(0, "outputs/month");
  EXPECT_EQ(price(r, c, costs)->rule, Rule::not_moved);  // 1 in 20 = 0.05
  c.retried[4] = {3, false, true};
  EXPECT_EQ(price(r, c, costs)->rule, Rule::cannot_tell)
      << "2 in 20 is above 0.05, and chance alone could do it";
  for (size_t i = 5; i < 9; ++i) c.retried[i] = {3, false, true};
  EXPECT_EQ(price(r, c, costs)->rule, Rule::moved) << "6 in 20: all of the interval is above 0.05";
}

TEST(Rule, at_the_break_even_price_both_sides_are_equal) {
  const Deployment r = deployment({kTrue, kTrue, kTrue, kTrue}, 1.0, 3);
  const Deployment c = deployment({kTrue, kTrue, kTrue, kRefused}, 0.9, 1);
  DeclaredCosts costs = mine();
  costs.value_per_gib_month = declared(50, "EUR/(GiB month)");
  const auto p = price(r, c, costs);
  ASSERT_TRUE(p);
  ASSERT_TRUE(p->review_below.known()) << p->review_below.reason;
  costs.review_seconds = declared(p->review_below.value / 0.01, "s");
  const auto at_review = price(r, c, costs);
  EXPECT_NEAR(at_review->added_cost_per_month.value, at_review->saved_value_per_month.value, 1e-9);

  costs = mine();
  costs.value_per_gib_month = declared(p->gib_above.value, "EUR/(GiB month)");
  const auto at_gib = price(r, c, costs);
  EXPECT_NEAR(at_gib->added_cost_per_month.value, at_gib->saved_value_per_month.value, 1e-9);
  EXPECT_NE(p->break_even.find("a review costs under"), std::string::npos) << p->break_even;
  EXPECT_NE(p->break_even.find("a GiB is worth over"), std::string::npos) << p->break_even;
}

TEST(Rule, money_decides_only_where_a_person_declared_it) {
  // 100 items, 3 refused: the share stays under 5 %, the money does not pay.
  std::vector<Outcome> good(100, kTrue), some = good;
  for (int i = 0; i < 3; ++i) some[static_cast<size_t>(i)] = kRefused;
  const Deployment r = deployment(good, 1, 1.1), c = deployment(some, 1, 1.0);
  const auto judged = price(r, c, mine());
  EXPECT_TRUE(judged->money_judged);
  EXPECT_EQ(judged->rule, Rule::moved);
  EXPECT_NE(judged->why.find("more a month"), std::string::npos) << judged->why;

  DeclaredCosts costs = mine();
  costs.wrong_answer = default_costs().wrong_answer;
  const auto with_default = price(r, c, costs);
  EXPECT_FALSE(with_default->money_judged);
  EXPECT_EQ(with_default->rule, Rule::not_moved);
  EXPECT_NE(with_default->added_cost_per_month.reason.find("defaults, not yours: wrong_answer"),
            std::string::npos);
}

TEST(Rule, an_unknown_time_or_memory_stays_unknown_and_the_share_still_decides) {
  Deployment r = deployment({kTrue, kTrue}, 1, 2), c = deployment({kRefused, kRefused}, 1, 1);
  r.seconds_per_attempt = unknown("s", "speed was not measured");
  c.memory_gib = unknown("GiB", "not planned");
  const auto p = price(r, c, mine());
  ASSERT_TRUE(p);
  EXPECT_EQ(describe(p->cost_reference),
            "unknown(seconds per attempt of the reference: speed was not measured)");
  EXPECT_FALSE(p->added_cost_per_month.known());
  EXPECT_FALSE(p->saved_gib.known());
  EXPECT_FALSE(p->gib_above.known());
  EXPECT_FALSE(p->money_judged);
  EXPECT_EQ(p->two_extra_share.value, 1);
  EXPECT_EQ(p->rule, Rule::moved);
}

TEST(Rule, a_reference_that_is_never_accepted_leaves_nothing_to_tell) {
  const Deployment d = deployment({kRefused, kRefused}, 1, 2);
  const auto p = price(d, deployment({kTrue, kTrue}, 1, 1), mine());
  EXPECT_EQ(p->rule, Rule::cannot_tell);
}

TEST(Rule, more_failures_never_make_it_cheaper) {
  double before = -1, share = -1;
  for (size_t failed = 0; failed <= 20; ++failed) {
    std::vector<Outcome> first(20, kTrue);
    for (size_t i = 0; i < failed; ++i) first[i] = kRefused;
    const auto p = price(deployment(std::vector<Outcome>(20, kTrue), 1, 2), deployment(first, 1, 1), mine());
    EXPECT_GE(p->cost_candidate.value, before);
    EXPECT_GE(p->two_extra_share.value, share);
    before = p->cost_candidate.value;
    share = p->two_extra_share.value;
  }
}

TEST(Costs, defaults_are_valid_and_say_that_nobody_set_them) {
  const DeclaredCosts d = default_costs();
  EXPECT_TRUE(validate(d));
  for (const Figure* f :
       {&d.max_moved_share, &d.machine_per_hour, &d.person_per_hour, &d.review_seconds, &d.hand_over_minutes,
        &d.wrong_answer, &d.outputs_per_month, &d.value_per_gib_month}) {
    EXPECT_TRUE(is_default(*f));
    EXPECT_NE(describe(*f).find("declared (default, not yours)"), std::string::npos);
  }
}

TEST(Costs, defaults_carry_the_currency_they_are_asked_for) {
  EXPECT_EQ(default_costs("CHF").person_per_hour.unit, "CHF/h");
  EXPECT_EQ(default_costs("CHF").value_per_gib_month.unit, "CHF/(GiB month)");
  EXPECT_EQ(default_costs("CHF").currency, "CHF");
}

TEST(Costs, what_makes_no_sense_is_refused_by_name) {
  const Deployment d = deployment({kTrue}, 1, 2);
  DeclaredCosts c = mine();
  c.review_seconds = declared(-1, "s");
  const auto negative = price(d, d, c);
  ASSERT_FALSE(negative);
  EXPECT_NE(negative.error().what.find("review_seconds"), std::string::npos);
  c = mine();
  c.wrong_answer = declared(std::nan(""), "EUR");
  EXPECT_FALSE(validate(c));
  c = mine();
  c.max_moved_share = declared(5, "share");
  EXPECT_FALSE(validate(c));
  c = mine();
  c.max_attempts = 0;
  EXPECT_FALSE(validate(c));
  EXPECT_FALSE(price(deployment({}, 1, 2), deployment({}, 1, 2), mine()));
  EXPECT_FALSE(price(d, deployment({kTrue, kTrue}, 1, 2), mine()));
  Deployment bad = d;
  bad.retried = {{4, false, true}};
  EXPECT_FALSE(price(d, bad, mine())) << "more attempts than K";
}
}  // namespace
