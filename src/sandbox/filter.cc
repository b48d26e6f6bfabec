// The list. What stands under `allowed` may be called; what stands under `refused` gives EPERM, so that a
// person sees that it was forbidden; everything else, also what kernels will bring, gives ENOSYS, on which
// C libraries fall back to older calls (clone3 to clone, whose flags can be looked at). Another
// architecture's calls (32-bit, x32) end the process. Written against what sh, Python, Perl, jq and g++ call
// (strace).
#include "sandbox/filter.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/sched.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <memory>

#include "base/fd.h"

namespace bw::sandbox {
namespace {

constexpr const char* allowed[] = {
    // Files that are open, and opening them: Landlock and the mounts say which.
    "read", "write", "readv", "writev", "pread64", "pwrite64", "preadv", "pwritev", "preadv2", "pwritev2",
    "open", "openat", "openat2", "creat", "close", "close_range", "lseek", "dup", "dup2", "dup3", "fcntl",
    "flock", "ftruncate", "truncate", "fallocate", "fsync", "fdatasync", "sendfile", "copy_file_range",
    "splice", "tee", "fadvise64", "readahead", "memfd_create", "pipe", "pipe2", "eventfd", "eventfd2",
    // Names. Owners cannot be changed, special files not made: `refused`.
    "stat", "lstat", "fstat", "newfstatat", "statx", "access", "faccessat", "faccessat2", "readlink",
    "readlinkat", "getdents", "getdents64", "getcwd", "chdir", "fchdir", "mkdir", "mkdirat", "rmdir",
    "unlink", "unlinkat", "rename", "renameat", "renameat2", "link", "linkat", "symlink", "symlinkat",
    "chmod", "fchmod", "fchmodat", "umask", "utime", "utimes", "utimensat", "futimesat", "statfs", "fstatfs",
    "getxattr", "lgetxattr", "fgetxattr", "listxattr", "llistxattr", "flistxattr",
    // Waiting for descriptors.
    "poll", "ppoll", "select", "pselect6", "epoll_create", "epoll_create1", "epoll_ctl", "epoll_wait",
    "epoll_pwait", "epoll_pwait2",
    // Own memory. Without protection keys, NUMA policy, locking.
    "mmap", "munmap", "mprotect", "mremap", "madvise", "brk", "msync", "mincore", "membarrier",
    // Processes and threads: their number is bounded by RLIMIT_NPROC; clone is below.
    "fork", "vfork", "execve", "execveat", "exit", "exit_group", "wait4", "waitid", "set_tid_address",
    "set_robust_list", "get_robust_list", "rseq", "futex", "arch_prctl", "sched_yield", "sched_getaffinity",
    "sched_getparam", "sched_getscheduler", "sched_get_priority_max", "sched_get_priority_min", "getpriority",
    "getcpu", "getrlimit", "setrlimit", "getrusage", "times", "sysinfo", "uname",
    // Who am I, and sessions.
    "getpid", "getppid", "gettid", "getuid", "geteuid", "getgid", "getegid", "getresuid", "getresgid",
    "getgroups", "getpgrp", "getpgid", "setpgid", "getsid", "setsid", "capget",
    // Signals: the process namespace, and Landlock's scope, bound whom they reach.
    "kill", "tkill", "tgkill", "rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "rt_sigpending",
    "rt_sigtimedwait", "rt_sigsuspend", "rt_sigqueueinfo", "sigaltstack", "pause", "restart_syscall",
    "signalfd", "signalfd4",
    // Time, and random numbers. Clocks cannot be set.
    "nanosleep", "clock_nanosleep", "clock_gettime", "clock_getres", "gettimeofday", "time", "alarm",
    "getitimer", "setitimer", "timer_create", "timer_settime", "timer_gettime", "timer_getoverrun",
    "timer_delete", "timerfd_create", "timerfd_settime", "timerfd_gettime", "getrandom",
    // A pair of connected sockets within the sandbox (below); no call that names an address.
    "recvfrom", "recvmsg", "sendto", "sendmsg", "shutdown", "getsockopt", "getsockname", "getpeername"};

constexpr const char* refused[] = {
    // Network, and whatever else a socket reaches (netlink, vsock, packet).
    "socket", "connect", "bind", "listen", "accept", "accept4", "setsockopt", "sendmmsg", "recvmmsg",
    // Other processes' memory and descriptors.
    "ptrace", "process_vm_readv", "process_vm_writev", "process_madvise", "process_mrelease", "pidfd_open",
    "pidfd_getfd", "pidfd_send_signal", "kcmp",
    // Parts of the kernel with long histories of holes and no use here.
    "bpf", "userfaultfd", "io_uring_setup", "io_uring_enter", "io_uring_register", "io_setup", "io_submit",
    "perf_event_open", "keyctl", "add_key", "request_key", "fanotify_init", "fanotify_mark", "inotify_init",
    "inotify_init1", "vmsplice", "modify_ldt", "memfd_secret", "remap_file_pages", "lookup_dcookie",
    "nfsservctl", "seccomp", "landlock_create_ruleset", "landlock_add_rule", "landlock_restrict_self",
    // Mounts, namespaces, roots; files by handle get around paths.
    "mount", "umount", "umount2", "pivot_root", "chroot", "open_tree", "move_mount", "fsopen", "fsconfig",
    "fsmount", "fspick", "mount_setattr", "unshare", "setns", "open_by_handle_at", "name_to_handle_at",
    "quotactl", "quotactl_fd", "swapon", "swapoff",
    // The machine.
    "reboot", "kexec_load", "kexec_file_load", "init_module", "finit_module", "delete_module",
    "create_module", "iopl", "ioperm", "syslog", "acct", "settimeofday", "clock_settime", "clock_adjtime",
    "adjtimex", "sethostname", "setdomainname", "vhangup", "sync", "syncfs", "sysfs", "ustat", "uselib",
    "_sysctl",
    // Memory that the limits do not count, or that outlives a process.
    "shmget", "shmat", "shmctl", "shmdt", "semget", "semop", "semctl", "semtimedop", "msgget", "msgsnd",
    "msgrcv", "msgctl", "mq_open", "mq_unlink", "mlock", "mlock2", "mlockall", "mbind", "set_mempolicy",
    "migrate_pages", "move_pages",
    // Rights, owners, special files, scheduling.
    "setuid", "setgid", "setreuid", "setregid", "setresuid", "setresgid", "setfsuid", "setfsgid", "setgroups",
    "capset", "chown", "fchown", "lchown", "fchownat", "mknod", "mknodat", "setxattr", "lsetxattr",
    "fsetxattr", "removexattr", "lremovexattr", "fremovexattr", "personality", "setpriority",
    "sched_setscheduler", "sched_setparam", "sched_setattr", "sched_setaffinity", "ioprio_set"};

// What ioctl and prctl may be asked: about the descriptor, about the own thread.
constexpr uint32_t ioctls[] = {TCGETS, TIOCGWINSZ, FIONREAD, FIONBIO, FIOCLEX, FIONCLEX};
constexpr uint32_t prctls[] = {PR_SET_NAME,     PR_GET_NAME,         PR_SET_PDEATHSIG, PR_GET_PDEATHSIG,
                               PR_GET_DUMPABLE, PR_GET_NO_NEW_PRIVS, PR_CAPBSET_READ,  PR_GET_SECCOMP};

constexpr uint64_t new_namespaces =
    CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET;

class Rules {
 public:
  explicit Rules(scmp_filter_ctx context) : context_(context) {}
  // A name that libseccomp does not know, or this architecture has not, stays with the default (ENOSYS).
  void add(uint32_t action, const char* name, std::initializer_list<scmp_arg_cmp> arguments = {}) {
    const int nr = seccomp_syscall_resolve_name(name);
    if (nr < 0) return;
    const int rc = seccomp_rule_add_array(context_, action, nr, static_cast<unsigned>(arguments.size()),
                                          arguments.size() ? arguments.begin() : nullptr);
    if (rc != 0 && wrong.empty()) wrong = fmt::format("{}: {}", name, std::strerror(-rc));
  }
  std::string wrong;

