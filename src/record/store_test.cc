// The store: what was saved is found after a kill, a full disk or a second run, and nothing else.
// Oracle: a child process that is killed with SIGKILL after it acknowledged its saves over a pipe; setrlimit.
#include "record/store.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace bw::record {
namespace {

struct Stores : testing::Test {
  std::string path;
  void SetUp() override {
    const auto* info = testing::UnitTest::GetInstance()->current_test_info();
    path = testing::TempDir() + "/bitworth_store_" + std::to_string(getpid()) + "_" + info->name() +
           "/a/store.db";
  }
  void TearDown() override {
    std::filesystem::remove_all(std::filesystem::path(path).parent_path().parent_path());
  }
  std::unique_ptr<Store> open(bool resume) {
    auto s = Store::open(path, resume);
    EXPECT_TRUE(s) << s.error().what;
    return s ? std::move(*s) : nullptr;
  }
};

TEST_F(Stores, finds_what_it_saved_and_the_last_of_two_under_one_key) {
  auto s = open(false);
  EXPECT_FALSE(s->find("a"));
  EXPECT_TRUE(s->save("a", "{\"x\": 1}"));
  EXPECT_TRUE(s->save("a", "{\"x\": 2}"));
  EXPECT_EQ(s->find("a"), "{\"x\": 2}");
  const std::string hostile("a'; DROP TABLE work; -- \0 b", 26);
  EXPECT_TRUE(s->save(hostile, hostile));
  EXPECT_EQ(s->find(hostile), hostile);
  EXPECT_EQ(s->find("a"), "{\"x\": 2}");
}

TEST_F(Stores, an_earlier_run_is_found_only_on_resume) {
  EXPECT_TRUE(open(false)->save("a", "1"));
  EXPECT_EQ(open(true)->find("a"), "1");
  auto fresh = open(false);
  EXPECT_FALSE(fresh->find("a")) << "without --resume everything is done again";
  EXPECT_TRUE(fresh->save("a", "2"));
  EXPECT_EQ(fresh->find("a"), "2") << "but within one run nothing is done twice";
  EXPECT_EQ(open(true)->find("a"), "2");
}

TEST_F(Stores, a_killed_process_loses_nothing_it_was_told_is_saved) {
  int acknowledged[2];
  ASSERT_EQ(pipe(acknowledged), 0);
  const pid_t child = fork();
  if (child == 0) {
    auto s = Store::open(path, false);
    if (!s) _exit(1);
    for (int i = 0;; ++i) {
      if (!(*s)->save("case/" + std::to_string(i), std::string(1000, char('a' + i % 26)))) _exit(2);
      if (write(acknowledged[1], &i, sizeof i) != sizeof i) _exit(3);
    }
  }
  close(acknowledged[1]);
  int last = -1;
  for (int i = 0; i < 60; ++i) ASSERT_EQ(read(acknowledged[0], &last, sizeof last), ssize_t(sizeof last));
  kill(child, SIGKILL);
  int status = 0;
  waitpid(child, &status, 0);
  ASSERT_TRUE(WIFSIGNALED(status));
  for (int i = 0; read(acknowledged[0], &i, sizeof i) == ssize_t(sizeof i);) last = i;
  close(acknowledged[0]);
  auto s = open(true);
  for (int i = 0; i <= last; ++i)
    EXPECT_EQ(s->find("case/" + std::to_string(i)), std::string(1000, char('a' + i % 26)))
        << i << " of " << last;
  // The one being saved at the kill may be there or not; the one after it cannot.
  EXPECT_FALSE(s->find("case/" + std::to_string(last + 2)));
}

TEST_F(Stores, a_full_disk_is_an_error_that_says_how_to_resume_and_keeps_what_was_saved) {
  const pid_t child = fork();
  if (child == 0) {
    auto s = Store::open(path, false);
    if (!s || !(*s)->save("first", "kept")) _exit(1);
    signal(SIGXFSZ, SIG_IGN);
    const rlimit small{64 << 10, 64 << 10};
    setrlimit(RLIMIT_FSIZE, &small);
    for (int i = 0; i < 100; ++i) {
      const Status saved = (*s)->save("big/" + std::to_string(i), std::string(4000, 'x'));
      if (saved) continue;
      _exit(saved.error().next.find("--resume") != std::string::npos && saved.error().code == Code::failed
                ? 42
                : 2);
    }
    _exit(3);
  }
  int status = 0;
  waitpid(child, &status, 0);
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 42);
  EXPECT_EQ(open(true)->find("first"), "kept");
}

TEST_F(Stores, what_is_no_store_is_refused_and_left_alone) {
  std::filesystem::create_directories(std::filesystem::path(path).parent_path());
  std::ofstream(path) << "this is a text, long enough to be no empty database file of any kind at all, "
                         "and certainly longer than the hundred bytes of a header";
  auto s = Store::open(path, true);
  ASSERT_FALSE(s);
  EXPECT_NE(s.error().what.find(path), std::string::npos);
  std::filesystem::remove(path);

  sqlite3* db = nullptr;
  ASSERT_EQ(sqlite3_open(path.c_str(), &db), SQLITE_OK);
  sqlite3_exec(db, "CREATE TABLE theirs(x)", nullptr, nullptr, nullptr);
  sqlite3_close(db);
  s = Store::open(path, true);
  ASSERT_FALSE(s);
  EXPECT_NE(s.error().what.find("not a store of bitworth"), std::string::npos) << s.error().what;
  std::filesystem::remove(path);

  open(false);
  ASSERT_EQ(sqlite3_open(path.c_str(), &db), SQLITE_OK);
  sqlite3_exec(db, "PRAGMA user_version = 9", nullptr, nullptr, nullptr);
  sqlite3_close(db);
  s = Store::open(path, true);
  ASSERT_FALSE(s);
  EXPECT_NE(s.error().what.find("format 9"), std::string::npos) << s.error().what;
}

TEST_F(Stores, two_judges_may_share_one_store) {
  auto a = open(false), b = open(false);
  for (int i = 0; i < 20; ++i) {
    EXPECT_TRUE(a->save("a" + std::to_string(i), "1"));
    EXPECT_TRUE(b->save("b" + std::to_string(i), "2"));
  }
  auto later = open(true);
  EXPECT_EQ(later->find("a19"), "1");
  EXPECT_EQ(later->find("b19"), "2");
}

}  // namespace
}  // namespace bw::record
