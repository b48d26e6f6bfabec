#include <gtest/gtest.h>

#include <algorithm>

#include "base/hash.h"
#include "pilot/standing.h"
#include "pilot/testing.h"

namespace bw::pilot {
namespace {

using testing::answer;
using testing::at;
using testing::Fake;
using testing::kPlan;
using testing::with;

const int64_t kStarted = at("2026-11-30T16:00:00Z");  // the evening before its window
constexpr int64_t kHour = 3'600'000, kDay = 24 * kHour;

struct Rig {
  std::unique_ptr<Store> store = *Store::open("");
  std::unique_ptr<review::Queue> queue = *review::Queue::open("");
  Fake log;
  Running pilot;
  explicit Rig(const std::string& text = kPlan) {
    log.entries.push_back(R"({"kind":"start"})");
    const auto s = start(*store, log, *parse(text, "p.toml"), kStarted);
    EXPECT_TRUE(s) << s.error().what;
    pilot = *running(*store);
  }
  Result<Report> report(const std::string& lines, int64_t now = at("2026-12-10T12:00:00Z")) {
    return take(*store, log, pilot, lines, "e.jsonl", now);
  }
};

std::string why(const Result<Report>& r) {
  return r ? "taken" : r.error().what + " | " + r.error().next;
}

TEST(Start, the_plan_is_in_the_log_and_signed_before_it_runs) {
  Rig rig;
  ASSERT_EQ(rig.log.entries.size(), 2u);
  const auto e = rig.log.json(1);
  EXPECT_EQ(e["kind"], "pilot_start");
  EXPECT_EQ(e["time"], "2026-11-30T16:00:00.000Z");
  EXPECT_EQ(e["pilot"], "desk");
  EXPECT_EQ(e["owner"], "Maria Rossi");
  EXPECT_EQ(e["plan"], kPlan);
  EXPECT_EQ(e["plan_sha256"], sha256_hex(kPlan));
  EXPECT_EQ(e["entries_before"], 1);
  EXPECT_EQ(e["planned_cases"]["minutes"], 25);
  EXPECT_EQ(rig.log.n_signed, 1);
  EXPECT_EQ(rig.pilot.started.log_index, 1);
  EXPECT_EQ(rig.pilot.plan.text, kPlan) << "what runs is what was logged, not the file as it is later";
}

TEST(Start, is_refused_while_another_runs_after_its_window_and_without_its_parts) {
  Rig rig;
  EXPECT_FALSE(start(*rig.store, rig.log, *parse(kPlan, "p"), kStarted));
  auto other = *Store::open("");
  EXPECT_FALSE(start(*other, rig.log, *parse(kPlan, "p"), at("2026-12-15T17:00:00Z")))
      << "its window ends then";
  const auto lacks = start(*other, rig.log, *parse(with("owner = \"Maria Rossi\"", ""), "p"), kStarted);
  ASSERT_FALSE(lacks);
  EXPECT_EQ(lacks.error().code, Code::bad_input);
  EXPECT_NE(lacks.error().what.find("owner: one person"), std::string::npos);
  EXPECT_EQ(rig.log.entries.size(), 2u) << "nothing of a refusal is logged";
  rig.log.full = true;
  EXPECT_FALSE(start(*other, rig.log, *parse(kPlan, "p"), kStarted));
  EXPECT_FALSE(*other->running()) << "what the log does not hold has not begun";
}

TEST(Take, lines_are_saved_under_an_entry_of_the_log) {
  Rig rig;
  const std::string lines =
      R"({"time":"2026-12-02T10:00:00+01:00","case":"k1","kind":"after","measure":"minutes","value":2.5,"who":"Ada"})"
      "\r\n\n"
      R"({"time":"2026-12-02T09:30:00Z","case":"k1","kind":"failure","category":"wrong_value","note":"date of yesterday"})"
      "\n"
      R"({"time":"2026-12-02T09:40:00Z","case":"k2","kind":"before","measure":"minutes","value":5})";
  const auto r = rig.report(lines);
  ASSERT_TRUE(r) << r.error().what;
  EXPECT_EQ(r->fresh, 3u);
  EXPECT_EQ(r->log_index, 2);
  EXPECT_EQ(rig.log.json(2)["kind"], "pilot_events");
  EXPECT_EQ(rig.log.json(2)["lines_sha256"], sha256_hex(lines));
  const auto events = *rig.store->events(rig.pilot.started.id);
  ASSERT_EQ(events.size(), 3u);
  EXPECT_EQ(events[0].at_ms, at("2026-12-02T09:00:00Z")) << "the first by moment, whatever its offset";
  EXPECT_EQ(events[0].value, 2.5);
  EXPECT_EQ(events[0].who, "Ada");
  EXPECT_EQ(events[1].kind, Event::Kind::failure);
  EXPECT_EQ(events[1].note, "date of yesterday");
  EXPECT_EQ(events[2].kind, Event::Kind::before);
  for (const Event& e : events) EXPECT_EQ(e.log_index, 2);
}

TEST(Take, the_same_again_is_no_new_event_and_no_new_entry) {
  Rig rig;
  const std::string line =
      R"({"time":"2026-12-02T10:00:00+01:00","case":"k1","kind":"after","measure":"minutes","value":2.5})";
  ASSERT_TRUE(rig.report(line));
  const auto again = rig.report(
      line + "\n" +
      R"({"time":"2026-12-02T09:00:00Z","case":"k1","kind":"after","measure":"minutes","value":2.5})");
  ASSERT_TRUE(again) << again.error().what;
  EXPECT_EQ(again->same, 2u) << "the same moment at another offset is the same";
  EXPECT_EQ(again->fresh, 0u);
  EXPECT_EQ(rig.log.entries.size(), 3u);
  EXPECT_EQ(rig.store->events(rig.pilot.started.id)->size(), 1u);
}

TEST(Take, a_conflict_refuses_the_file_whole_and_says_how_to_put_it_right) {
  Rig rig;
  ASSERT_TRUE(rig.report(
      R"({"time":"2026-12-02T09:00:00Z","case":"k1","kind":"after","measure":"minutes","value":25})"));
  const std::string fresh =
      R"({"time":"2026-12-03T09:00:00Z","case":"k2","kind":"after","measure":"minutes","value":2})";
  const auto r = rig.report(
      fresh + "\n" +
      R"({"time":"2026-12-02T09:00:00Z","case":"k1","kind":"after","measure":"minutes","value":2.5})");
  ASSERT_FALSE(r);
  EXPECT_NE(why(r).find("e.jsonl:2: case k1, minutes: 2.5 at 2026-12-02 10:00 +01:00 here, but 25 at "
                        "2026-12-02 10:00 +01:00 is known"),
            std::string::npos)
      << why(r);
  EXPECT_NE(why(r).find("\"replaces\": 25"), std::string::npos);
  EXPECT_EQ(rig.store->events(rig.pilot.started.id)->size(), 1u);
  EXPECT_FALSE(rig.report(
      R"({"time":"2026-12-02T09:00:00Z","case":"k1","kind":"after","measure":"minutes","value":2.5,"replaces":24})"))
      << "not what stands there";
  EXPECT_FALSE(rig.report(
      R"({"time":"2026-12-02T09:00:00Z","case":"k9","kind":"after","measure":"minutes","value":2.5,"replaces":24})"))
      << "nothing stands there";
  EXPECT_FALSE(rig.report(
      fresh + "\n" +
      R"({"time":"2026-12-03T09:00:00Z","case":"k2","kind":"after","measure":"minutes","value":3})"))
      << "two lines of one file";
  const auto fixed = rig.report(
      R"({"time":"2026-12-02T09:00:00Z","case":"k1","kind":"after","measure":"minutes","value":2.5,"replaces":25})");
  ASSERT_TRUE(fixed) << fixed.error().what;
  EXPECT_EQ(fixed->replaced, 1u);
  EXPECT_EQ(rig.store->events(rig.pilot.started.id)->front().value, 2.5);
  const auto entry = rig.log.json(rig.log.entries.size() - 1);
  EXPECT_EQ(entry["replaced"][0]["from"], 25);
  EXPECT_EQ(entry["replaced"][0]["to"], 2.5);
}

TEST(Take, late_events_are_taken_and_counted_as_late) {
  Rig rig;
  ASSERT_TRUE(rig.report(
      R"({"time":"2026-12-05T09:00:00Z","case":"k5","kind":"after","measure":"minutes","value":2})"));
  const auto r = rig.report(
      R"({"time":"2026-12-02T09:00:00Z","case":"k1","kind":"after","measure":"minutes","value":3})"
      "\n"
      R"({"time":"2026-12-06T09:00:00Z","case":"k6","kind":"after","measure":"minutes","value":3})");
  ASSERT_TRUE(r) << r.error().what;
  EXPECT_EQ(r->late, 1u);
  EXPECT_EQ(rig.store->events(rig.pilot.started.id)->front().case_id, "k1");
}

TEST(Take, what_is_not_of_its_time_is_refused) {
  Rig rig;
  const auto line = [](const char* time, const char* kind = "after") {
    return std::string(R"({"time":")") + time + R"(","case":"k1","kind":")" + kind +
           R"(","measure":"minutes","value":2})";
  };
  const std::pair<std::string, const char*> cases[] = {
      {line("2026-11-30T15:59:59Z"), "is before this pilot was started (2026-11-30 17:00 +01:00)"},
      {line("2026-11-30T15:59:59Z", "before"), "is before this pilot was started"},
      {line("2026-12-01T06:59:59Z"), "is before its window begins"},
      {line("2026-12-15T17:00:00Z"), "is after its window ended"},
      {line("2026-12-10T12:05:01Z"), "is in the future"},
      {line("2026-12-02T10:00:00"), "without an offset"},
  };
  for (const auto& [text, says] : cases)
    EXPECT_NE(why(rig.report(text)).find(says), std::string::npos) << why(rig.report(text));
  EXPECT_TRUE(rig.report(line("2026-12-10T12:04:59Z"))) << "clocks of two machines differ a little";
}

