// decide() over made-up cases whose answer is known; each word is reached, and each guard is seen to hold.
#include <gtest/gtest.h>

#include <functional>

#include "quality/degradation.h"
#include "quality/words.h"

namespace bw::quality {
namespace {
using enum Equivalence;

// Cases "a/0".."a/n-1" with the score that f gives; truth where it is 1, accepted where it is above 0.
SuiteRun cases(const std::string& category, size_t n, const std::function<double(size_t)>& f) {
  SuiteRun r;
  r.text_digest = "t";
  for (size_t i = 0; i < n; ++i) {
    CaseResult c;
    c.id = category + "/" + std::to_string(i);
    c.category = category;
    c.score = f(i);
    c.truth = c.score == 1;
    c.accepted = c.score > 0;
    c.output = "output " + std::to_string(i);
    c.n_output_tokens = 10;
    r.cases.push_back(c);
  }
  return r;
}
void append(SuiteRun& to, const SuiteRun& more) {
  to.cases.insert(to.cases.end(), more.cases.begin(), more.cases.end());
}
TaskPlan plan_for(const std::vector<std::string>& categories) {
  TaskPlan p;
  for (const auto& c : categories) {
    p.categories[c].n_items = 1;
    p.categories[c].minimum_detectable = estimated(0.1, "share");
  }
  return p;
}
// A half-right reference of varied scores.
double varied(size_t i) {
  return double(i % 5) / 4;
}
double crushed(size_t) {
  return 0;
}

const CategoryReport& only(const std::vector<DegradationReport>& d, size_t candidate) {
  return d[candidate].categories.at("a");
}
std::vector<DegradationReport> run(const SuiteRun& reference, const SuiteRun& candidate,
                                   const SuiteRun* control, const DecideOptions& o = {}) {
  std::vector<CandidateRun> c{{"small", &candidate, false}};
  if (control) c.push_back({"control", control, true});
  const auto d = decide(reference, c, plan_for({"a"}), o);
  EXPECT_TRUE(d) << d.error().what;
  return *d;
}

TEST(Decide, equivalent_needs_the_interval_within_the_margin_and_a_control_that_came_out_worse) {
  const SuiteRun reference = cases("a", 300, varied), same = cases("a", 300, varied);
  const SuiteRun control = cases("a", 300, crushed), lazy = cases("a", 300, varied);
  auto d = run(reference, same, &control);
  EXPECT_EQ(only(d, 0).outcome, equivalent);
  EXPECT_TRUE(d[0].control_was_worse);
  EXPECT_EQ(only(d, 1).outcome, worse);
  EXPECT_EQ(only(d, 0).deciding, "field F1, paired");
  EXPECT_EQ(only(d, 0).plain, "field F1 between 1 better and 1 worse in 100; within the margin of 5 in 100");

  d = run(reference, same, nullptr);
  EXPECT_EQ(only(d, 0).outcome, cannot_tell);
  EXPECT_FALSE(d[0].control_was_worse);
  EXPECT_NE(only(d, 0).plain.find("no control was run"), std::string::npos);

  d = run(reference, same, &lazy);
  EXPECT_EQ(only(d, 0).outcome, cannot_tell);
  EXPECT_EQ(only(d, 1).outcome, cannot_tell);  // the control itself cannot be called equivalent either
  EXPECT_NE(only(d, 0).plain.find("the control control came out `equivalent`"), std::string::npos);
}

TEST(Decide, worse_and_better_lie_beyond_the_margin_and_need_no_control) {
  const SuiteRun reference = cases("a", 100, varied);
  const SuiteRun down = cases("a", 100, [](size_t i) { return std::max(0.0, varied(i) - 0.5); });
  const SuiteRun up = cases("a", 100, [](size_t i) { return std::min(1.0, varied(i) + 0.5); });
  EXPECT_EQ(only(run(reference, down, nullptr), 0).outcome, worse);
  EXPECT_EQ(only(run(reference, up, nullptr), 0).outcome, better);
  EXPECT_NE(only(run(reference, down, nullptr), 0).plain.find("worse than the margin"), std::string::npos);
  // Surely worse than 0, but not surely beyond a wide margin.
  EXPECT_EQ(only(run(reference, down, nullptr, {.margin = 0.33}), 0).outcome, cannot_tell);
}

TEST(Decide, too_few_items_cannot_tell_and_say_what_a_firm_answer_needs) {
  const SuiteRun reference = cases("a", 30, varied), control = cases("a", 30, crushed);
  const SuiteRun same = cases("a", 30, varied);
  DecideOptions o;
  o.n_available = 700;
  o.seconds_per_item = 30;
  const auto d = run(reference, same, &control, o);
  EXPECT_EQ(only(d, 0).outcome, cannot_tell);
  EXPECT_EQ(only(d, 1).outcome, worse);
  // 1 - 0.05^(1/30) = 0.0951; unchanged answers show 0.05 from 59 items on, 59 x 30 s = 29.5 minutes.
  EXPECT_EQ(only(d, 0).plain,
            "field F1 between 10 better and 10 worse in 100; a firm answer needs about 59 items, if the "
            "difference and spread seen so far stay (30 minutes: `--resume --items 59 --budget 30m`)");
  o.n_available = 40;
  EXPECT_NE(only(run(reference, same, &control, o), 0).plain.find("seen so far stay; the suite has 40"),
            std::string::npos);
  const SuiteRun at_margin =
      cases("a", 30, [](size_t i) { return std::max(0.0, varied(i) - (i % 2 ? 0.125 : 0)); });
  o.margin = 0.05;
  const auto m = run(reference, at_margin, &control, o);
  EXPECT_NEAR(only(m, 0).difference.value, -0.05, 1e-12);
  EXPECT_NE(only(m, 0).plain.find("no realistic number of items settles"), std::string::npos);
}

// The difference seen, 4.5 in 100, is 0.5 from the margin: to settle it there takes about a hundred times the
// items that no difference takes, and that number would only puzzle whoever read the plan's.
TEST(Decide, a_difference_next_to_the_margin_is_said_instead_of_a_number_nobody_would_run) {
  const SuiteRun reference = cases("a", 100, varied), control = cases("a", 100, crushed);
  const SuiteRun near = cases("a", 100, [](size_t i) { return i % 5 == 4 ? 0.775 : varied(i); });
  DecideOptions o;
  o.n_available = 700;
  o.seconds_per_item = 1;
  const std::string plain = only(run(reference, near, &control, o), 0).plain;
  EXPECT_NE(plain.find("4.5 in 100, lies at the margin itself"), std::string::npos) << plain;
  EXPECT_EQ(plain.find("a firm answer needs"), std::string::npos) << plain;
  // No difference would show with 59 items, fewer than there are: no advice to run them.
  EXPECT_EQ(plain.find("--resume"), std::string::npos) << plain;

  // One item of twenty lost 0.9: (1.645 + 1.282)^2 0.201^2 / 0.05^2 = 139 items if that was chance.
  const SuiteRun few = cases("a", 20, varied), few_control = cases("a", 20, crushed);
  const SuiteRun one = cases("a", 20, [](size_t i) { return i == 4 ? 0.1 : varied(i); });
  const std::string hope = only(run(few, one, &few_control, o), 0).plain;
  EXPECT_NE(
      hope.find("no realistic number of items settles it; if there is none in truth, about 139 items show "
                "that (3 minutes: `--resume --items 139 --budget 3m`)"),
      std::string::npos)
      << hope;
}

TEST(Decide, items_that_the_reference_fails_or_solves_nearly_all_are_warned_of) {
  // 8 in 100 is above the floor of a margin of 5 and still too near to it.
  const SuiteRun hard = cases("a", 100, [](size_t i) { return i % 25 < 2 ? 1.0 : 0.0; });
  EXPECT_NE(only(run(hard, hard, nullptr), 0).warning.find("only 8 in 100 over these 100 items"),
            std::string::npos)
      << only(run(hard, hard, nullptr), 0).warning;
  const SuiteRun easy = cases("a", 100, [](size_t i) { return i % 50 ? 1.0 : 0.0; });
  EXPECT_NE(only(run(easy, easy, nullptr), 0).warning.find("reaches 98 in 100"), std::string::npos);
  const SuiteRun fair = cases("a", 100, varied);
  EXPECT_EQ(only(run(fair, fair, nullptr), 0).warning, "");
}

TEST(Decide, a_reference_at_its_floor_is_not_measurable) {
  const SuiteRun reference = cases("a", 200, [](size_t i) { return i % 40 ? 0 : 1.0; });
  const auto d = run(reference, reference, nullptr);
  EXPECT_EQ(only(d, 0).outcome, not_measurable);
  EXPECT_NE(only(d, 0).plain.find("reaches only 2.5 in 100"), std::string::npos);
  const SuiteRun just_above = cases("a", 200, [](size_t i) { return i % 4 ? 0 : 1.0; });
  EXPECT_NE(only(run(just_above, just_above, nullptr), 0).outcome, not_measurable);
  EXPECT_EQ(only(run(just_above, just_above, nullptr, {.margin = 0.3}), 0).outcome, not_measurable);
}

TEST(Decide, exact_scores_are_decided_by_newcombe_and_flips_by_mcnemar) {
  // 8 right -> wrong, 1 wrong -> right of 100: p = 2 (C(9,0) + C(9,1)) / 2^9 = 0.0390625.
  const SuiteRun reference = cases("a", 100, [](size_t i) { return i < 60 ? 1.0 : 0.0; });
  const SuiteRun candidate =
      cases("a", 100, [](size_t i) { return (i >= 8 && i < 60) || i == 99 ? 1.0 : 0.0; });
  const auto d = run(reference, candidate, nullptr);
  const CategoryReport& r = only(d, 0);
  EXPECT_EQ(r.deciding, "exact, paired");
  EXPECT_EQ(r.flips_worse, 8u);
  EXPECT_EQ(r.flips_better, 1u);
  EXPECT_NEAR(r.mcnemar_p.value, 0.0390625, 1e-12);
  EXPECT_NEAR(r.newcombe.value, -0.07, 1e-12);
  EXPECT_EQ(*r.newcombe.low, *r.difference.low);
  EXPECT_LT(*r.newcombe.high, 0);
  EXPECT_EQ(r.n_items, 100u);
  EXPECT_DOUBLE_EQ(r.candidate_truth.value, 0.53);
}

TEST(Decide, holm_makes_two_categories_pay_for_being_two) {
  // Unchanged answers on 60 items: p = 0.95^60 = 0.046 for a margin of 0.05; enough alone, not as one of two.
  SuiteRun reference = cases("a", 60, varied), control = cases("a", 60, crushed);
  EXPECT_EQ(only(run(reference, reference, &control), 0).outcome, equivalent);
  append(reference, cases("b", 60, varied));
  append(control, cases("b", 60, crushed));
  const CandidateRun c[] = {{"same", &reference, false}, {"control", &control, true}};
  const auto d = decide(reference, c, plan_for({"a", "b"}), {});
  ASSERT_TRUE(d);
  EXPECT_EQ((*d)[0].categories.at("a").outcome, cannot_tell);
  EXPECT_EQ((*d)[0].categories.at("b").outcome, cannot_tell);
  EXPECT_TRUE((*d)[0].control_was_worse);
}

TEST(Decide, the_control_must_be_worse_in_the_same_category) {
  SuiteRun reference = cases("a", 300, varied), control = cases("a", 300, crushed);
  append(reference, cases("b", 300, varied));
  append(control, cases("b", 300, varied));
  const CandidateRun c[] = {{"same", &reference, false}, {"control", &control, true}};
  const auto d = decide(reference, c, plan_for({"a", "b"}), {});
  ASSERT_TRUE(d);
  EXPECT_EQ((*d)[0].categories.at("a").outcome, equivalent);
  EXPECT_EQ((*d)[0].categories.at("b").outcome, cannot_tell);
  EXPECT_FALSE((*d)[0].control_was_worse);
}

TEST(Decide, fragility_is_the_least_number_of_further_failures_that_changes_the_word) {
  const SuiteRun reference = cases("a", 300, varied), control = cases("a", 300, crushed);
  const auto base = run(reference, reference, &control);
  ASSERT_EQ(only(base, 0).outcome, equivalent);
  // Oracle: fail one right answer more at a time and decide again.
  uint32_t k = 0;
  SuiteRun candidate = reference;
  for (CaseResult& c : candidate.cases) {
    if (!c.truth) continue;
    c.score = 0;
    c.truth = false;
    ++k;
    if (only(run(reference, candidate, &control), 0).outcome != equivalent) break;
  }
  EXPECT_GT(k, 1u);
  EXPECT_EQ(only(base, 0).more_failures_flip, k);
  EXPECT_EQ(only(run(reference, control, &control), 0).more_failures_flip, 0u);  // worse stays worse
}

TEST(Decide, silent_failures_are_their_own_figure_and_the_one_the_change_brought_is_quoted) {
  const SuiteRun reference = cases("a", 50, [](size_t i) { return i < 25 ? 1.0 : i < 40 ? 0.5 : 0.0; });
  SuiteRun candidate = cases("a", 50, [](size_t i) { return i < 20 ? 1.0 : i < 45 ? 0.5 : 0.0; });
  for (CaseResult& c : candidate.cases) c.n_output_tokens = 15;
  const auto d = run(reference, candidate, nullptr);
  EXPECT_DOUBLE_EQ(only(d, 0).silent_failures.value, 0.5);
  EXPECT_DOUBLE_EQ(only(d, 0).silent_failures_reference.value, 0.3);
  EXPECT_EQ(only(d, 0).first_silent_failure, "a/20: output 20");
  EXPECT_DOUBLE_EQ(only(d, 0).output_length_ratio.value, 1.5);
  candidate.text_digest = "other";
  EXPECT_EQ(only(run(reference, candidate, nullptr), 0).output_length_ratio.reason, "other vocabulary");
}

TEST(Decide, pairs_by_id_leaves_out_what_one_side_did_not_finish_and_says_where_nothing_is_left) {
  const SuiteRun reference = cases("a", 100, varied);
  SuiteRun candidate = cases("a", 120, varied);
  candidate.cases.erase(candidate.cases.begin(), candidate.cases.begin() + 30);
  EXPECT_EQ(only(run(reference, candidate, nullptr), 0).n_items, 70u);
  const SuiteRun none;
  const auto d = run(reference, none, nullptr);
  EXPECT_EQ(only(d, 0).outcome, cannot_tell);
  EXPECT_FALSE(only(d, 0).difference.known());
  EXPECT_NE(only(d, 0).plain.find("no item was finished by both"), std::string::npos);
  const CandidateRun missing[] = {{"gone", nullptr, false}};
  EXPECT_FALSE(decide(reference, missing, plan_for({"a"}), {}));
  const CandidateRun there[] = {{"there", &reference, false}};
  EXPECT_FALSE(decide(reference, there, plan_for({"a"}), {.margin = -0.1}));
}

TEST(Words, bounds_are_said_in_the_direction_they_have) {
  EXPECT_EQ(bound_in_words({-0.09, 0.02}), "between 2 better and 9 worse in 100");
  EXPECT_EQ(bound_in_words({-0.0801, 0.011}), "between 2 better and 9 worse in 100");
  EXPECT_EQ(bound_in_words({-0.12, -0.03}), "between 3 and 12 worse in 100");
  EXPECT_EQ(bound_in_words({0.03, 0.12}), "between 3 and 12 better in 100");
  EXPECT_EQ(bound_in_words({-0.12, -0.003}), "between 0 better and 12 worse in 100");
}

}  // namespace
}  // namespace bw::quality
