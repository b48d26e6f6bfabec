#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>

#include "pilot/compare.h"
#include "pilot/testing.h"

namespace bw::pilot {
namespace {

using testing::at;
using testing::kPlan;
using testing::with;

const int64_t kStart = at("2026-12-02T00:00:00Z");
constexpr int64_t kMinute = 60'000;

Event after(int i, const std::string& what, double value, const std::string& of = "extract") {
  Event e;
  e.at_ms = kStart + i * kMinute;
  e.case_id = "c" + std::to_string(i);
  e.class_name = of;
  e.what = what;
  e.value = value;
  return e;
}
Event failure(int i, const std::string& category, int64_t later_ms = 0) {
  Event e = after(i, category, 1);
  e.kind = Event::Kind::failure;
  e.at_ms += later_ms;
  return e;
}
const int64_t kLater = at("2026-12-14T00:00:00Z");

TEST(Trigger, a_share_fires_at_the_first_case_that_puts_it_above_its_bound) {
  const Plan p = *parse(kPlan, "p");
  std::vector<Event> events;
  for (int i = 0; i < 40; ++i) events.push_back(after(i, "handed_over", 0));
  // 3 of 25 is 12 %, above 8 %; 2 of 24 is 8.3 %: the second failure at case 24 already; of 20 cases 1 is 5
  // %.
  events.push_back(failure(5, "missing_value"));
  EXPECT_TRUE(evaluate(p, events, kLater).empty());
  events.push_back(failure(22, "missing_value"));
  const auto fired = evaluate(p, events, kLater);
  ASSERT_EQ(fired.size(), 1u);
  EXPECT_EQ(fired[0].trigger, "wrong");
  EXPECT_EQ(fired[0].action, Action::undo);
  EXPECT_EQ(fired[0].at_ms, kStart + 22 * kMinute) << "2 of 23";
  EXPECT_EQ(fired[0].n, 23);
  EXPECT_NEAR(fired[0].value.value, 2.0 / 23, 1e-15);
  EXPECT_EQ(fired[0].value.birth, Birth::measured);
  EXPECT_TRUE(fired[0].value.low && *fired[0].value.low < 2.0 / 23);
  EXPECT_EQ(fired[0].cases, (std::vector<std::string>{"c22", "c5"}));
}

TEST(Trigger, waits_for_the_cases_it_asks_for) {
  const Plan p = *parse(kPlan, "p");
  std::vector<Event> events;
  for (int i = 0; i < 19; ++i) {
    events.push_back(after(i, "handed_over", 0));
    if (i < 10) events.push_back(failure(i, "missing_value"));
  }
  EXPECT_TRUE(evaluate(p, events, kLater).empty()) << "19 cases, 20 asked for";
  events.push_back(after(19, "handed_over", 0));
  EXPECT_EQ(evaluate(p, events, kLater).size(), 1u);
}

TEST(Trigger, what_stands_at_its_bound_does_not_fire) {
  const Plan p =
      *parse(with("above = \"8 %\"\nover = 50\nleast = 20", "above = \"10 %\"\nover = 50\nleast = 20"), "p");
  std::vector<Event> events;
  for (int i = 0; i < 20; ++i) events.push_back(after(i, "handed_over", 0));
  events.push_back(failure(3, "missing_value"));
  events.push_back(failure(4, "missing_value", 20 * kMinute));
  EXPECT_TRUE(evaluate(p, events, kLater).empty()) << "2 of 20 is the bound itself";
  events.push_back(failure(5, "missing_value", 20 * kMinute));
  EXPECT_EQ(evaluate(p, events, kLater).size(), 1u);
}

TEST(Trigger, a_failure_found_late_counts_when_it_is_found_and_only_while_its_case_is_in_the_window) {
  const Plan p = *parse(with("over = 50\nleast = 20", "over = 20\nleast = 20"), "p");
  std::vector<Event> events;
  for (int i = 0; i < 60; ++i) events.push_back(after(i, "handed_over", 0));
  events.push_back(failure(0, "missing_value", 100 * kMinute));
  events.push_back(failure(1, "missing_value", 101 * kMinute));
  EXPECT_TRUE(evaluate(p, events, kLater).empty()) << "these cases left the last 20 long ago";
  events.push_back(failure(50, "missing_value", 102 * kMinute));
  events.push_back(failure(51, "missing_value", 103 * kMinute));
  const auto fired = evaluate(p, events, kLater);
  ASSERT_EQ(fired.size(), 1u);
  EXPECT_EQ(fired[0].at_ms, kStart + (51 + 103) * kMinute);
}

TEST(Trigger, what_a_good_spell_hides_later_is_found) {
  const Plan p =
      *parse(with("above = 4.0\nover = 30\nleast = 10", "above = 4.0\nover = 10\nleast = 10"), "p");
  std::vector<Event> events;
  for (int i = 0; i < 100; ++i) events.push_back(after(i, "review_minutes", i >= 20 && i < 30 ? 5 : 1));
  const auto fired = evaluate(p, events, kLater);
  ASSERT_EQ(fired.size(), 1u);
  EXPECT_EQ(fired[0].trigger, "tired");
  // Mean of the last 10 above 4 needs eight of 5 minutes: 8 * 5 + 2 * 1 = 42.
  EXPECT_EQ(fired[0].at_ms, kStart + 27 * kMinute);
  EXPECT_NEAR(fired[0].value.value, 4.2, 1e-12);
  EXPECT_EQ(fired[0].value.unit, "min");
}

TEST(Trigger, counts_within_a_time_forget_what_is_older) {
  const Plan p = *parse(kPlan, "p");
  constexpr int64_t day = 86'400'000;
  std::vector<Event> events;
  for (int i = 0; i < 3; ++i) {
    Event e = failure(i, "wrong_value");
    e.at_ms = kStart + i * (day / 2);
    events.push_back(e);
  }
  EXPECT_TRUE(evaluate(p, events, kLater).empty()) << "0, 12 and 24 hours: never three within one day";
  events[2].at_ms -= 1;
  const auto fired = evaluate(p, events, kLater);
  ASSERT_EQ(fired.size(), 1u);
  EXPECT_EQ(fired[0].trigger, "burst");
  EXPECT_EQ(fired[0].value.value, 3);
  EXPECT_EQ(fired[0].action, Action::refuse);
}

TEST(Trigger, the_same_events_in_any_order_fire_the_same) {
  const Plan p = *parse(kPlan, "p");
  std::vector<Event> events;
  for (int i = 0; i < 60; ++i) {
    events.push_back(after(i, "handed_over", i % 3 == 0));
    events.push_back(after(i, "review_minutes", 3 + (i % 7) * 0.5));
    if (i % 9 == 0) events.push_back(failure(i, i % 2 ? "wrong_value" : "missing_value", (i % 5) * kMinute));
  }
  const auto wanted = evaluate(p, events, kLater);
  ASSERT_GE(wanted.size(), 2u);
  std::mt19937 random(3);
  for (int round = 0; round < 50; ++round) {
    std::shuffle(events.begin(), events.end(), random);
    const auto got = evaluate(p, events, kLater);
    ASSERT_EQ(got.size(), wanted.size());
    for (size_t i = 0; i < got.size(); ++i) ASSERT_EQ(describe(got[i]), describe(wanted[i]));
  }
}

TEST(Trigger, sees_neither_what_is_to_come_nor_what_is_outside_the_window) {
  const Plan p = *parse(kPlan, "p");
  std::vector<Event> events;
  for (int i = 0; i < 3; ++i) events.push_back(failure(i, "wrong_value"));
  EXPECT_TRUE(evaluate(p, events, kStart + kMinute).empty()) << "the third has not happened";
  EXPECT_EQ(evaluate(p, events, kStart + 2 * kMinute).size(), 1u);
  for (Event& e : events) e.at_ms = p.start_ms - 1;
  EXPECT_TRUE(evaluate(p, events, kLater).empty());
  for (Event& e : events) e.at_ms = p.end_ms;
  EXPECT_TRUE(evaluate(p, events, p.end_ms + 1).empty());
}

// Against a slow rule: after each event, count again from nothing.
TEST(Trigger, the_walk_agrees_with_counting_anew_at_every_moment) {
  std::mt19937 random(11);
  for (int round = 0; round < 60; ++round) {
    const uint32_t over = 3 + random() % 12, least = 1 + random() % over;
    const double bound = (random() % 10) / 10.0;
    const Plan p = *parse(with("above = \"8 %\"\nover = 50\nleast = 20",
                               "above = " + std::to_string(bound) + "\nover = " + std::to_string(over) +
                                   "\nleast = " + std::to_string(least)),
                          "p");
    std::vector<Event> events;
    for (int i = 0; i < 40; ++i) {
      events.push_back(after(i, "handed_over", 0));
      if (random() % 4 == 0)
        events.push_back(failure(i, "missing_value", int64_t(random() % 30) * kMinute + 1));
    }
    int64_t expected = -1;
    std::vector<Event> in_order = events;
    std::stable_sort(in_order.begin(), in_order.end(),
                     [](const Event& a, const Event& b) { return a.at_ms < b.at_ms; });
    for (size_t k = 1; k <= in_order.size() && expected < 0; ++k) {
      std::vector<std::string> seen;
      for (size_t i = 0; i < k; ++i)
        if (in_order[i].kind == Event::Kind::after) seen.push_back(in_order[i].case_id);
      if (seen.size() > over) seen.erase(seen.begin(), seen.end() - int64_t(over));
      size_t bad = 0;
      for (const std::string& id : seen)
        bad += std::any_of(in_order.begin(), in_order.begin() + int64_t(k),
                           [&](const Event& e) { return e.kind == Event::Kind::failure && e.case_id == id; });
      if (seen.size() >= least && double(bad) / double(seen.size()) > bound + 1e-12)
        expected = in_order[k - 1].at_ms;
    }
    int64_t got = -1;
    for (const Fired& f : evaluate(p, events, kLater))
      if (f.trigger == "wrong") got = f.at_ms;
    ASSERT_EQ(got, expected) << "round " << round << " over " << over << " least " << least << " bound "
                             << bound;
  }
}

// ---- before against after
// --------------------------------------------------------------------------------------------

ByCase values(std::initializer_list<double> v, const std::string& prefix = "c") {
  ByCase out;
  int i = 0;
  for (const double x : v) out[prefix + std::to_string(i++)] = x;
  return out;
}
Measure minutes() {
  Measure m;
  m.name = "minutes";
  m.unit = "min";
  m.from = "events";
  m.before = 4;
  m.margin = 1;
  m.spread = 1;
  return m;
}

// Worked by hand: values 2 3 3 4, mean 3, sd sqrt(2/3) = 0.8165, standard error 0.4082, t(0.95, 3) = 2.3534:
// 3 -+ 0.9608. Gain against 4: 1, from 0.0392 to 1.9608.
TEST(Compare, a_mean_against_what_was_declared) {
  Plan p;
  const Comparison c = compare(p, minutes(), {}, values({2, 3, 3, 4}));
  EXPECT_NEAR(c.gain.value, 1, 1e-12);
  EXPECT_NEAR(*c.gain.low, 0.0392, 5e-4);
  EXPECT_NEAR(*c.gain.high, 1.9608, 5e-4);
  EXPECT_EQ(c.before.birth, Birth::declared);
  EXPECT_EQ(c.after.birth, Birth::measured);
  EXPECT_EQ(c.gain.birth, Birth::derived);
  EXPECT_EQ(c.planned, 7) << "6.1826 * 1 / 1, rounded up";
  EXPECT_EQ(c.word, Word::open);
  EXPECT_EQ(c.why, "4 of 7 cases");
}

TEST(Compare, the_word_counts_from_the_planned_cases_on) {
  Plan p;
  EXPECT_EQ(compare(p, minutes(), {}, values({2, 3, 3, 4, 2, 3})).word, Word::open) << "6 of 7";
  EXPECT_EQ(compare(p, minutes(), {}, values({2, 3, 3, 4, 2, 3, 3})).word, Word::shown);
  EXPECT_EQ(compare(p, minutes(), {}, values({3.9, 4.1, 4, 4.2, 3.8, 4, 4.1})).word, Word::refuted)
      << "best case below 1";
  EXPECT_EQ(compare(p, minutes(), {}, values({1, 7, 2, 6, 3, 5, 0})).word, Word::open);
  EXPECT_EQ(compare(p, minutes(), {}, values({3, 3, 3, 3, 3, 3, 3})).word, Word::open)
      << "no spread, no interval";
}

// Wilson, k = 2 of 40 at 90 %: z = 1.6449, z^2 = 2.7055: (4 + 2.7055 -+ 1.6449 sqrt(2.7055 + 8 * 0.95))
// / 85.411 = (6.7055 -+ 5.2803) / 85.411: 0.01669 to 0.14033. Before 3 %: gain from -0.11033 to 0.01331.
TEST(Compare, a_share_against_what_was_declared) {
  Plan p;
  Measure m = minutes();
  m.unit = "share";
  m.before = 0.03;
  m.margin = 0.2;
  m.guard = true;
  ByCase after;
  for (int i = 0; i < 40; ++i) after["c" + std::to_string(i)] = i < 2;
  const Comparison c = compare(p, m, {}, after);
  EXPECT_NEAR(*c.gain.low, -0.11033, 2e-4);
  EXPECT_NEAR(*c.gain.high, 0.01331, 2e-4);
  EXPECT_EQ(c.word, Word::holds) << "at worst 11 points worse, 20 matter";
  m.margin = 0.11;
  const Comparison near = compare(p, m, {}, after);
  EXPECT_EQ(near.planned, 26) << "least n with 1 - 0.05^(1/n) < 0.11";
  EXPECT_EQ(near.word, Word::open);
  for (int i = 0; i < 30; ++i) after["c" + std::to_string(i)] = 1;
  EXPECT_EQ(compare(p, m, {}, after).word, Word::fails);
}

// Newcombe 1998, Statistics in Medicine 17:873, table II, example (a): 56/70 against 48/80, method 10, 95 %:
// 0.0524 to 0.3339.
TEST(Compare, two_shares_as_published) {
  const auto i = newcombe_unpaired(48, 80, 56, 70, 0.05);
  EXPECT_NEAR(i.low, 0.0524, 5e-5);
  EXPECT_NEAR(i.high, 0.3339, 5e-5);
  const auto none =
      newcombe_unpaired(0, 10, 0, 20, 0.05);  // the same table, (h): 0/10 and 0/20: -0.1611 to 0.2775 turned
  EXPECT_NEAR(none.low, -0.2775, 5e-5);
  EXPECT_NEAR(none.high, 0.1611, 5e-5);
}

// Worked by hand: a = 1 2 3 4 (mean 2.5, var 5/3), b = 4 6 8 (mean 6, var 4): se^2 = 0.41667 + 1.33333
// = 1.75, df = 3.0625 / (0.173611/3 + 1.777778/2) = 3.2347; t(0.95, 3.2347) = 2.28535 (SciPy).
TEST(Compare, two_means_by_welch) {
  const auto i = welch({1, 2, 3, 4}, {4, 6, 8}, 0.10);
  ASSERT_TRUE(i) << i.error().what;
  EXPECT_NEAR((i->low + i->high) / 2, 3.5, 1e-12);
  EXPECT_NEAR((i->high - i->low) / 2 / std::sqrt(1.75), 2.2853520671608893, 1e-6);
  EXPECT_FALSE(welch({1}, {1, 2}, 0.1));
  EXPECT_FALSE(welch({1, 1}, {2, 2}, 0.1));
}

TEST(Compare, cases_done_both_ways_are_compared_as_pairs) {
  Plan p;
  const ByCase before = values({4, 6, 5, 9, 3, 8, 7, 5}), after = values({3, 4, 4, 7, 2, 6, 6, 4});
  const Comparison c = compare(p, minutes(), before, after);
  EXPECT_EQ(c.how, "8 pairs, t");
  // Differences 1 2 1 2 1 2 1 1: mean 1.375, sd 0.51755, t(0.95, 7) = 1.8946: -+ 0.34668.
  EXPECT_NEAR(c.gain.value, 1.375, 1e-12);
  EXPECT_NEAR(*c.gain.low, 1.375 - 0.34668, 1e-4);
  EXPECT_EQ(c.word, Word::shown);
  EXPECT_EQ(compare(p, minutes(), before, values({3, 4, 4, 7, 2, 6, 6, 4}, "d")).how,
            "8 cases before, 8 after, Welch");
  EXPECT_EQ(c.before.birth, Birth::measured);
}

TEST(Compare, higher_may_be_better) {
  Plan p;
  Measure m = minutes();
  m.lower_is_better = false;
  EXPECT_NEAR(compare(p, m, {}, values({2, 3, 3, 4})).gain.value, -1, 1e-12);
}

}  // namespace
}  // namespace bw::pilot