TEST(Take, lines_that_are_not_of_the_plan_are_refused_by_name) {
  Rig rig;
  const std::string head = R"({"time":"2026-12-02T09:00:00Z","case":"k1",)";
  const std::pair<std::string, const char*> cases[] = {
      {"x", "e.jsonl:1: not JSON"},
      {"[]", "expected a JSON object"},
      {"\n" + head + R"("kind":"after","measure":"hours","value":2})",
       "e.jsonl:2: measure: the plan has no measure \"hours\""},
      {head + R"("kind":"after","measure":"handed_over","value":1})", "which the server measures"},
      {head + R"("kind":"failure","category":"rong"})",
       "the plan has no failure \"rong\" | one of: missing_value, wrong_value"},
      {head + R"("kind":"failure","category":"wrong_value","value":1})", "value: a failure has a category"},
      {head + R"("kind":"during","measure":"minutes","value":2})", "kind: expected"},
      {head + R"("kind":"after","measure":"minutes"})", "value: missing"},
      {head + R"("kind":"after","measure":"minutes","value":"2"})", "value: expected a number"},
      {head + R"("kind":"after","measure":"minutes","value":-1})", "value: expected a number of at least 0"},
      {head + R"("kind":"after","measure":"wrong","value":0.5})", "a case is 0 or 1"},
      {head + R"("kind":"after","mesure":"minutes","value":2})",
       "unknown key mesure; the nearest known one is measure"},
      {head + R"("kind":"after","kind":"before","measure":"minutes","value":2})", "kind"},
      {R"({"time":"2026-12-02T09:00:00Z","kind":"after","measure":"minutes","value":2})",
       "case: expected a name"},
      {"\n \n", "holds no event"},
  };
  for (const auto& [text, says] : cases)
    EXPECT_NE(why(rig.report(text)).find(says), std::string::npos) << text << "\n" << why(rig.report(text));
}

