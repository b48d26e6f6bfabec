// A whole pilot, scripted: from the plan to the decision, over a log, a queue and a store on the disk. The
// answers are drawn from a seed, the people are simulated; what is checked is the way, and every figure
// against a count of its own.
#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <random>

#include "audit/log.h"
#include "base/file.h"
#include "base/hash.h"
#include "pilot/standing.h"
#include "pilot/testing.h"
#include "report/report.h"

namespace bw::pilot {
namespace {

using testing::answer;
using testing::at;
using testing::kPlan;
using testing::with;

constexpr int64_t kMinute = 60'000, kHour = 60 * kMinute, kDay = 24 * kHour;

struct Folder {
  std::filesystem::path path;
  Folder() {
    std::string name = std::filesystem::temp_directory_path() / "bw_pilot_XXXXXX";
    path = mkdtemp(name.data());
  }
  ~Folder() { std::filesystem::remove_all(path); }
};

class OfLog : public Journal {
 public:
  explicit OfLog(audit::Log& log) : log_(log) {}
  Result<uint64_t> append(const std::string& json) override { return log_.append(json); }
  Result<std::string> sign() override {
    BW_TRY(const audit::Checkpoint c, log_.checkpoint());
    return c.note;
  }
  uint64_t size() const override { return log_.size(); }
  Result<std::string> entry(uint64_t i) const override { return log_.entry(i); }

