// The parent's side: everything is prepared, the keeper (keeper.cc) started by posix_spawn, and what comes
// back collected.
#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <mutex>

#include "base/clock.h"
#include "base/fd.h"
#include "sandbox/filter.h"
#include "sandbox/plan.h"
#include "sandbox/root.h"
#include "sandbox/sandbox.h"

namespace bw::sandbox {
namespace {

constexpr int least_abi = 2;  // Linux 5.19: renames between folders; implies all the calls used elsewhere
constexpr uint64_t grace_ms = 20'000;  // beyond the command's own limit, for a keeper on a crowded machine
constexpr size_t most_arguments = 128u << 10;  // bytes; the kernel's own bound is far above

Error os_error(const std::string& doing) {
  return failed(fmt::format("sandbox: {}: {}", doing, std::strerror(errno)));
}

// What does not change while the program runs: worked out once, unless it was an error.
struct Machine {
  int abi = 0;
  std::string filter;
  std::vector<Visible> visible;
};
std::vector<Visible> system_paths();
Result<const Machine*> machine() {
  static std::mutex mutex;
  static Machine found;
  const std::lock_guard lock(mutex);
  if (found.abi > 0) return &found;
  const int abi = landlock_abi();
  if (abi < least_abi)
    return unsupported(abi == 0
                           ? std::string("sandbox: this kernel has no Landlock, or it is off")
                           : fmt::format("sandbox: expected Landlock of ABI {}, found {}", least_abi, abi),
                       "Linux 5.19 or later with landlock among the kernel's lsm= (Debian 12 has it)");
  BW_TRY(found.filter, seccomp_filter());
  found.visible = system_paths();
  found.abi = abi;
  return &found;
}

bool is_folder(const std::string& path) {
  struct stat s {};
  return ::stat(path.c_str(), &s) == 0 && S_ISDIR(s.st_mode);
}

std::vector<Visible> system_paths() {
  using Kind = Visible::Kind;
  std::vector<Visible> all{{Kind::folder, "/usr", ""}};
  for (const char* path : {"/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32"}) {
    char target[256];
    if (const ssize_t n = ::readlink(path, target, sizeof target); n > 0)
      all.push_back({Kind::link, path, std::string(target, static_cast<size_t>(n))});
    else if (is_folder(path))
      all.push_back({Kind::folder, path, ""});
  }
  // Of /etc only what finds libraries, Debian's alternatives and the time zone.
  for (const char* path :
       {"/etc/alternatives", "/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/ld.so.conf.d", "/etc/localtime"})
    if (::access(path, R_OK) == 0) all.push_back({is_folder(path) ? Kind::folder : Kind::file, path, ""});
  for (const char* path : {"/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom"})
    if (::access(path, R_OK) == 0) all.push_back({Kind::device, path, ""});
  return all;
}

bool below(const std::string& path, const std::string& folder) {
  return path == folder || (path.size() > folder.size() && path.compare(0, folder.size(), folder) == 0 &&
                            path[folder.size()] == '/');
}

// Absolute, without ".", "..", doubled or final slashes, so that names can be compared.
bool is_plain(const std::string& path) {
  if (path.size() < 2 || path[0] != '/' || path.back() == '/') return false;
  for (size_t at = 0; at != std::string::npos;) {
    const size_t next = path.find('/', at + 1);
    const std::string part = path.substr(at + 1, next == std::string::npos ? next : next - at - 1);
    if (part.empty() || part == "." || part == ".." || part.find('\0') != std::string::npos) return false;
    at = next;
  }
  return true;
}

Status add_visible(std::vector<Visible>& all, std::vector<std::string> paths) {
  std::sort(paths.begin(), paths.end());  // a folder comes before what is in it
  for (const std::string& path : paths) {
    if (!is_plain(path))
      return bad_input(fmt::format("sandbox: {}: expected an absolute path without . and ..", path));
    for (const char* refused : {"/proc", "/sys", "/dev", kFolder})
      if (below(path, refused))
        return bad_input(fmt::format("sandbox: {}: {} is not shown to a command", path, refused));
    if (std::any_of(all.begin(), all.end(), [&](const Visible& v) { return below(path, v.path); })) continue;
    if (std::any_of(all.begin(), all.end(), [&](const Visible& v) { return below(v.path, path); }))
      return bad_input(fmt::format("sandbox: {}: is above what every command sees: too much to show", path));
    if (::access(path.c_str(), R_OK) != 0)
      return bad_input(fmt::format("sandbox: {}: {}", path, std::strerror(errno)));
    all.push_back({is_folder(path) ? Visible::Kind::folder : Visible::Kind::file, path, ""});
  }
  return {};
}

Result<std::string> find_program(const std::string& name, const std::vector<Visible>& visible) {
  if (name.find('/') == std::string::npos) {
    for (const char* folder : {"/usr/local/bin/", "/usr/bin/", "/bin/"})
      if (::access((folder + name).c_str(), X_OK) == 0) return folder + name;
    return bad_input(fmt::format("sandbox: {}: no such command in /usr/local/bin, /usr/bin, /bin", name));
  }
  if (!is_plain(name))
    return bad_input(fmt::format("sandbox: {}: expected a name or an absolute path", name));
  if (std::none_of(visible.begin(), visible.end(), [&](const Visible& v) { return below(name, v.path); }))
    return bad_input(fmt::format("sandbox: {}: is not among what the command may read", name));
  if (::access(name.c_str(), X_OK) != 0)
    return bad_input(fmt::format("sandbox: {}: cannot be run: {}", name, std::strerror(errno)));
  return name;
}

// Above the numbers that the keeper is given, so that no dup2 overwrites one still needed.
Result<Fd> high(Fd fd, const char* what) {
  if (fd.get() < 0) return os_error(what);
  Fd moved(::fcntl(fd.get(), F_DUPFD_CLOEXEC, 16));
  if (moved.get() < 0) return os_error(what);
  return moved;
}

// A file in memory that nobody can change any more, at its beginning.
Result<Fd> sealed(std::string_view bytes, const char* what) {
  BW_TRY(Fd fd, high(Fd(::memfd_create("bitworth-sandbox", MFD_CLOEXEC | MFD_ALLOW_SEALING)), what));
  for (size_t done = 0; done < bytes.size();) {
    const ssize_t n = ::pwrite(fd.get(), bytes.data() + done, bytes.size() - done, static_cast<off_t>(done));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return os_error(what);
    done += static_cast<size_t>(n);
  }
  if (::fcntl(fd.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) != 0)
    return os_error(what);
  return fd;
}

struct Pipe {
  Fd read, write;
};
Result<Pipe> make_pipe() {
  int fds[2];
  if (::pipe2(fds, O_CLOEXEC) != 0) return os_error("pipe");
  Pipe p{Fd(fds[0]), Fd(fds[1])};
  BW_TRY(p.write, high(std::move(p.write), "pipe"));
  return p;
}

// posix_spawn shares memory until the exec, so no page of a large parent is copied.
Result<pid_t> start_keeper(const std::array<int, 5>& fds) {
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  posix_spawn_file_actions_init(&actions);
  posix_spawnattr_init(&attributes);
  for (size_t i = 0; i < fds.size(); ++i)
    posix_spawn_file_actions_adddup2(&actions, fds[i], static_cast<int>(i));
  posix_spawn_file_actions_addclosefrom_np(&actions, static_cast<int>(fds.size()));
  sigset_t none, every;
  sigemptyset(&none);
  sigfillset(&every);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &every);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  char* argv[] = {const_cast<char*>(keeper_name()), nullptr};
  char* env[] = {nullptr};
  pid_t pid = -1;
  const int rc = posix_spawn(&pid, "/proc/self/exe", &actions, &attributes, argv, env);
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  if (rc != 0) return failed(fmt::format("sandbox: cannot start its keeper: {}", std::strerror(rc)));
  return pid;
}

// Reads what is there; beyond `most` it is thrown away, so that the command meets no full pipe. False at the
// end.
bool drain(int fd, std::string& text, uint64_t most, bool& cut) {
  char buffer[1 << 16];
  const ssize_t n = ::read(fd, buffer, sizeof buffer);
  if (n < 0) return errno == EINTR || errno == EAGAIN;
  const size_t room = most - std::min<uint64_t>(most, text.size());
  text.append(buffer, std::min(room, static_cast<size_t>(n)));
  cut |= static_cast<size_t>(n) > room;
  return n > 0;
}

// A machine that does not let us, or else a step that should have worked.
Error not_enforced(Step step, int error) {
  const std::string what =
      fmt::format("sandbox: not all of it can be enforced here: {}: {}", words(step), std::strerror(error));
  if (step == Step::namespaces || step == Step::id_map || step == Step::private_mounts)
    return unsupported(
        what,
        "allow user namespaces to this user: sysctl user.max_user_namespaces, "
        "kernel.unprivileged_userns_clone or kernel.apparmor_restrict_unprivileged_userns; in a "
        "container, a profile that lets unshare and mount through; under systemd, no "
        "RestrictNamespaces=");
  return failed(what, "`bitworth doctor` shows what this machine has");
}

Result<Outcome> outcome(const std::string& reports, const Plan& plan, Outcome o) {
  bool ended = false;
  for (size_t at = 0; at + sizeof(Report) <= reports.size(); at += sizeof(Report)) {
    Report r;
    std::memcpy(&r, reports.data() + at, sizeof r);
    const auto step = static_cast<Step>(r.value);
    if (r.kind == Report::Kind::failed && step == Step::exec)
      return bad_input(fmt::format("sandbox: {}: cannot be run: {}", plan.program, std::strerror(r.error)));
    if (r.kind == Report::Kind::failed) return not_enforced(step, r.error);
    if (r.kind == Report::Kind::timed_out) o.timed_out = true;
    if (r.kind == Report::Kind::ended && !ended) {
      ended = true;
      if (WIFEXITED(r.value)) o.exit_code = WEXITSTATUS(r.value);
      if (WIFSIGNALED(r.value)) o.signal = WTERMSIG(r.value);
    }
  }
  if (!ended)
    return failed("sandbox: its own process ended and said nothing",
                  "was it killed from outside, or memory short?");
  return o;
}

Result<Outcome> run_plan(Plan& plan, std::string_view input) {
  const uint64_t start = monotonic_ns();
  plan.deadline_ns = start + plan.limits.wall_ms * 1'000'000;
  BW_TRY(Fd in, sealed(input, "standard input"));
  BW_TRY(Fd orders, sealed(pack(plan), "plan"));
  BW_TRY(Pipe out, make_pipe());
  BW_TRY(Pipe err, make_pipe());
  BW_TRY(Pipe reports, make_pipe());
  BW_TRY(const pid_t keeper,
         start_keeper({in.get(), out.write.get(), err.write.get(), orders.get(), reports.write.get()}));
  for (Pipe* p : {&out, &err, &reports}) p->write.close();

  Outcome o;
  std::string said;
  bool report_cut = false;
  struct Source {
    Fd* fd;
    std::string* text;
    uint64_t most;
    bool* cut;
  };
  const std::array<Source, 3> sources{{{&out.read, &o.out, plan.limits.output_bytes, &o.output_cut},
                                       {&err.read, &o.err, plan.limits.output_bytes, &o.output_cut},
                                       {&reports.read, &said, 1 << 16, &report_cut}}};
  bool lost = false;
  for (size_t n_open = sources.size(); n_open > 0;) {
    std::array<pollfd, 3> polled{};
    for (size_t i = 0; i < sources.size(); ++i)
      polled[i] = {sources[i].fd->get(), POLLIN, 0};  // -1 is passed over
    ::poll(polled.data(), polled.size(), 1000);
    if (!lost && monotonic_ns() > plan.deadline_ns + grace_ms * 1'000'000) {
      ::kill(keeper, SIGKILL);  // its death ends the rest
      lost = true;
    }
    n_open = 0;
    for (size_t i = 0; i < sources.size(); ++i) {
      const Source& s = sources[i];
      if ((polled[i].revents & (POLLIN | POLLHUP | POLLERR)) != 0 &&
          !drain(s.fd->get(), *s.text, s.most, *s.cut))
        s.fd->close();
      n_open += s.fd->get() >= 0 ? 1 : 0;
    }
  }
  while (::waitpid(keeper, nullptr, 0) < 0 && errno == EINTR) {
  }
  if (lost) return failed("sandbox: its keeper did not answer in time and was ended");
  o.ns_wall = monotonic_ns() - start;
  return outcome(said, plan, std::move(o));
}

Result<Plan> plan_for(const Limits& limits, const std::vector<std::string>& read_only) {
  BW_TRY(const Machine* const here, machine());
  Plan plan;
  plan.parent = ::getpid();
  plan.uid = ::geteuid();
  plan.gid = ::getegid();
  plan.limits = limits;
  plan.landlock_abi = here->abi;
  plan.filter = here->filter;
  plan.visible = here->visible;
  BW_CHECK(add_visible(plan.visible, read_only));
  return plan;
}

}  // namespace

Status available() {
  BW_TRY(Plan plan, plan_for({}, {}));
  plan.probe = true;
  BW_TRY(const Outcome o, run_plan(plan, ""));
  if (o.exit_code != 0) return failed("sandbox: trying it out ended in an unexpected way");
  return {};
}

Result<Outcome> run(const std::vector<std::string>& argv, std::string_view input, const Limits& limits,
                    const std::vector<std::string>& read_only) {
  size_t n_bytes = 0;
  for (const std::string& a : argv) {
    n_bytes += a.size();
    if (a.find('\0') != std::string::npos) return bad_input("sandbox: an argument holds a zero byte");
  }
  if (argv.empty() || n_bytes > most_arguments)
    return bad_input(fmt::format("sandbox: expected a command of at most {} bytes", most_arguments));
  if (limits.wall_ms == 0 || limits.memory_bytes == 0 || limits.n_processes == 0 || limits.folder_bytes == 0)
    return bad_input("sandbox: a limit of 0 lets nothing run");
  BW_TRY(Plan plan, plan_for(limits, read_only));
  plan.argv = argv;
  BW_TRY(plan.program, find_program(argv[0], plan.visible));
  return run_plan(plan, input);
}

}  // namespace bw::sandbox
