// A child's output, progress, last words and end come back whole, and it never outlives its parent. Oracle:
// /bin/sh.
#include "speed/process.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

namespace {
using namespace bw;
using namespace bw::speed;

Result<Ended> sh(const std::string& script, const std::string& input = {},
                 const std::function<void(std::string_view)>& line = {}) {
  return run_child("/bin/sh", {"-c", script}, input, line);
}

TEST(Process, input_goes_in_and_output_comes_back) {
  const auto e = sh("cat; echo bad >&2; exit 3", "hello");
  ASSERT_TRUE(e);
  EXPECT_EQ(e->output, "hello");
  EXPECT_EQ(e->last_words, "bad\n");
  EXPECT_EQ(e->exit_code, 3);
  EXPECT_EQ(e->signal, 0);
}

TEST(Process, more_than_a_pipe_holds_passes_both_ways_at_its_end) {
  const auto e = sh("head -c 3000000 /dev/zero; head -c 100000 /dev/zero | tr '\\0' x >&2; printf end >&2");
  ASSERT_TRUE(e);
  EXPECT_EQ(e->output.size(), 3000000u);
  EXPECT_LE(e->last_words.size(), 2000u);
  EXPECT_EQ(e->last_words.substr(e->last_words.size() - 4), "xend");
}

TEST(Process, a_child_that_reads_nothing_does_not_kill_the_parent) {
  const auto e = sh("exec true", std::string(1 << 20, 'x'));
  ASSERT_TRUE(e);
  EXPECT_EQ(e->exit_code, 0);
}

TEST(Process, progress_arrives_line_by_line) {
  std::vector<std::string> lines;
  ASSERT_TRUE(sh("printf 'one\\ntw' >&3; printf 'o\\nunended' >&3", "",
                 [&](std::string_view l) { lines.emplace_back(l); }));
  EXPECT_EQ(lines, (std::vector<std::string>{"one", "two"}));
}

TEST(Process, an_end_by_signal_is_told) {
  const auto e = sh("kill -SEGV $$");
  ASSERT_TRUE(e);
  EXPECT_EQ(e->signal, SIGSEGV);
  EXPECT_EQ(e->exit_code, -1);
  EXPECT_FALSE(e->out_of_memory);
}

TEST(Process, a_program_that_is_not_there_is_an_error_that_names_it) {
  const auto e = run_child("/nonexistent/bitworth", {"child-measure"}, "", {});
  ASSERT_FALSE(e);
  EXPECT_NE(e.error().what.find("/nonexistent/bitworth"), std::string::npos);
}

TEST(Process, the_child_dies_with_its_parent) {
  // This process becomes the one that orphans are handed to, so that it can see how the grandchild ended.
  ASSERT_EQ(::prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
  int pipe_fds[2];
  ASSERT_EQ(::pipe(pipe_fds), 0);
  const pid_t parent = ::fork();
  ASSERT_GE(parent, 0);
  if (parent == 0) {
    (void)sh("echo $$ >&3; exec sleep 15", "", [&](std::string_view pid) {
      [[maybe_unused]] const ssize_t n = ::write(pipe_fds[1], pid.data(), pid.size());
      ::kill(::getpid(), SIGKILL);
    });
    ::_exit(1);
  }
  ::close(pipe_fds[1]);
  char text[32] = {};
  ASSERT_GT(::read(pipe_fds[0], text, sizeof text - 1), 0);
  ::close(pipe_fds[0]);
  int raw = 0;
  ASSERT_EQ(::waitpid(parent, &raw, 0), parent);
  const pid_t child = std::atoi(text);
  ASSERT_GT(child, 0);
  ASSERT_EQ(::waitpid(child, &raw, 0), child);
  EXPECT_TRUE(WIFSIGNALED(raw) && WTERMSIG(raw) == SIGKILL);
  ::prctl(PR_SET_CHILD_SUBREAPER, 0);
}
}  // namespace