TEST(Gather, counts_answers_logged_after_the_plan_and_reviews_of_them) {
  Rig rig;
  const int64_t day2 = at("2026-12-02T09:00:00Z");
  rig.log.entries.insert(rig.log.entries.begin(),
                         answer("ans_old", day2));  // an answer of before, whatever time it claims
  rig.pilot.started.log_index = 2;
  rig.log.entries.push_back(answer("ans_1", day2));
  rig.log.entries.push_back(answer("ans_2", day2 + kHour, "person", "extract", 3));
  rig.log.entries.push_back(answer("ans_3", day2 + kHour, "answered", "translate"));
  rig.log.entries.push_back(answer("ans_4", at("2026-11-30T17:00:00Z")));
  rig.log.entries.push_back(R"({"kind":"deploy","note":"\"answer\""})");
  review::Item item;
  item.answer_id = "ans_2";
  item.class_name = "extract";
  item.messages_json = "[]";
  item.attempts = {{"small", "x", {}}};
  item.created_ms = uint64_t(day2);
  ASSERT_TRUE(rig.queue->add(item));
  item.answer_id = "ans_old";
  ASSERT_TRUE(rig.queue->add(item));
  for (int64_t id : {1, 2})
    ASSERT_TRUE(rig.queue->decide(id, {.state = review::Item::State::corrected,
                                       .text = "y",
                                       .reviewer = "Ada",
                                       .seconds = 90,
                                       .at_ms = uint64_t(day2 + 2 * kHour)}));
  const auto g = gather(*rig.store, rig.log, rig.queue.get(), rig.pilot);
  ASSERT_TRUE(g) << g.error().what;
  ASSERT_EQ(g->answers.size(), 2u);
  EXPECT_EQ(g->answers[0].id, "ans_1");
  EXPECT_EQ(g->out_of_scope, 1u);
  EXPECT_EQ(g->out_of_window, 1u) << "the evening before its window";
  EXPECT_EQ(g->reviews.size(), 1u);
  std::map<std::string, double> of_2;
  for (const Event& e : g->events)
    if (e.case_id == "ans_2") of_2[e.what] = e.value;
  EXPECT_EQ(of_2, (std::map<std::string, double>{{"handed_over", 1},
                                                 {"abstained", 0},
                                                 {"refused", 0},
                                                 {"escalated", 1},
                                                 {"retried", 1},
                                                 {"attempts", 3},
                                                 {"answer_seconds", 1.5},
                                                 {"corrected", 1},
                                                 {"rejected", 0},
                                                 {"review_minutes", 1.5}}));
  rig.log.entries.push_back(
      R"({"kind":"answer","time":"2026-12-02T09:00:00Z","id":"ans_9","class":"extract","outcome":"maybe","attempts":[]})");
  const auto broken = gather(*rig.store, rig.log, rig.queue.get(), rig.pilot);
  ASSERT_FALSE(broken);
  EXPECT_NE(broken.error().what.find("log entry 8: the answer ans_9: outcome \"maybe\""), std::string::npos)
      << broken.error().what;
}

