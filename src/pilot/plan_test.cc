#include <gtest/gtest.h>

#include <algorithm>

#include "base/time.h"
#include "contract/contract.h"
#include "pilot/pilot.h"
#include "pilot/testing.h"

namespace bw::pilot {
namespace {

using testing::kPlan;
using testing::with;

bool holds(const std::vector<std::string>& all, std::string_view part) {
  return std::any_of(all.begin(), all.end(),
                     [&](const std::string& s) { return s.find(part) != std::string::npos; });
}

TEST(Plan, is_read_as_written) {
  const auto p = parse(kPlan, "p.toml");
  ASSERT_TRUE(p) << p.error().what;
  EXPECT_EQ(p->owner, "Maria Rossi");
  EXPECT_EQ(p->classes, (std::vector<std::string>{"extract", "summarise"}));
  EXPECT_EQ(p->minutes_per_case, 4.0);
  EXPECT_EQ(p->start_ms, *parse_rfc3339("2026-12-01T07:00:00Z")) << "declared at +01:00";
  EXPECT_EQ(p->offset_minutes, 60);
  ASSERT_EQ(p->measures.size(), 3u);
  const auto wrong = std::find_if(p->measures.begin(), p->measures.end(),
                                  [](const Measure& m) { return m.name == "wrong"; });
  EXPECT_TRUE(wrong->guard);
  EXPECT_EQ(wrong->before, 0.03) << "\"3 %\"";
  const auto minutes = std::find_if(p->measures.begin(), p->measures.end(),
                                    [](const Measure& m) { return m.name == "minutes"; });
  EXPECT_FALSE(minutes->guard);
  EXPECT_EQ(minutes->spread, 2.0);
  ASSERT_EQ(p->triggers.size(), 3u);
  const auto burst = std::find_if(p->triggers.begin(), p->triggers.end(),
                                  [](const Trigger& t) { return t.name == "burst"; });
  EXPECT_EQ(burst->within_ms, 86'400'000);
  EXPECT_EQ(burst->action, Action::refuse);
  EXPECT_TRUE(missing(*p).empty());
}

TEST(Plan, a_new_one_reads_back_and_says_what_only_a_person_can_fill) {
  const std::string text = new_plan(*parse_rfc3339("2026-11-20T10:00:00Z"));
  const auto p = parse(text, "new.toml");
  ASSERT_TRUE(p) << p.error().what;
  const auto lacks = missing(*p);
  for (const char* key : {"owner:", "window.end:", "name:", "friction:", "scope.out:", "baseline.what:",
                          "fallback.what:", "decisions.stop:"})
    EXPECT_TRUE(holds(lacks, key)) << key;
  EXPECT_FALSE(holds(lacks, "triggers:")) << "its example triggers stop";
  EXPECT_NE(text.find("# start = 2026-11-27T08:00:00Z"), std::string::npos);
}

TEST(Plan, without_owner_end_or_a_trigger_that_stops_it_does_not_start) {
  EXPECT_TRUE(
      holds(missing(*parse(with("owner = \"Maria Rossi\"", "owner = \"\""), "p")), "owner: one person"));
  EXPECT_TRUE(holds(missing(*parse(with("end = 2026-12-15T18:00:00+01:00", ""), "p")), "window.end"));
  std::string text = with("action = \"undo\"", "action = \"notify\"");
  text.replace(text.find("action = \"refuse\""), 17, "action = \"notify\"");
  EXPECT_TRUE(holds(missing(*parse(text, "p")), "triggers: at least one"));
  EXPECT_TRUE(holds(missing(*parse(with("margin = 1.0", ""), "p")), "measures.minutes.margin"));
  EXPECT_TRUE(holds(missing(*parse(with("deployment = \"small\"", ""), "p")),
                    "candidate.deployment: the one that triggers.wrong takes back"));
}

TEST(Plan, every_wrong_thing_is_said_with_line_and_key) {
  const std::pair<std::string, const char*> cases[] = {
      {with("owner =", "ovner ="), "p.toml:2:9: ovner: unknown key; the nearest known one is owner"},
      {with("end = 2026-12-15T18:00:00+01:00", "end = 2026-12-15T18:00:00"),
       "window.end: expected a moment with its offset, not in quotes: 2026-12-01T08:00:00+01:00, found a "
       "date or time without"},
      {with("end = 2026-12-15T18:00:00+01:00", "end = \"2026-12-15T18:00:00+01:00\""),
       "window.end: expected a moment"},
      {with("end = 2026-12-15T18:00:00+01:00", "end = 2026-11-15T18:00:00+01:00"),
       "window.end is not after window.start"},
      {with("role = \"guard\"", "role = \"gard\""),
       "measures.wrong.role: expected \"gain\" or \"guard\", found the text \"gard\""},
      {with("from = \"handed_over\"", "from = \"hand_over\""),
       "is not measured here; the nearest is handed_over"},
      {with("figure = \"failures:wrong_value\"", "figure = \"failures:rong\""),
       "there is no [failures.rong]"},
      {with("within = \"1 d\"", "within = \"1 d\"\nover = 3"), "one of over (cases) and within"},
      {with("within = \"1 d\"", ""), "one of over (cases) and within"},
      {with("above = 2\n", ""), "triggers.burst: neither above nor below"},
      {with("above = 2\n", "below = 2\n"), "a count of failures can only be bounded from above"},
      {with("least = 10", "least = 100"), "more than the cases it looks at"},
      {with("within = \"1 d\"", "within = \"1 x\""), "triggers.burst.within: expected a time with its unit"},
      {with("spread = 2.0", "spread = nan"), "measures.minutes.spread: expected a number of at least 0"},
      {with("spread = 2.0", "spread = -1"), "measures.minutes.spread: expected a number of at least 0"},
      {with("before = \"3 %\"", "before = \"130 %\""),
       "measures.wrong.before: expected a number from 0 to 1"},
      {with("classes = [\"extract\", \"summarise\"]", "classes = \"extract\""),
       "scope.classes: expected a list of texts"},
      {with("[scope]", "[scope"), "not TOML"},
      {"name = 3\n", "p.toml:1:8: name: expected a text, found the number 3"},
  };
  for (const auto& [text, says] : cases) {
    const auto p = parse(text, "p.toml");
    ASSERT_FALSE(p) << says;
    EXPECT_EQ(p.error().code, Code::bad_input);
    EXPECT_NE(p.error().what.find(says), std::string::npos) << p.error().what << "\n  wanted: " << says;
  }
}

// n = (1.6449 + 0.8416)^2 sd^2 / margin^2, by hand: minutes 6.1826 * 4 / 1 = 24.7; handed_over: sd 0 at 100
// %, so what an exact test of 20 points needs, least n with 1 - 0.05^(1/n) < 0.2: 0.05^(1/14) = 0.8074: 14;
// wrong: p = 0.03, 6.1826 * 0.0291 / 0.0009 = 199.9.
TEST(Plan, the_cases_a_measure_needs_follow_from_its_margin) {
  const Plan p = *parse(kPlan, "p");
  for (const Measure& m : p.measures) {
    const auto n = planned_n(p, m);
    ASSERT_TRUE(n) << n.error().what;
    EXPECT_EQ(*n, m.name == "minutes" ? 25 : m.name == "handed_over" ? 14 : 200) << m.name;
  }
  EXPECT_EQ(expected_cases(p), 14 * 40 + 40 * 10 / 24) << "14 days and 10 hours of 40 a day";
  const Plan blind = *parse(with("spread = 2.0", ""), "p");
  for (const Measure& m : blind.measures)
    if (m.name == "minutes") {
      EXPECT_FALSE(planned_n(blind, m));
    }
}

TEST(Plan, warns_of_what_will_not_be_measured_and_of_what_cannot_fire) {
  contract::Contract c;
  c.keep_text = true;
  c.classes.resize(2);
  c.classes[0].name = "extract";
  c.classes[0].chain = {"small", "person"};
  c.classes[1].name = "summarise";
  c.deployments.resize(1);
  c.deployments[0].name = "small";
  EXPECT_TRUE(warnings(*parse(kPlan, "p"), &c).empty()) << warnings(*parse(kPlan, "p"), &c)[0];
  const auto warned = [&](const std::string& text, const contract::Contract* of, std::string_view says) {
    const auto p = parse(text, "p");
    ASSERT_TRUE(p) << p.error().what;
    EXPECT_TRUE(holds(warnings(*p, of), says)) << says;
  };
  warned(with("by = \"the desk, with a stopwatch\"", "by = \"\""), &c,
         "measures.minutes.by: nobody is named");
  warned(with("cases_per_day = 40", "cases_per_day = 1"), &c,
         "the window brings about 14: it will end as \"cannot tell\"");
  warned(with("cases_per_day = 40", "cases_per_day = 0"), &c,
         "nobody knows whether the window brings enough");
  warned(with("above = \"8 %\"", "above = 1"), &c, "triggers.wrong: a share is never above 1");
  warned(with("role = \"guard\"", "role = \"gain\""), &c, "none has role = \"guard\"");
  warned(with("\"summarise\"", "\"sumarise\""), &c, "no class \"sumarise\"");
  warned(with("over = 30\nleast = 10", "over = 1000\nleast = 900"), &c, "it can never fire");
  warned(with("before = \"100 %\"", ""), &c, "measures.handed_over.before: handed_over did not exist before");
  warned(with("deployment = \"small\"", "deployment = \"big\""), &c, "no deployment \"big\"");
  c.classes[0].chain = {"small"};
  c.keep_text = false;
  warned(kPlan, &c, "measures.handed_over: no class in scope has a person in its chain");
  warned(kPlan, &c, "triggers.tired: no class in scope has a person");
  warned(kPlan, &c, "keeps no texts");
}

}  // namespace
}  // namespace bw::pilot