 private:
  audit::Log& log_;
};

TEST(WholePilot, from_the_plan_to_the_decision_with_a_trigger_that_takes_it_back) {
  const Folder folder;
  auto log = *audit::Log::open(folder.path / "log");
  auto store = *Store::open(store_path(folder.path));
  auto queue = *review::Queue::open(review::queue_path(folder.path));
  OfLog journal(*log);
  std::mt19937 random(20261201);
  const auto chance = [&](double p) { return random() < p * 4294967296.0; };

  // Answers of before the plan: never counted.
  for (int i = 0; i < 5; ++i)
    ASSERT_TRUE(journal.append(answer("ans_old" + std::to_string(i), at("2026-12-01T09:00:00Z"))));
  ASSERT_TRUE(start(*store, journal, *parse(kPlan, "desk.toml"), at("2026-12-01T06:00:00Z")));
  const Running pilot = *running(*store);

  // Fourteen days of 30 answers. On the sixth day the small deployment gets worse (a template was changed);
  // when the trigger fires, its action puts the careful one in its place.
  bool careful = false;
  int64_t undone_ms = 0;
  int n_answers = 0, n_person = 0, n_failures = 0, n_first = 0, n_undone = 0;
  double minutes = 0;
  for (int day = 0; day < 14; ++day) {
    std::string reported;
    for (int i = 0; i < 30; ++i) {
      const int64_t ms = at("2026-12-01T08:00:00Z") + day * kDay + i * 15 * kMinute;
      const std::string id = "ans_" + std::to_string(day * 100 + i);
      const std::string of = i % 3 == 0 ? "summarise" : "extract";
      const bool to_person = of == "summarise" && chance(0.4);
      const int attempts = to_person ? 4 : chance(0.1) ? 2 : 1;
      ASSERT_TRUE(journal.append(answer(id, ms, to_person ? "person" : "answered", of, attempts)));
      ++n_answers;
      n_person += to_person;
      n_first += !to_person && attempts == 1;
      if (to_person) {  // reviewed half an hour later
        review::Item item;
        item.answer_id = id;
        item.class_name = of;
        item.messages_json = R"([{"role":"user","content":"x"}])";
        item.attempts = {{"small", "<b>a</b>", {{"schema", "no field"}}}, {"careful", "b", {}}};
        item.created_ms = uint64_t(ms);
        const auto number = queue->add(item);
        ASSERT_TRUE(number) << number.error().what;
        const double seconds = 60 + double(random() % 120);
        minutes += seconds / 60;
        ASSERT_TRUE(queue->decide(*number, {.state = review::Item::State::corrected,
                                            .text = "right " + id,
                                            .reason = "names",
                                            .reviewer = "simulated",
                                            .seconds = seconds,
                                            .at_ms = uint64_t(ms + 30 * kMinute)}));
      } else if (chance(careful ? 0.005 : day >= 5 ? 0.25 : 0.01)) {
        ++n_failures;
        nlohmann::json line = {{"time", rfc3339(uint64_t(ms + 2 * kHour))},
                               {"case", id},
                               {"kind", "failure"},
                               {"category", "missing_value"},
                               {"note", "the <date> is not there"},
                               {"who", "simulated"}};
        reported += line.dump() + "\n";
      }
      if (i < 10) {  // the desk times ten cases a day with a stopwatch
        nlohmann::json line = {{"time", rfc3339(uint64_t(ms + kHour))},
                               {"case", id},
                               {"kind", "after"},
                               {"measure", "minutes"},
                               {"value", 1 + double(random() % 30) / 10}};
        reported += line.dump() + "\n";
        line["measure"] = "wrong";
        line["value"] = chance(0.02) ? 1 : 0;
        reported += line.dump() + "\n";
      }
    }
    // In the evening what people wrote down is taken in, twice by mistake, and the triggers are looked at.
    const int64_t evening = at("2026-12-01T20:00:00Z") + day * kDay;
    const auto taken = take(*store, journal, pilot, reported, "day.jsonl", evening);
    ASSERT_TRUE(taken) << taken.error().what;
    const uint64_t entries = journal.size();
    ASSERT_TRUE(take(*store, journal, pilot, reported, "day.jsonl", evening));
    ASSERT_EQ(journal.size(), entries) << "nothing new, no entry";
    const auto g = gather(*store, journal, queue.get(), pilot);
    ASSERT_TRUE(g) << g.error().what;
    const auto fired = watch(*store, journal, pilot, g->events, evening,
                             [&](const Plan& p, const Fired& f) -> Result<std::string> {
                               EXPECT_EQ(p.deployment, "small");
                               EXPECT_EQ(f.action, Action::undo);
                               ++n_undone;
                               careful = true;
                               undone_ms = evening;
                               return std::string("small taken back");
                             });
    ASSERT_TRUE(fired) << fired.error().what;
    if (day < 5) {
      ASSERT_EQ(n_undone, 0) << "a good week fires nothing, day " << day;
    }
  }
  EXPECT_EQ(n_undone, 1) << "once, however often it is looked at";
  EXPECT_LE(undone_ms, at("2026-12-08T20:00:00Z")) << "within two days of getting worse";

  // How it stands, against the script's own counts.
  const int64_t now = at("2026-12-15T10:00:00Z");
  const Gathered g = *gather(*store, journal, queue.get(), pilot);
  const auto text_of = [](const std::string& sha256) {
    return std::optional<std::string>("text of " + sha256);
  };
  const Standing s = standing(pilot, g, *store->fired(pilot.started.id), now, text_of);
  EXPECT_EQ(s.n_cases, n_answers);
  EXPECT_EQ(n_answers, 420);
  EXPECT_NEAR(s.days_left, 7.0 / 24, 1e-9);
  ASSERT_EQ(s.classes.size(), 2u);
  double first = 0, person = 0, spent = 0;
  for (const ClassStatus& c : s.classes) {
    first += c.first_time.value * double(c.n);
    person += c.needs_person.value * double(c.n);
    spent += (4.0 - c.saved_minutes.value) * double(*c.saved_minutes.n);
    EXPECT_EQ(c.saved_minutes.birth, Birth::derived);
  }
  EXPECT_NEAR(first, n_first, 1e-9);
  EXPECT_NEAR(person, n_person + n_failures, 1e-9);
  EXPECT_NEAR(spent, minutes, 1e-6);
  EXPECT_EQ(s.classes[1].name, "summarise");
  EXPECT_EQ(s.classes[1].word, ClassStatus::Word::person);
  ASSERT_EQ(s.failures.size(), 2u);
  EXPECT_EQ(s.failures[0].name, "missing_value");
  EXPECT_EQ(int(s.failures[0].cases.size()), n_failures);
  EXPECT_NEAR(s.failures[0].share.value, n_failures / 420.0, 1e-12);
  EXPECT_EQ(s.failures[0].cases[0].text.rfind("text of dans_", 0), 0u);
  for (const MeasureStatus& m : s.measures) {
    if (m.measure.name == "minutes") {
      EXPECT_EQ(m.all.word, Word::shown);
      EXPECT_EQ(m.all.n, 140);
      EXPECT_EQ(m.by_class.size(), 2u);
    }
    if (m.measure.name == "handed_over") {
      EXPECT_EQ(m.all.word, Word::shown);
      EXPECT_NEAR(m.all.after.value, n_person / 420.0, 1e-12);
    }
    if (m.measure.name == "wrong") {
      EXPECT_EQ(m.all.why, "140 of 200 cases");
    }
  }
  ASSERT_TRUE(s.triggers[1].fired || s.triggers[2].fired);

  // The page: four questions, the failures, nothing that a text could do.
  const report::Document d = document(s);
  const std::string page = report::html(d), text = report::text(d, {});
  for (const char* question : {"Where is time gained?", "Where does risk rise?", "What can be standardised?",
                               "What stays with human judgement?"}) {
    EXPECT_NE(page.find(question), std::string::npos);
    EXPECT_NE(text.find(question), std::string::npos);
  }
  EXPECT_NE(page.find("the &lt;date&gt; is not there"), std::string::npos);
  EXPECT_EQ(page.find("<script"), std::string::npos);
  EXPECT_EQ(page.find("<b>a</b>"), std::string::npos);
  EXPECT_NE(text.find("0.3 days left"), std::string::npos) << text;
  EXPECT_NE(page.find("small taken back"), std::string::npos);
  const auto j = nlohmann::json::parse(standing_json(s));
  EXPECT_EQ(j["measures"]["minutes"]["word"], "shown");
  EXPECT_EQ(j["failures"]["missing_value"]["share"]["birth"], "measured");

  // The decision.
  const Card card = *read_card(
      "learnt='extraction holds, summaries do not'\nevidence_for='minutes'\nevidence_against='day 6'\n"
      "decided_by='Maria Rossi'\ndata='kept for a year'\n[alternatives]\nextend='a fixed template'\n"
      "simplify='extract alone'\nstop='nothing'\n",
      "card.toml");
  const auto make = [&] {
    return report::html(document(s, Decision::simplify, "summaries <need> people", card));
  };
  EXPECT_FALSE(decide(*store, journal, pilot, Decision::simplify, " ", card, now, make))
      << "without a reason";
  const auto html =
      decide(*store, journal, pilot, Decision::simplify, "summaries <need> people", card, now, make);
  ASSERT_TRUE(html) << html.error().what;
  EXPECT_NE(html->find("summaries &lt;need&gt; people"), std::string::npos);
  EXPECT_NE(html->find("extraction holds, summaries do not"), std::string::npos);
  const auto last = nlohmann::json::parse(*journal.entry(journal.size() - 1));
  EXPECT_EQ(last["kind"], "pilot_decision");
  EXPECT_EQ(last["decision"], "simplify");
  EXPECT_EQ(last["page_sha256"], sha256_hex(*html));
  EXPECT_EQ(last["start_entry"], 5);
  EXPECT_FALSE(running(*store)) << "it is over";
  EXPECT_FALSE(decide(*store, journal, pilot, Decision::stop, "again", card, now, make));
  EXPECT_EQ((*store->all())[0].decision, "simplify");
  EXPECT_TRUE(start(*store, journal, *parse(with("name = \"desk\"", "name = \"desk 2\""), "p"), now))
      << "another may begin";

  // And all of it verifies offline.
  const std::string key = log->public_key();
  log.reset();
  const auto verified = audit::verify(folder.path / "log", key);
  ASSERT_TRUE(verified) << verified.error().what;
  EXPECT_GE(verified->n_checkpoints, 3u);
}

// ---- words of a class, by hand: Wilson at 90 %, z^2 = 2.7055; 0 of n has the upper bound z^2 / (n + z^2):
// 0.02 at n = 132.6. 8 of 100: lower bound (16 + 2.7055 - 1.6449 sqrt(2.7055 + 32 * 0.92)) / 205.41 = 0.0457.
TEST(Standing, a_class_is_standard_with_a_person_or_open) {
  Running r{{}, *parse(kPlan, "p")};
  Gathered g;
  const auto add = [&](const std::string& of, int n, int to_person) {
    for (int i = 0; i < n; ++i) {
      const auto a = answer_of(answer(of + std::to_string(i), at("2026-12-02T08:00:00Z") + i,
                                      i < to_person ? "person" : "answered", of));
      g.answers.push_back(**a);
      for (Event& e : events_of(**a, i)) g.events.push_back(e);
    }
  };
  add("a133", 133, 0);
  add("b132", 132, 0);
  add("c100", 100, 8);
  add("d300", 300, 6);
  const Standing s = standing(r, g, {}, at("2026-12-03T08:00:00Z"));
  ASSERT_EQ(s.classes.size(), 4u);
  EXPECT_EQ(s.classes[0].word, ClassStatus::Word::standard);
  EXPECT_EQ(s.classes[1].word, ClassStatus::Word::open);
  EXPECT_EQ(s.classes[1].why, "too few cases to say it of any class");
  EXPECT_EQ(s.classes[2].word, ClassStatus::Word::person);
  EXPECT_NEAR(*s.classes[2].needs_person.low, 0.0457, 1e-4);
  EXPECT_EQ(s.classes[3].word, ClassStatus::Word::open) << "6 of 300 is 2 %";
  EXPECT_EQ(s.classes[3].why, "the interval holds both answers");
  EXPECT_EQ(s.classes[2].saved_minutes.reason.find("8 wait or were not timed") != std::string::npos, true);
}

TEST(Standing, a_failure_that_comes_more_often_in_the_later_half_rises) {
  Running r{{}, *parse(kPlan, "p")};
  Gathered g;
  for (int i = 0; i < 200; ++i) {
    Event e;
    e.at_ms = at("2026-12-02T08:00:00Z") + i;
    e.case_id = "k" + std::to_string(i);
    e.what = "minutes";
    e.value = 2;
    g.events.push_back(e);
    if (i % 50 == 0 || (i > 100 && i % 8 == 0)) {
      e.kind = Event::Kind::failure;
      e.what = "missing_value";
      g.events.push_back(e);
    }
  }
  const Standing s = standing(r, g, {}, at("2026-12-03T08:00:00Z"));
  EXPECT_EQ(s.n_cases, 200);
  EXPECT_TRUE(s.failures[0].rises);
  EXPECT_NEAR(s.failures[0].trend.value, (2 + 12) / 100.0 - 2 / 100.0, 0.011);
  EXPECT_FALSE(s.failures[1].rises);
}

TEST(Standing, nothing_yet_is_said_as_unknown_and_not_as_zero) {
  Running r{{}, *parse(kPlan, "p")};
  const Standing s = standing(r, {}, {}, at("2026-12-03T08:00:00Z"));
  for (const MeasureStatus& m : s.measures) EXPECT_FALSE(m.all.after.known());
  for (const FailureStatus& f : s.failures) EXPECT_FALSE(f.share.known());
  EXPECT_NE(report::text(document(s), {}).find("unknown(no case"), std::string::npos);
}

}  // namespace
}  // namespace bw::pilot
