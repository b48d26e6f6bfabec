#include "review/queue.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>
#include <thread>

namespace bw::review {
namespace {

constexpr uint64_t kNow = 1796108400000;  // 2026-12-01 07:00 UTC

struct Folder {
  std::filesystem::path path;
  Folder() {
    std::string name = std::filesystem::temp_directory_path() / "bw_review_XXXXXX";
    path = mkdtemp(name.data());
  }
  ~Folder() { std::filesystem::remove_all(path); }
  std::string queue() const { return queue_path(path); }
};

Item item(const std::string& answer) {
  Item i;
  i.answer_id = answer;
  i.class_name = "extract";
  i.messages_json = R"([{"role":"user","content":"book a table"}])";
  i.attempts = {{"small", R"({"city":"Roma"})", {{"schema", "no field \"city\""}}},
                {"careful", R"({"town":"Roma"})", {}}};
  i.why = "every attempt failed its checks";
  i.created_ms = kNow;
  return i;
}
Decision rejection() {
  return {.state = Item::State::rejected,
          .reason = "not a booking",
          .reviewer = "Ada",
          .seconds = 12.5,
          .at_ms = kNow + 9000};
}

TEST(Queue, an_item_comes_back_as_it_was_put_after_opening_again) {
  const Folder f;
  Item put = item("ans_1");
  put.attempts[0].text = std::string("zero \0 and\x01", 11);
  int64_t id = 0;
  {
    auto q = Queue::open(f.queue());
    ASSERT_TRUE(q) << q.error().what;
    id = *(*q)->add(put);
  }
  auto q = Queue::open(f.queue());
  ASSERT_TRUE(q);
  const auto got = (*q)->get(id);
  ASSERT_TRUE(got && *got);
  EXPECT_EQ((*got)->answer_id, "ans_1");
  EXPECT_EQ((*got)->messages_json, put.messages_json);
  ASSERT_EQ((*got)->attempts.size(), 2u);
  EXPECT_EQ((*got)->attempts[0].text, put.attempts[0].text);
  EXPECT_EQ((*got)->attempts[0].failed, put.attempts[0].failed);
  EXPECT_EQ((*got)->created_ms, kNow);
  EXPECT_EQ((*got)->state, Item::State::waiting);
  EXPECT_EQ((*(*q)->by_answer("ans_1"))->id, id);
  EXPECT_FALSE(*(*q)->by_answer("ans_2"));
  EXPECT_FALSE(*(*q)->get(id + 1));
}

TEST(Queue, an_answer_waits_once) {
  auto q = *Queue::open("");
  const int64_t id = *q->add(item("ans_1"));
  EXPECT_EQ(*q->add(item("ans_1")), id);
  Item other = item("ans_1");
  other.attempts.pop_back();
  const auto refused = q->add(other);
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().what.find("ans_1"), std::string::npos);
}

TEST(Queue, what_nobody_could_review_is_refused) {
  auto q = *Queue::open("");
  Item none = item("ans_1");
  none.attempts.clear();
  EXPECT_FALSE(q->add(none));
  EXPECT_FALSE(q->add(item("")));
  Item timeless = item("ans_2");
  timeless.created_ms = 0;
  EXPECT_FALSE(q->add(timeless));
  Item huge = item("ans_3");
  huge.attempts[0].text.assign(kMaxText + 1, 'x');
  EXPECT_FALSE(q->add(huge));
}

TEST(Queue, a_decision_is_made_once_and_says_by_whom) {
  auto q = *Queue::open("");
  const int64_t id = *q->add(item("ans_1"));
  const auto decided = q->decide(id, rejection());
  ASSERT_TRUE(decided) << decided.error().what;
  EXPECT_EQ(decided->state, Item::State::rejected);
  EXPECT_EQ(decided->seconds, 12.5);
  EXPECT_TRUE(decided->timed);
  const auto again = q->decide(id, rejection());
  ASSERT_FALSE(again);
  EXPECT_NE(again.error().what.find("already rejected by Ada at 2026-12-01 07:00 UTC"), std::string::npos)
      << again.error().what;
  EXPECT_FALSE(q->decide(id + 1, rejection()));
}

TEST(Queue, a_decision_without_its_parts_is_refused_and_changes_nothing) {
  auto q = *Queue::open("");
  const int64_t id = *q->add(item("ans_1"));
  const auto refused = [&](const std::function<void(Decision&)>& change, const std::string& says) {
    Decision d = rejection();
    change(d);
    const auto r = q->decide(id, d);
    ASSERT_FALSE(r) << says;
    EXPECT_NE(r.error().what.find(says), std::string::npos) << r.error().what;
    EXPECT_EQ((*q->get(id))->state, Item::State::waiting);
  };
  refused([](Decision& d) { d.reason.clear(); }, "needs its reason");
  refused([](Decision& d) { d.reviewer.clear(); }, "who decides");
  refused([](Decision& d) { d.at_ms = 0; }, "moment");
  refused([](Decision& d) { d.seconds = -1; }, "seconds");
  refused([](Decision& d) { d.reason = "\xFF"; }, "UTF-8");
  refused([](Decision& d) { d.state = Item::State::corrected; }, "corrected text");
  refused([](Decision& d) { d.state = Item::State::corrected, d.text = R"({"town":"Roma"})"; },
          "attempt 2 unchanged");
  refused([](Decision& d) { d.state = Item::State::accepted, d.attempt = 2; }, "no attempt 3");
  refused([](Decision& d) { d.state = Item::State::accepted; }, "no attempt 0");
  refused([](Decision& d) { d.state = Item::State::waiting; }, "accepts, corrects or rejects");
}

TEST(Queue, time_that_nobody_measured_is_not_counted_as_none) {
  auto q = *Queue::open("");
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(q->add(item("ans_" + std::to_string(i))));
  Decision accept{.state = Item::State::accepted, .attempt = 1, .reviewer = "Ada", .at_ms = kNow + 1};
  ASSERT_TRUE(q->decide(1, accept));
  ASSERT_TRUE(q->decide(2, rejection()));
  const auto c = *q->counts();
  EXPECT_EQ(c.waiting, 1u);
  EXPECT_EQ(c.accepted, 1u);
  EXPECT_EQ(c.rejected, 1u);
  EXPECT_EQ(c.seconds, 12.5);
  EXPECT_EQ(c.timed, 1u);
  EXPECT_FALSE((*q->get(1))->timed);
  EXPECT_EQ((*q->get(1))->text, R"({"town":"Roma"})") << "of the attempt that was accepted";
}

TEST(Queue, lists_by_state_and_page_by_page) {
  auto q = *Queue::open("");
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(q->add(item("ans_" + std::to_string(i))));
  ASSERT_TRUE(q->decide(2, rejection()));
  EXPECT_EQ(q->list({}, 100)->size(), 5u);
  const auto first = *q->list(Item::State::waiting, 2);
  ASSERT_EQ(first.size(), 2u);
  EXPECT_EQ(first[1].id, 3);
  const auto rest = *q->list(Item::State::waiting, 100, first[1].id);
  ASSERT_EQ(rest.size(), 2u);
  EXPECT_EQ(rest[0].id, 4);
}

TEST(Queue, of_two_who_decide_at_once_one_is_told_that_it_is_late) {
  const Folder f;
  auto a = *Queue::open(f.queue()), b = *Queue::open(f.queue());
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(a->add(item("ans_" + std::to_string(i))));
  std::atomic<int> saved = 0, late = 0;
  const auto work = [&](Queue& q, const std::string& who) {
    for (int id = 1; id <= 20; ++id) {
      Decision d = rejection();
      d.reviewer = who;
      const auto r = q.decide(id, d);
      (r ? saved : late)++;
      if (!r) {
        EXPECT_NE(r.error().what.find("already rejected"), std::string::npos) << r.error().what;
      }
    }
  };
  std::thread other([&] { work(*b, "Bo"); });
  work(*a, "Ada");
  other.join();
  EXPECT_EQ(saved, 20);
  EXPECT_EQ(late, 20);
}

TEST(Queue, a_decision_that_was_told_survives_a_kill) {
  const Folder f;
  {
    auto q = *Queue::open(f.queue());
    for (int i = 0; i < 200; ++i) ASSERT_TRUE(q->add(item("ans_" + std::to_string(i))));
  }
  int pipes[2];
  ASSERT_EQ(pipe(pipes), 0);
  const pid_t child = fork();
  if (child == 0) {
    auto q = Queue::open(f.queue());
    for (int id = 1; q && id <= 200; ++id) {
      if (!(*q)->decide(id, rejection())) break;
      if (write(pipes[1], "x", 1) != 1) break;
    }
    _exit(0);
  }
  close(pipes[1]);
  char byte;
  int told = 0;
  while (told < 5 && read(pipes[0], &byte, 1) == 1) ++told;
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  while (read(pipes[0], &byte, 1) == 1) ++told;
  close(pipes[0]);
  auto q = Queue::open(f.queue());
  ASSERT_TRUE(q) << q.error().what;
  const auto counts = *(*q)->counts();
  EXPECT_GE(counts.rejected, uint64_t(told));
  EXPECT_LE(counts.rejected, uint64_t(told) + 1) << "one may be saved and not told";
  EXPECT_EQ(counts.waiting + counts.rejected, 200u);
}

TEST(Export, holds_what_a_person_stands_behind_as_tasks) {
  auto q = *Queue::open("");
  for (int i = 0; i < 4; ++i) ASSERT_TRUE(q->add(item("ans_" + std::to_string(i))));
  ASSERT_TRUE(q->decide(1, {.state = Item::State::accepted, .attempt = 1, .reviewer = "Ada", .at_ms = kNow}));
  ASSERT_TRUE(q->decide(
      2,
      {.state = Item::State::corrected, .text = "{\"town\":\"Rome\"}\n", .reviewer = "Ada", .at_ms = kNow}));
  ASSERT_TRUE(q->decide(3, rejection()));
  const std::string lines = *export_tasks(*q);
  std::vector<nlohmann::json> tasks;
  for (size_t begin = 0; begin < lines.size();) {
    const size_t end = lines.find('\n', begin);
    tasks.push_back(nlohmann::json::parse(lines.substr(begin, end - begin)));
    begin = end + 1;
  }
  ASSERT_EQ(tasks.size(), 2u);
  EXPECT_EQ(tasks[0]["truth"], R"({"town":"Roma"})");
  EXPECT_EQ(tasks[0]["tags"], nlohmann::json({"review", "accepted", "by careful"}));
  EXPECT_EQ(tasks[1]["id"], "ans_1");
  EXPECT_EQ(tasks[1]["category"], "extract");
  EXPECT_EQ(tasks[1]["truth"], "{\"town\":\"Rome\"}\n");
  EXPECT_EQ(tasks[1]["messages"][0]["content"], "book a table");
}

}  // namespace
}  // namespace bw::review