 private:
  scmp_filter_ctx context_;
};

// Registers are 64 bits wide; these calls look at the lower 32.
scmp_arg_cmp is(unsigned argument, uint32_t value) {
  return {argument, SCMP_CMP_MASKED_EQ, 0xffffffffu, value};
}

}  // namespace

Result<std::string> seccomp_filter() {
  const auto wrong = [](const char* doing, int error) {
    return failed(fmt::format("seccomp: {}: {}", doing, std::strerror(error)));
  };
  struct Release {
    void operator()(void* context) const { seccomp_release(context); }
  };
  const std::unique_ptr<void, Release> context(seccomp_init(SCMP_ACT_ERRNO(ENOSYS)));
  if (!context) return wrong("libseccomp cannot begin a filter", ENOMEM);
  if (const int rc = seccomp_attr_set(context.get(), SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS); rc != 0)
    return wrong("other architectures", -rc);
  seccomp_attr_set(context.get(), SCMP_FLTATR_CTL_OPTIMIZE, 2);  // a binary tree: faster, not different
  Rules rules(context.get());
  for (const char* name : allowed) rules.add(SCMP_ACT_ALLOW, name);
  for (const char* name : refused) rules.add(SCMP_ACT_ERRNO(EPERM), name);
  rules.add(SCMP_ACT_ALLOW, "clone", {{0, SCMP_CMP_MASKED_EQ, new_namespaces, 0}});
  rules.add(SCMP_ACT_ALLOW, "socketpair", {is(0, AF_UNIX)});
  rules.add(SCMP_ACT_ALLOW, "prlimit64", {is(0, 0)});  // its own limits, which it can only lower
  for (const uint32_t request : ioctls) rules.add(SCMP_ACT_ALLOW, "ioctl", {is(1, request)});
  for (const uint32_t option : prctls) rules.add(SCMP_ACT_ALLOW, "prctl", {is(0, option)});
  if (!rules.wrong.empty()) return failed("seccomp: no rule for " + rules.wrong);

  const Fd file(::memfd_create("bitworth-filter", MFD_CLOEXEC));
  if (file.get() < 0) return wrong("a file for the filter", errno);
  if (const int rc = seccomp_export_bpf(context.get(), file.get()); rc != 0) return wrong("export", -rc);
  const off_t size = ::lseek(file.get(), 0, SEEK_END);
  std::string program(static_cast<size_t>(size), '\0');
  if (::pread(file.get(), program.data(), program.size(), 0) != size) return wrong("export", EIO);
  return program;
}

}  // namespace bw::sandbox