TEST(Watch, a_firing_is_logged_once_and_its_action_is_tried_until_it_is_done) {
  Rig rig;
  std::vector<Event> events;
  for (int i = 0; i < 3; ++i) {
    Event e;
    e.at_ms = at("2026-12-02T09:00:00Z") + i;
    e.kind = Event::Kind::failure;
    e.case_id = "k" + std::to_string(i);
    e.what = "wrong_value";
    events.push_back(e);
  }
  const int64_t now = at("2026-12-02T10:00:00Z");
  int asked = 0;
  const auto broken = watch(*rig.store, rig.log, rig.pilot, events, now,
                            [&](const Plan&, const Fired&) -> Result<std::string> {
                              ++asked;
                              return failed("no server");
                            });
  ASSERT_FALSE(broken);
  EXPECT_NE(broken.error().what.find("trigger burst fired, its action (refuse) failed: no server"),
            std::string::npos);
  EXPECT_EQ(rig.log.entries.size(), 3u);
  const auto e = rig.log.json(2);
  EXPECT_EQ(e["kind"], "pilot_trigger");
  EXPECT_EQ(e["trigger"], "burst");
  EXPECT_EQ(e["value"]["value"], 3);
  EXPECT_EQ(e["above"], 2);
  EXPECT_EQ(e["cases"], (nlohmann::json{"k2", "k1", "k0"}));
  const auto done = watch(*rig.store, rig.log, rig.pilot, events, now,
                          [&](const Plan& p, const Fired& f) -> Result<std::string> {
                            ++asked;
                            EXPECT_EQ(p.deployment, "small");
                            return std::string("class refused by ") + name(f.action);
                          });
  ASSERT_TRUE(done) << done.error().what;
  EXPECT_TRUE(done->empty()) << "it had fired before";
  ASSERT_TRUE(watch(*rig.store, rig.log, rig.pilot, events, now,
                    [&](const Plan&, const Fired&) -> Result<std::string> {
                      ++asked;
                      return std::string("again");
                    }));
  EXPECT_EQ(asked, 2);
  EXPECT_EQ(rig.log.entries.size(), 3u) << "logged once";
  EXPECT_EQ(rig.store->fired(rig.pilot.started.id)->front().acted, "class refused by refuse");
}

TEST(Card, empty_fields_are_refused_by_name) {
  const auto none = read_card(new_card(), "card.toml");
  ASSERT_FALSE(none);
  EXPECT_EQ(
      none.error().what,
      "card.toml: empty: learnt, evidence_for, evidence_against, decided_by, data, alternatives.extend, "
      "alternatives.simplify, alternatives.stop");
  const auto some = read_card(
      "learnt='a'\nevidence_for='b'\nevidence_against=' '\ndecided_by='c'\ndata='d'\n"
      "[alternatives]\nextend='e'\nsimplify='f'\nstop='g'\n",
      "card.toml");
  ASSERT_FALSE(some);
  EXPECT_EQ(some.error().what, "card.toml: empty: evidence_against");
  EXPECT_FALSE(read_card("learned='x'", "card.toml"));
}

}  // namespace
}  // namespace bw::pilot
