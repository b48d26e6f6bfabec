// Idempotency keys and kept answers, across the end of a server too.
#include "serve/answers.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>

#include <atomic>
#include <future>
#include <thread>

#include "serve/testing.h"

namespace bw::serve {
namespace {
using What = Claimed::What;

Claimed claim(Answers& a, const std::string& id, const std::string& key, const std::string& request) {
  std::promise<Claimed> got;
  a.claim({id, key, request}, [&](Result<Claimed> c) {
    EXPECT_TRUE(c) << c.error().what;
    got.set_value(c ? *c : Claimed{});
  });
  return got.get_future().get();
}
void answer(Answers& a, const std::string& id, const std::string& text, const std::string& entry = "[]") {
  std::promise<bool> done;
  a.answered(id, text, entry, [&](const Status& s) { done.set_value(bool(s)); });
  EXPECT_TRUE(done.get_future().get());
}
std::unique_ptr<Answers> open(const std::string& path) {
  auto a = Answers::open(path);
  EXPECT_TRUE(a) << a.error().what;
  return *std::move(a);
}

TEST(Answers, AKeyIsExecutedOnceAndThenReplayed) {
  TestFolder folder;
  const auto a = open(folder.path + "/answers.db");
  EXPECT_EQ(claim(*a, "ans_1", "key", "request").what, What::yours);
  EXPECT_EQ(claim(*a, "ans_2", "key", "request").what, What::running);
  EXPECT_EQ(claim(*a, "ans_3", "key", "another request").what, What::different);
  answer(*a, "ans_1", "the answer");
  const Claimed again = claim(*a, "ans_4", "key", "request");
  EXPECT_EQ(again.what, What::answered);
  EXPECT_EQ(again.id, "ans_1");
  EXPECT_EQ(again.answer, "the answer");
  EXPECT_EQ(again.log_index, -1);
  EXPECT_EQ(claim(*a, "ans_5", "key", "another request").what, What::different);
}

TEST(Answers, AReleasedKeyIsFree) {
  TestFolder folder;
  const auto a = open(folder.path + "/answers.db");
  EXPECT_EQ(claim(*a, "ans_1", "key", "request").what, What::yours);
  std::promise<void> done;
  a->release("ans_1", [&](const Status&) { done.set_value(); });
  done.get_future().get();
  EXPECT_EQ(claim(*a, "ans_2", "key", "another request").what, What::yours);
}

TEST(Answers, WhatWasAnsweredIsReplayedByTheNextServer) {
  TestFolder folder;
  {
    const auto a = open(folder.path + "/answers.db");
    EXPECT_EQ(claim(*a, "ans_1", "key", "request").what, What::yours);
    answer(*a, "ans_1", "the answer", R"(["entry"])");
  }
  const auto a = open(folder.path + "/answers.db");
  const auto unlogged = a->unlogged();
  ASSERT_TRUE(unlogged);
  ASSERT_EQ(unlogged->size(), 1u);
  EXPECT_EQ((*unlogged)[0].entry, R"(["entry"])");
  a->logged("ans_1", 42);
  const Claimed again = claim(*a, "ans_2", "key", "request");
  EXPECT_EQ(again.what, What::answered);
  EXPECT_EQ(again.log_index, 42);
  EXPECT_TRUE(a->unlogged()->empty());
}

TEST(Answers, AKeyWhoseServerWasKilledMayBeExecutedByTheNext) {
  TestFolder folder;
  const std::string path = folder.path + "/answers.db";
  const pid_t child = ::fork();
  if (child == 0) {
    const auto a = Answers::open(path);
    std::promise<void> done;
    (*a)->claim({"ans_1", "key", "request"}, [&](const Result<Claimed>&) { done.set_value(); });
    done.get_future().get();
    ::kill(::getpid(), SIGKILL);
  }
  ::waitpid(child, nullptr, 0);
  const auto a = open(path);
  EXPECT_EQ(claim(*a, "ans_2", "key", "another request").what, What::different);
  const Claimed mine = claim(*a, "ans_3", "key", "request");
  EXPECT_EQ(mine.what, What::yours);
  EXPECT_TRUE(mine.interrupted);
  EXPECT_EQ(claim(*a, "ans_4", "key", "request").what, What::running);
}

TEST(Answers, OldOnesAreForgottenOnlyOnceTheyAreLogged) {
  TestFolder folder;
  const auto a = open(folder.path + "/answers.db");
  for (const char* key : {"1", "2"}) {
    claim(*a, std::string("ans_") + key, key, "request");
    answer(*a, std::string("ans_") + key, key);
  }
  a->logged("ans_1", 1);
  claim(*a, "ans_3", "3", "request");  // a barrier: jobs are done in order
  ASSERT_TRUE(a->forget_before(ms_since_1970() + 1000));
  EXPECT_EQ(claim(*a, "ans_4", "1", "request").what, What::yours);
  EXPECT_EQ(claim(*a, "ans_5", "2", "request").what, What::answered);
}

TEST(Answers, IdsAndSeedsAreFreshAndSeedsFitEveryReaderOfJson) {
  EXPECT_NE(new_answer_id(), new_answer_id());
  EXPECT_EQ(new_answer_id().size(), 28u);
  for (int i = 0; i < 100; ++i) EXPECT_LT(fresh_seed(), uint64_t{1} << 53);
  EXPECT_NE(fresh_seed(), fresh_seed());
}

TEST(Answers, ManyThreadsClaimingOneKeyGiveItToOne) {
  TestFolder folder;
  const auto a = open(folder.path + "/answers.db");
  std::atomic<int> yours{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 16; ++i)
    threads.emplace_back([&, i] {
      if (claim(*a, "ans_" + std::to_string(i), "key", "request").what == What::yours) ++yours;
    });
  for (std::thread& t : threads) t.join();
  EXPECT_EQ(yours, 1);
}

}  // namespace
}  // namespace bw::serve
