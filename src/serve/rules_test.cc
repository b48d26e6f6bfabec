// Budgets of a day and triggers of a class.
#include "serve/rules.h"

#include <gtest/gtest.h>

namespace bw::serve {
namespace {
using Action = contract::StopTrigger::Action;
using Figure = contract::StopTrigger::Figure;

constexpr uint64_t kDay = 86'400'000;

TEST(Budgets, ARequestBeyondTheDaysNumberWaitsForMidnight) {
  contract::Budget b;
  b.requests_per_day = 2;
  Budgets budgets(b);
  const uint64_t noon = 20'000 * kDay + kDay / 2;
  EXPECT_FALSE(budgets.spent(noon));
  budgets.began(noon);
  budgets.began(noon);
  const auto spent = budgets.spent(noon);
  ASSERT_TRUE(spent);
  EXPECT_EQ(spent->retry_after_ms, kDay / 2);
  EXPECT_FALSE(budgets.spent(noon + kDay / 2));  // midnight
}

TEST(Budgets, OutputTokensAndAPersonsMinutesAreBoundedToo) {
  contract::Budget b;
  b.output_tokens_per_day = 100;
  b.person_minutes_per_day = 2;
  Budgets budgets(b);
  budgets.output(99, 1);
  EXPECT_FALSE(budgets.spent(1));
  budgets.output(1, 1);
  EXPECT_TRUE(budgets.spent(1));
  budgets.reviewed(119, 1);
  EXPECT_FALSE(budgets.person_spent(1));
  budgets.reviewed(1, 1);
  EXPECT_TRUE(budgets.person_spent(1));
}

contract::StopTrigger trigger(Figure figure, double above, uint32_t over, Action action = Action::refuse) {
  contract::StopTrigger t;
  t.figure = figure;
  t.above = above;
  t.over = over;
  t.action = action;
  return t;
}
Ended ended(bool abstained, const std::string& name = "a") {
  Ended e;
  e.class_name = name;
  e.abstained = abstained;
  return e;
}

TEST(Stops, ATriggerFiresOnceItsWindowIsFullAndItsShareIsAbove) {
  Stops stops({trigger(Figure::abstained, 0.5, 4)});
  for (const bool abstained : {true, true, true}) EXPECT_TRUE(stops.ended(ended(abstained)).empty());
  EXPECT_FALSE(stops.stopped("a"));  // 3 of 3, but the window is not full
  const auto fired = stops.ended(ended(false));
  ASSERT_EQ(fired.size(), 1u);
  EXPECT_NE(fired[0].what.find("3 of the last 4"), std::string::npos) << fired[0].what;
  EXPECT_TRUE(stops.stopped("a"));
  EXPECT_FALSE(stops.stopped("b"));
  EXPECT_TRUE(stops.ended(ended(true)).empty());  // once
}

TEST(Stops, AShareEqualToTheBoundIsNotAboveIt) {
  Stops stops({trigger(Figure::abstained, 0.5, 4)});
  for (const bool abstained : {true, false, true, false}) EXPECT_TRUE(stops.ended(ended(abstained)).empty());
}

TEST(Stops, OnlyTheLatestCount) {
  Stops stops({trigger(Figure::abstained, 0.5, 4)});
  stops.ended(ended(true));
  stops.ended(ended(true));
  for (int i = 0; i < 4; ++i) EXPECT_TRUE(stops.ended(ended(false)).empty());
}

TEST(Stops, RefusingGoesBeforeFallingBackAndResumingForgetsBoth) {
  Stops stops({});
  stops.restore({"a", "x", Action::fallback});
  EXPECT_EQ(stops.stopped("a")->action, Action::fallback);
  stops.restore({"a", "y", Action::refuse});
  EXPECT_EQ(stops.stopped("a")->action, Action::refuse);
  EXPECT_TRUE(stops.resume("a"));
  EXPECT_FALSE(stops.stopped("a"));
  EXPECT_FALSE(stops.resume("a"));
}

}  // namespace
}  // namespace bw::serve
