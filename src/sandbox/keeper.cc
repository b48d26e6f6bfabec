// The sandbox's own processes. run() starts this very program again under another argv[0]; the constructor
// below then takes over before main(), so that everything here happens in a small process with one thread,
// that shares nothing with the parent: none of its memory, descriptors or environment.
//   keeper   waits for the namespaces' first process, ends it when the time is up
//   first    process 1 of its namespaces: makes the new root, gives up every right, starts the command, and
//            reaps; when it ends the kernel kills whatever else is left in its namespace
//   command
// In: the Plan on descriptor 3. Out: Reports on descriptor 4. Sources: namespaces(7), user_namespaces(7),
// pid_namespaces(7), capabilities(7), seccomp(2).
#include <fcntl.h>
#include <fmt/format.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/clock.h"
#include "base/fd.h"
#include "sandbox/plan.h"
#include "sandbox/root.h"

namespace bw::sandbox {
namespace {

void report(Report::Kind kind, int value, int error = 0) {
  const Report r{kind, value, error};
  [[maybe_unused]] const ssize_t n = ::write(kReportFd, &r, sizeof r);
}
[[noreturn]] void fail(Step step) {
  report(Report::Kind::failed, static_cast<int>(step), errno);
  ::_exit(1);
}

bool write_file(const std::string& path, const std::string& text) {
  const Fd fd(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  return fd.get() >= 0 && ::write(fd.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size());
}

// Root maps itself, to make the mounts, and nobody, to run the command as: the kernel counts no processes of
// root. Anyone else can only map himself.
bool write_maps(const Plan& plan, pid_t first) {
  const std::string proc = fmt::format("/proc/{}/", first);
  if (plan.uid == 0) {
    const std::string map = fmt::format("0 0 1\n{0} {0} 1\n", kNobody);
    return write_file(proc + "uid_map", map) && write_file(proc + "gid_map", map);
  }
  return write_file(proc + "setgroups", "deny") &&
         write_file(proc + "uid_map", fmt::format("{0} {0} 1\n", plan.uid)) &&
         write_file(proc + "gid_map", fmt::format("{0} {0} 1\n", plan.gid));
}

void give_up_rights(const Plan& plan, int keeper_alive) {
  ::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
  for (unsigned long cap = 0; ::prctl(PR_CAPBSET_READ, cap) >= 0; ++cap)
    if (::prctl(PR_CAPBSET_DROP, cap) != 0) fail(Step::capabilities);
  if (plan.uid == 0 && (::setgroups(0, nullptr) != 0 || ::setresgid(kNobody, kNobody, kNobody) != 0 ||
                        ::setresuid(kNobody, kNobody, kNobody) != 0))
    fail(Step::ids);
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  const __user_cap_data_struct none[2] = {};
  if (::syscall(SYS_capset, &header, none) != 0) fail(Step::capabilities);
  // Changing user has cleared the signal of the parent's death, so it is set here; a keeper that died before
  // has closed its end of the pipe.
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || ::prctl(PR_SET_DUMPABLE, 0) != 0 ||
      ::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0)
    fail(Step::privileges);
  pollfd alive{keeper_alive, POLLIN, 0};
  if (::poll(&alive, 1, 0) != 0) ::_exit(1);
  if (const auto step = restrict_by_landlock(plan)) fail(*step);
  sock_fprog program{static_cast<unsigned short>(plan.filter.size() / sizeof(sock_filter)),
                     reinterpret_cast<sock_filter*>(const_cast<char*>(plan.filter.data()))};
  if (::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) != 0) fail(Step::seccomp);
}

bool limit(int resource, uint64_t soft, uint64_t hard) {
  const rlimit l{soft, hard};
  return ::setrlimit(static_cast<__rlimit_resource>(resource), &l) == 0;
}

[[noreturn]] void become_command(const Plan& plan) {
  ::setsid();
  const Limits& l = plan.limits;
  const uint64_t cpu_s = (l.cpu_ms + 999) / 1000;
  // One process more than the command may have: the first one counts. Address space last: what comes after
  // must not need any.
  if (!limit(RLIMIT_CORE, 0, 0) || !limit(RLIMIT_CPU, cpu_s, cpu_s + 1) ||
      !limit(RLIMIT_FSIZE, l.file_bytes, l.file_bytes) || !limit(RLIMIT_NOFILE, 256, 256) ||
      !limit(RLIMIT_NPROC, l.n_processes + 1, l.n_processes + 1) || !limit(RLIMIT_MEMLOCK, 0, 0) ||
      !limit(RLIMIT_MSGQUEUE, 0, 0) || !limit(RLIMIT_STACK, 8u << 20, 8u << 20))
    fail(Step::rlimits);
  if (plan.probe) ::_exit(0);
  std::vector<char*> argv, env;
  for (const std::string& a : plan.argv) argv.push_back(const_cast<char*>(a.c_str()));
  argv.push_back(nullptr);
  const std::string home = std::string("HOME=") + kFolder, temporary = std::string("TMPDIR=") + kFolder;
  for (const char* e : {"PATH=/usr/local/bin:/usr/bin:/bin", home.c_str(), temporary.c_str(), "LANG=C.UTF-8"})
    env.push_back(const_cast<char*>(e));
  env.push_back(nullptr);
  if (!limit(RLIMIT_AS, l.memory_bytes, l.memory_bytes)) fail(Step::rlimits);
  ::execve(plan.program.c_str(), argv.data(), env.data());
  fail(Step::exec);
}

[[noreturn]] void be_first(const Plan& plan, int go) {
  char told = 0;
  if (::read(go, &told, 1) != 1) ::_exit(1);
  ::umask(022);
  ::setsid();
  if (::sethostname("sandbox", 7) != 0) fail(Step::host_name);
  if (const auto step = make_root(plan)) fail(*step);
  ::umask(077);
  give_up_rights(plan, go);
  const pid_t command = ::fork();
  if (command < 0) fail(Step::fork);
  if (command == 0) become_command(plan);
  for (int fd = 0; fd < 3; ++fd) ::close(fd);
  for (int status = 0;;) {
    const pid_t ended = ::waitpid(-1, &status, 0);
    if (ended == command) {
      report(Report::Kind::ended, status);
      ::_exit(0);
    }
    if (ended < 0 && errno != EINTR) ::_exit(1);
  }
}

// Plan sizes are known to be small: the arguments of one command.
std::optional<Plan> read_plan() {
  struct stat s {};
  if (::fstat(kPlanFd, &s) != 0) return std::nullopt;
  std::string bytes(static_cast<size_t>(s.st_size), '\0');
  if (::pread(kPlanFd, bytes.data(), bytes.size(), 0) != s.st_size) return std::nullopt;
  return unpack(bytes);
}

[[noreturn]] void keep() {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  ::prctl(PR_SET_NAME, "bw-sandbox");
  const auto plan = read_plan();
  if (!plan) fail(Step::plan);
  if (::getppid() != plan->parent) ::_exit(1);
  ::close(kPlanFd);
  ::fcntl(kReportFd, F_SETFD, FD_CLOEXEC);
  // The first to go where memory runs out.
  if (!write_file("/proc/self/oom_score_adj", "1000")) fail(Step::oom);
  int go[2];
  if (::pipe2(go, O_CLOEXEC) != 0) fail(Step::fork);
  constexpr unsigned long spaces = CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC |
                                   CLONE_NEWUTS | CLONE_NEWCGROUP;
  const auto first =
      static_cast<pid_t>(::syscall(SYS_clone, spaces | SIGCHLD, nullptr, nullptr, nullptr, nullptr));
  if (first < 0) fail(Step::namespaces);
  if (first == 0) {
    ::close(go[1]);
    be_first(*plan, go[0]);
  }
  ::close(go[0]);
  for (int fd = 0; fd < 3; ++fd) ::close(fd);
  const Fd process(static_cast<int>(::syscall(SYS_pidfd_open, first, 0)));
  if (process.get() < 0) fail(Step::fork);  // first ends too: nobody holds the pipe it reads
  if (!write_maps(*plan, first)) fail(Step::id_map);
  ::prctl(PR_SET_DUMPABLE, 0);  // not before: it would close the maps to us
  if (::write(go[1], "", 1) != 1) fail(Step::fork);
  // go[1] stays open: it says that we live.
  pollfd ended{process.get(), POLLIN, 0};
  for (;;) {
    const uint64_t now = monotonic_ns();
    if (now >= plan->deadline_ns) {
      ::kill(first, SIGKILL);
      report(Report::Kind::timed_out, 0);
      break;
    }
    const uint64_t ms = (plan->deadline_ns - now + 999'999) / 1'000'000;
    if (::poll(&ended, 1, static_cast<int>(std::min<uint64_t>(ms, 1'000'000))) > 0) break;
  }
  // Returns only when the whole process namespace is empty (pid_namespaces(7)).
  int status = 0;
  while (::waitpid(first, &status, 0) < 0 && errno == EINTR) {
  }
  // Killed from outside, by the kernel when memory ran out: as if the command had been.
  if (WIFSIGNALED(status)) report(Report::Kind::ended, WTERMSIG(status));
  ::_exit(0);
}

// glibc gives constructors main()'s arguments.
__attribute__((constructor)) void start_as_keeper(int argc, char** argv) {
  if (argc == 1 && std::strcmp(argv[0], keeper_name()) == 0) keep();
}

}  // namespace

const char* keeper_name() {
  return "bitworth-sandbox-keeper";
}

}  // namespace bw::sandbox
