// The sandbox as its users see it: what comes back, what is refused, that it fails closed at every step, as
// root and as an ordinary user. The oracle is the machine: files, processes and mounts looked at from
// outside.
#include "sandbox/sandbox.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <seccomp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <thread>

#include "base/clock.h"
#include "sandbox/plan.h"
#include "sandbox/testing.h"

namespace bw::sandbox {
namespace {

using testing::is_running;
using testing::slurp;
using Sandbox = testing::Sandboxed;

TEST_F(Sandbox, input_output_and_exit_code_come_through) {
  const auto r = run({"sh", "-c", "cat; echo to err >&2; exit 7"}, "to out");
  ASSERT_TRUE(r) << r.error().what;
  EXPECT_EQ(r->out, "to out");
  EXPECT_EQ(r->err, "to err\n");
  EXPECT_EQ(r->exit_code, 7);
  EXPECT_EQ(r->signal, 0);
  EXPECT_FALSE(r->timed_out);
  EXPECT_GT(r->ns_wall, 0u);
  RecordProperty("ms", fmt::format("{:.1f}", 1e-6 * double(r->ns_wall)));
}

TEST_F(Sandbox, four_mebibytes_of_input_arrive_and_a_mebibyte_of_output_is_whole) {
  const std::string input(4 << 20, 'x');
  const auto r = run({"sh", "-c", "wc -c; head -c 1048576 /dev/zero"}, input);
  ASSERT_TRUE(r) << r.error().what;
  EXPECT_EQ(r->out.substr(0, 8), "4194304\n");
  EXPECT_TRUE(r->output_cut) << "8 bytes more than the limit";
  EXPECT_EQ(r->out.size(), 1u << 20);
}

TEST_F(Sandbox, the_environment_the_folder_and_the_descriptors_are_its_own) {
  ::setenv("BITWORTH_TEST_SECRET", "hunter2", 1);
  const int open = ::open("/dev/null", O_RDONLY);  // not closed on exec, on purpose
  const Outcome o = python(
      "print(sorted(os.environ))\nprint(os.getcwd(), os.listdir('.'), oct(os.stat('.').st_mode & 0o777))\n"
      "def is_open(fd):\n"
      "  try: os.fstat(fd); return True\n"
      "  except OSError: return False\n"
      "print([fd for fd in range(256) if is_open(fd)])\nprint(os.uname().nodename, os.getsid(0) == "
      "os.getpid())\n");
  ::close(open);
  ::unsetenv("BITWORTH_TEST_SECRET");
  EXPECT_EQ(o.out, "['HOME', 'LANG', 'PATH', 'TMPDIR']\n/sandbox [] 0o700\n[0, 1, 2]\nsandbox True\n")
      << o.err;
}

TEST_F(Sandbox, what_it_may_read_it_may_run_and_not_change) {
  std::ofstream(outside_ + "/check.sh") << "#!/bin/sh\ncat " << outside_ << "/list.txt\n";
  std::ofstream(outside_ + "/list.txt") << "one\n";
  ::chmod((outside_ + "/check.sh").c_str(), 0755);
  const auto r = run({outside_ + "/check.sh"}, "", {}, {outside_});
  ASSERT_TRUE(r) << r.error().what;
  EXPECT_EQ(r->out, "one\n") << r->err;
  const Outcome o = python(
      fmt::format(
          "p = '{}/list.txt'\nprint([r in ('EROFS', 'EACCES', 'EPERM') for r in (refused(open, p, 'w'), "
          "refused(os.chmod, p, 0o777), refused(os.unlink, p), "
          "refused(os.truncate, p, 0))])\n",
          outside_),
      {}, {outside_ + "/list.txt"});
  EXPECT_EQ(o.out, "[True, True, True, True]\n") << o.err;
  EXPECT_EQ(slurp(outside_ + "/list.txt"), "one\n");
}

TEST_F(Sandbox, what_cannot_be_run_is_an_error_and_not_an_outcome) {
  const std::pair<std::vector<std::string>, const char*> table[] = {
      {{}, "expected a command"},
      {{"no-such-command-here"}, "no such command in"},
      {{"./check.sh"}, "expected a name or an absolute path"},
      {{"/usr/lib/../bin/true"}, "expected a name or an absolute path"},
      {{outside_ + "/x"}, "not among what the command may read"},
      {{"/usr/share/doc"}, "cannot be run"},
      {{std::string("true\0x", 6)}, "zero byte"}};
  for (const auto& [argv, says] : table) {
    const auto r = run(argv, "");
    ASSERT_FALSE(r) << says;
    EXPECT_NE(r.error().what.find(says), std::string::npos) << r.error().what;
  }
  std::ofstream(outside_ + "/bad") << "#!/nowhere/interpreter\n";
  ::chmod((outside_ + "/bad").c_str(), 0755);
  const auto r = run({outside_ + "/bad"}, "", {}, {outside_});
  ASSERT_FALSE(r);
  EXPECT_NE(r.error().what.find("cannot be run: No such file"), std::string::npos) << r.error().what;
}

TEST_F(Sandbox, too_much_is_not_shown) {
  for (const char* path : {"/", "/proc", "/proc/self", "/sys/kernel", "/dev", "/sandbox/x", "/etc",
                           "relative", "/a/../b", "/no/such/path"}) {
    const auto r = run({"true"}, "", {}, {path});
    EXPECT_FALSE(r) << path;
  }
}

TEST_F(Sandbox, nothing_of_it_stays_on_the_machine) {
  const std::string before = slurp("/proc/self/mountinfo");
  const auto r = run({"sh", "-c", "echo x > file; mkdir deep; echo y > deep/file; df . | tail -1"}, "");
  ASSERT_TRUE(r) << r.error().what;
  EXPECT_EQ(r->exit_code, 0) << r->err;
  EXPECT_EQ(slurp("/proc/self/mountinfo"), before);
  EXPECT_FALSE(std::filesystem::exists("/sandbox"));
}

TEST_F(Sandbox, eight_at_once_do_not_mix) {
  std::vector<std::thread> threads;
  std::vector<std::string> outs(8);
  for (size_t i = 0; i < outs.size(); ++i)
    threads.emplace_back([&outs, i] {
      const auto r = run({"sh", "-c", "cat > f; cat f f"}, std::to_string(i), {.wall_ms = 30'000});
      outs[i] = r ? r->out : r.error().what;
    });
  for (std::thread& t : threads) t.join();
  for (size_t i = 0; i < outs.size(); ++i) EXPECT_EQ(outs[i], fmt::format("{0}{0}", i));
}

TEST_F(Sandbox, when_the_parent_is_killed_the_command_dies_too) {
  const std::string marker = fmt::format("bw-orphan-{}", ::getpid());
  const pid_t child = ::fork();
  if (child == 0) {
    const auto r = run({"sh", "-c", "sleep 60", marker}, "", {.wall_ms = 60'000});
    ::_exit(r ? 0 : 1);
  }
  const uint64_t end = monotonic_ns() + 20'000'000'000;
  while (!is_running(marker) && monotonic_ns() < end) std::this_thread::yield();
  ASSERT_TRUE(is_running(marker));
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  while (is_running(marker) && monotonic_ns() < end) std::this_thread::yield();
  EXPECT_FALSE(is_running(marker));
}

// A filter on this process, which the keeper inherits, makes one system call fail: the kernel that has it
// not.
int ran_without(const char* call) {
  scmp_filter_ctx context = seccomp_init(SCMP_ACT_ALLOW);
  const int nr = seccomp_syscall_resolve_name(call);
  const bool blocked =
      nr >= 0 &&
      (std::string(call) == "clone" ? seccomp_rule_add(context, SCMP_ACT_ERRNO(EPERM), nr, 1,
                                                       SCMP_A0(SCMP_CMP_MASKED_EQ, 0x10000000, 0x10000000))
                                    : seccomp_rule_add(context, SCMP_ACT_ERRNO(ENOSYS), nr, 0)) == 0 &&
      seccomp_load(context) == 0;
  if (!blocked) return 3;
  const auto r = run({"true"}, "");
  if (r) return 1;
  std::fprintf(stderr, "%s: %s\n", call, r.error().what.c_str());
  return available() ? 2 : 0;
}

TEST_F(Sandbox, whatever_cannot_be_enforced_nothing_is_run) {
  std::vector<const char*> calls{"clone",
                                 "mount",
                                 "open_tree",
                                 "mount_setattr",
                                 "move_mount",
                                 "pivot_root",
                                 "umount2",
                                 "sethostname",
                                 "capset",
                                 "landlock_create_ruleset",
                                 "landlock_add_rule",
                                 "landlock_restrict_self",
                                 "seccomp",
                                 "prlimit64",
                                 "prctl",
                                 "pidfd_open"};
  if (::geteuid() == 0) calls.insert(calls.end(), {"setgroups", "setresgid", "setresuid"});
  for (const char* call : calls)
    EXPECT_EXIT(::_exit(ran_without(call)), ::testing::ExitedWithCode(0), "sandbox: ") << call;
}

TEST_F(Sandbox, an_ordinary_user_is_held_as_well_as_root) {
  if (::geteuid() != 0) GTEST_SKIP() << "already an ordinary user; root runs everything twice";
  if (::access("/usr/bin/setpriv", X_OK) != 0) GTEST_SKIP() << "no /usr/bin/setpriv (package util-linux)";
  const std::string copy = outside_ + "/test";
  std::filesystem::copy_file("/proc/self/exe", copy);
  ::chmod(copy.c_str(), 0755);
  const std::string out = outside_ + "/out";
  const std::string command = fmt::format(
      "cd /; unset GTEST_OUTPUT; /usr/bin/setpriv --reuid 65534 --regid 65534 --clear-groups {} "
      "--gtest_brief=1 >{} 2>&1",
      copy, out);
  EXPECT_EQ(std::system(command.c_str()), 0) << slurp(out);
  EXPECT_NE(slurp(out).find("[  PASSED  ]"), std::string::npos) << slurp(out);
  EXPECT_EQ(slurp(out).find("[  SKIPPED ] Hostile"), std::string::npos) << slurp(out);
}

TEST(Plan, comes_back_as_it_was_and_damage_is_seen) {
  Plan p;
  p.parent = 7;
  p.deadline_ns = 1ull << 60;
  p.limits.wall_ms = 123;
  p.program = "/usr/bin/x";
  p.argv = {"x", "", std::string("a\0b", 3)};
  p.visible = {{Visible::Kind::link, "/bin", "usr/bin"}, {Visible::Kind::file, "/etc/x", ""}};
  p.filter = "12345678";
  const std::string bytes = pack(p);
  const auto q = unpack(bytes);
  ASSERT_TRUE(q);
  EXPECT_EQ(q->argv, p.argv);
  EXPECT_EQ(q->visible[0].target, "usr/bin");
  EXPECT_EQ(q->limits.wall_ms, 123u);
  EXPECT_EQ(pack(*q), bytes);
  for (size_t n = 0; n < bytes.size(); ++n) EXPECT_FALSE(unpack(bytes.substr(0, n))) << n;
  EXPECT_FALSE(unpack(bytes + "x"));
}

}  // namespace
}  // namespace bw::sandbox
