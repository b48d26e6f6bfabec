// Programs that mean harm, each with the harm it tries and how it is held. What they print says what they
// met; where harm would show outside, it is looked for outside.
#include <fmt/format.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <netinet/in.h>

#include "base/fd.h"
#include "sandbox/testing.h"

namespace bw::sandbox {
namespace {

using testing::is_running;
using testing::slurp;
using Hostile = testing::Sandboxed;

constexpr Limits short_limits{.wall_ms = 1'500};

TEST_F(Hostile, a_fork_bomb_stops_at_the_number_of_processes_and_leaves_none) {
  const std::string marker = fmt::format("bw-bomb-{}", ::getpid());
  const Outcome o = python(
      "n = 0\nwhile True:\n"
      "  try: pid = os.fork()\n"
      "  except OSError as e: print(n, errno.errorcode[e.errno], flush=True); break\n"
      "  if pid == 0: time.sleep(60)\n"
      "  n += 1\n",
      {.wall_ms = 20'000, .n_processes = 10}, {}, marker);
  EXPECT_EQ(o.out, "9 EAGAIN\n") << o.err;  // itself and nine
  EXPECT_FALSE(is_running(marker));
  const auto bomb = run({"sh", "-c", "b() { b | b & }; b; sleep 60", marker}, "", short_limits);
  ASSERT_TRUE(bomb) << bomb.error().what;
  EXPECT_TRUE(bomb->timed_out || bomb->exit_code != 0);
  EXPECT_FALSE(is_running(marker));
}

TEST_F(Hostile, threads_count_as_processes) {
  const Outcome o = python(
      "n = 0\ntry:\n  while True: threading.Thread(target=time.sleep, args=(60,), daemon=True).start(); n += "
      "1\n"
      "except RuntimeError: print(n, flush=True)\nos._exit(0)\n",
      {.wall_ms = 20'000, .memory_bytes = 4ull << 30, .n_processes = 10});
  EXPECT_EQ(o.out, "9\n") << o.err;
}

TEST_F(Hostile, one_file_grows_to_its_limit_only) {
  const Outcome o = python(
      "f = open('big', 'wb', buffering=0)\nn = 0\n"
      "try:\n  while True: n += f.write(b'x' * 65536)\n"
      "except OSError as e: print(n, errno.errorcode[e.errno])\n",
      {.wall_ms = 20'000, .file_bytes = 1 << 20});
  EXPECT_EQ(o.out, "1048576 EFBIG\n") << o.err;
}

TEST_F(Hostile, many_files_fill_the_folder_and_not_the_disk) {
  const Outcome o = python(
      "n = 0\ntry:\n"
      "  for i in range(1000):\n"
      "    with open(str(i), 'wb', buffering=0) as f:\n"
      "      for _ in range(16): n += f.write(b'x' * 65536)\n"
      "except OSError as e: print(n <= 8 << 20, n > 7 << 20, errno.errorcode[e.errno])\n"
      "for i in range(1000):\n"
      "  if os.path.exists(str(i)): os.unlink(str(i))\n"
      "n = 0\ntry:\n  while n < 100000: open('f' + str(n), 'w').close(); n += 1\n"
      "except OSError as e: print(n < 20000, errno.errorcode[e.errno])\n",
      {.wall_ms = 30'000, .cpu_ms = 30'000, .folder_bytes = 8 << 20});
  EXPECT_EQ(o.out, "True True ENOSPC\nTrue ENOSPC\n") << o.err;
}

TEST_F(Hostile, home_and_other_files_of_this_machine_are_not_there) {
  std::ofstream(outside_ + "/secret") << "hunter2";
  const char* home = std::getenv("HOME");
  const Outcome o =
      python(fmt::format("for p in ['{}/secret', '{}', '/etc/passwd', '/etc/shadow', '/root', '/home', "
                         "'/var', '/tmp', '/proc/self/mem', '/sys', '/run']:\n"
                         "  print(refused(open if '.' in p else os.listdir, p), end=' ')\n",
                         outside_, home ? home : "/root"));
  EXPECT_EQ(o.out, "ENOENT ENOENT ENOENT ENOENT ENOENT ENOENT ENOENT ENOENT ENOENT ENOENT ENOENT ") << o.err;
}

TEST_F(Hostile, the_root_cannot_be_listed_or_written) {
  const Outcome o = python(
      "print(refused(os.listdir, '/'), refused(open, '/x', 'w'), refused(open, '/usr/x', 'w'), "
      "refused(open, '/etc/ld.so.cache', 'r+') in ('EROFS', 'EACCES'))\n");
  EXPECT_EQ(o.out, "EACCES EROFS EROFS True\n") << o.err;
}

TEST_F(Hostile, a_symlink_does_not_lead_out) {
  std::ofstream(outside_ + "/secret") << "hunter2";
  const Outcome o =
      python(fmt::format("os.symlink('{0}/secret', 'a'); os.symlink('../../../../../{0}', 'b')\n"
                         "os.symlink('/proc/1/root', 'c'); os.symlink('/etc/shadow', 'd')\n"
                         "print([refused(open, p) for p in ['a', 'b/secret', 'c/etc/passwd', 'd', "
                         "'../../../../etc/shadow']])\n",
                         outside_));
  EXPECT_EQ(o.out, "['ENOENT', 'ENOENT', 'ENOENT', 'ENOENT', 'ENOENT']\n") << o.err;
}

TEST_F(Hostile, writing_to_tmp_writes_nowhere) {
  const Outcome o =
      python(fmt::format("print(refused(open, '{}/x', 'w'), refused(os.mkdir, '/tmp'))\n", outside_));
  EXPECT_EQ(o.out, "ENOENT EROFS\n") << o.err;
  EXPECT_TRUE(std::filesystem::is_empty(outside_));
}

TEST_F(Hostile, ten_gigabytes_are_not_given) {
  const Outcome o = python(
      "import mmap\n"
      "try: b = bytearray(10 << 30); print('given')\n"
      "except MemoryError: print('refused')\n"
      "print(refused(mmap.mmap, -1, 10 << 30))\n");
  EXPECT_EQ(o.out, "refused\nENOMEM\n") << o.err;
}

TEST_F(Hostile, sleeping_for_ever_ends_with_the_time) {
  const Outcome o = python("time.sleep(1e6)\n", short_limits);
  EXPECT_TRUE(o.timed_out);
  EXPECT_EQ(o.signal, SIGKILL);
  EXPECT_EQ(o.exit_code, -1);
  EXPECT_GE(o.ns_wall, 1'500'000'000u);
}

TEST_F(Hostile, every_signal_ignored_and_stopped_it_still_ends) {
  const Outcome o = python(
      "import signal\n"
      "for s in range(1, 65):\n"
      "  try: signal.signal(s, signal.SIG_IGN)\n"
      "  except (OSError, ValueError): pass\n"
      "os.kill(os.getpid(), signal.SIGSTOP)\n",
      short_limits);
  EXPECT_TRUE(o.timed_out);
}

TEST_F(Hostile, a_busy_loop_ends_with_its_processor_time) {
  const Outcome o = python("while True: pass\n", {.wall_ms = 60'000, .cpu_ms = 1'000});
  EXPECT_EQ(o.signal, SIGXCPU);
  EXPECT_FALSE(o.timed_out);
}

TEST_F(Hostile, a_daemon_of_a_double_fork_does_not_outlive_the_command) {
  const std::string marker = fmt::format("bw-daemon-{}", ::getpid());
  const Outcome o = python(
      "if os.fork() == 0:\n"
      "  os.setsid()\n"
      "  if os.fork() == 0:\n"
      "    for fd in range(3): os.close(fd)\n"
      "    time.sleep(60)\n"
      "  os._exit(0)\n"
      "os.wait(); print('started')\n",
      {.wall_ms = 30'000}, {}, marker);
  EXPECT_EQ(o.out, "started\n") << o.err;
  EXPECT_EQ(o.exit_code, 0);
  EXPECT_LT(o.ns_wall, 25'000'000'000u) << "nobody waits for the daemon";
  EXPECT_FALSE(is_running(marker));
}

TEST_F(Hostile, closing_stdout_and_lingering_gains_nothing) {
  const std::string marker = fmt::format("bw-linger-{}", ::getpid());
  const Outcome o =
      python("os.close(0); os.close(1); os.close(2)\ntime.sleep(60)\n", short_limits, {}, marker);
  EXPECT_TRUE(o.timed_out);
  EXPECT_FALSE(is_running(marker));
}

TEST_F(Hostile, a_new_session_gains_nothing) {
  const std::string marker = fmt::format("bw-session-{}", ::getpid());
  const Outcome o = python("if os.fork() == 0: os.setsid()\ntime.sleep(60)\n", short_limits, {}, marker);
  EXPECT_TRUE(o.timed_out);
  EXPECT_FALSE(is_running(marker));
}

TEST_F(Hostile, printing_for_ever_is_cut) {
  const auto r = run({"sh", "-c", "yes & yes >&2"}, "", {.wall_ms = 1'500, .output_bytes = 100'000});
  ASSERT_TRUE(r) << r.error().what;
  EXPECT_TRUE(r->output_cut);
  EXPECT_TRUE(r->timed_out);
  EXPECT_EQ(r->out.size(), 100'000u);
  EXPECT_EQ(r->err.size(), 100'000u);
}

TEST_F(Hostile, no_network_of_any_kind) {
  const Fd tcp(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)),
      abstract(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in in{};
  in.sin_family = AF_INET;
  in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  ASSERT_EQ(::bind(tcp.get(), reinterpret_cast<sockaddr*>(&in), sizeof in), 0);
  socklen_t n = sizeof in;
  ::getsockname(tcp.get(), reinterpret_cast<sockaddr*>(&in), &n);
  sockaddr_un un{};
  un.sun_family = AF_UNIX;
  const std::string name = fmt::format("bw-abstract-{}", ::getpid());
  std::copy(name.begin(), name.end(), un.sun_path + 1);
  ASSERT_EQ(::bind(abstract.get(), reinterpret_cast<sockaddr*>(&un),
                   static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size())),
            0);
  ::listen(tcp.get(), 5);
  ::listen(abstract.get(), 5);
  const Outcome o = python(
      fmt::format("import socket as s\n"
                  "print(refused(lambda: s.create_connection(('127.0.0.1', {}))), \n"
                  "      refused(lambda: s.socket(s.AF_INET, s.SOCK_DGRAM).sendto(b'x', ('8.8.8.8', 53))),\n"
                  "      refused(lambda: s.socket(s.AF_INET6, s.SOCK_STREAM)),\n"
                  "      refused(lambda: s.socket(s.AF_UNIX, s.SOCK_STREAM).connect('\\0{}')),\n"
                  "      refused(lambda: s.socket(s.AF_NETLINK, s.SOCK_RAW, 0)),\n"
                  "      refused(lambda: s.socket(s.AF_PACKET, s.SOCK_RAW, 0)),\n"
                  "      refused(lambda: s.socket(s.AF_VSOCK, s.SOCK_STREAM)))\n"
                  "a, b = s.socketpair(); a.send(b'pair'); print(b.recv(9))\n",
                  ntohs(in.sin_port), name));
  EXPECT_EQ(o.out, "EPERM EPERM EPERM EPERM EPERM EPERM EPERM\nb'pair'\n") << o.err;
}

TEST_F(Hostile, other_processes_cannot_be_traced_read_or_signalled) {
  const int victim = ::getpid();
  const Outcome o = python(fmt::format(
      "print(refused(os.kill, {0}, 9), refused(os.kill, {0}, 0), refused(open, '/proc/{0}/mem'), "
      "refused(open, '/proc/1/mem'))\n"
      "print([libc.ptrace(16, p, 0, 0) for p in ({0}, 1, os.getppid())], ctypes.get_errno() == errno.EPERM)\n"
      "b = ctypes.create_string_buffer(8)\n"
      "class V(ctypes.Structure): _fields_ = [('p', ctypes.c_void_p), ('n', ctypes.c_size_t)]\n"
      "v = V(ctypes.addressof(b), 8)\n"
      "print([libc.process_vm_readv(p, ctypes.byref(v), 1, ctypes.byref(v), 1, 0) for p in ({0}, 1)])\n"
      "os.kill(1, 9); os.kill(1, 15); print(os.getppid())\n"
      "os.kill(-1, 9) if os.fork() else time.sleep(60)\n"
      "print('alive')\n",
      victim));
  EXPECT_EQ(o.out, "ESRCH ESRCH ENOENT ENOENT\n[-1, -1, -1] True\n[-1, -1]\n1\nalive\n") << o.err;
}

TEST_F(Hostile, a_setuid_program_gives_nobody_rights) {
  const Outcome o = python(
      "who = os.getresuid()\n"
      "import subprocess as p\n"
      "r = p.run(['/usr/bin/su', '-c', 'id -u'], capture_output=True) if os.path.exists('/usr/bin/su') else "
      "None\n"
      "print(0 in who, r is None or r.returncode != 0, bool(os.statvfs('/usr').f_flag & os.ST_NOSUID),\n"
      "      bool(os.statvfs('.').f_flag & os.ST_NOSUID), refused(os.setuid, 0), libc.prctl(39, 0, 0, 0, "
      "0))\n");
  EXPECT_EQ(o.out, "False True True True EPERM 1\n") << o.err;  // 39: PR_GET_NO_NEW_PRIVS
}

TEST_F(Hostile, the_kernels_other_doors_are_shut) {
#ifdef __x86_64__
  const Outcome o = python(
      "calls = dict(mount=165, umount2=166, pivot_root=155, chroot=161, unshare=272, setns=308, ptrace=101, "
      "bpf=321,\n"
      "  userfaultfd=323, io_uring_setup=425, perf_event_open=298, keyctl=250, add_key=248, kexec_load=246, "
      "reboot=169,\n"
      "  init_module=175, finit_module=313, open_by_handle_at=304, process_vm_writev=311, kcmp=312, "
      "mknod=133,\n"
      "  setuid=105, capset=126, personality=135, shmget=29, mq_open=240, syslog=103, swapon=167, acct=163, "
      "iopl=172,\n"
      "  pidfd_getfd=438, seccomp=317, open_tree=428, fsopen=430, memfd_secret=447)\n"
      "print([n for n, c in calls.items() if call(c, 0, 0, 0, 0, 0, 0) != 'EPERM'])\n"
      "CLONE_NEWUSER = 0x10000000\n"
      "print(call(56, CLONE_NEWUSER | 17, 0, 0, 0, 0), call(435, 0, 0), call(1000, 0))\n"  // clone, clone3,
                                                                                           // none
      "print(call(302, 1, 7, 0, 0))\n"     // prlimit64 of another
      "print(call(16, 1, 0x5412, 0))\n");  // ioctl TIOCSTI
  EXPECT_EQ(o.out, "[]\nENOSYS ENOSYS ENOSYS\nENOSYS\nENOSYS\n") << o.err;
#else
  GTEST_SKIP() << "no x86-64 processor, whose numbers of system calls stand in this test";
#endif
}

TEST_F(Hostile, calls_of_another_architecture_end_it) {
#ifdef __x86_64__
  const Outcome o = python(
      "import mmap\n"
      "m = mmap.mmap(-1, 4096, prot=7)\n"
      "m.write(b'\\xb8\\x14\\0\\0\\0\\xcd\\x80\\xc3')\n"  // mov eax, 20 (getpid of i386); int 0x80; ret
      "f = ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(m)))\n"
      "print('before', flush=True); f(); print('after')\n");
  EXPECT_EQ(o.out, "before\n") << o.err;
  EXPECT_TRUE(o.signal == SIGSYS || o.signal == SIGSEGV) << o.signal;  // SIGSEGV: a kernel without i386
#else
  GTEST_SKIP() << "no x86-64 processor, whose 32-bit system calls this is about";
#endif
}

TEST_F(Hostile, special_files_owners_and_other_users_files_are_not_made) {
  const Outcome o = python(
      "open('f', 'w').close()\n"
      "print(refused(os.mknod, 'd', 0o20666, os.makedev(1, 1)), refused(os.chown, 'f', 0, 0), "
      "refused(os.link, '/usr/bin/env', 'l'), refused(os.rename, 'f', '/usr/f'))\n");
  EXPECT_EQ(o.out, "EPERM EPERM EXDEV EXDEV\n") << o.err;
}

TEST_F(Hostile, limits_cannot_be_raised_again) {
  const Outcome o = python(
      "import resource as r\n"
      "def up(k):\n"
      "  try: r.setrlimit(k, (r.RLIM_INFINITY, r.RLIM_INFINITY)); return 'raised'\n"
      "  except (ValueError, OSError): return 'no'\n"
      "print([up(k) for k in (r.RLIMIT_AS, r.RLIMIT_NPROC, r.RLIMIT_FSIZE, r.RLIMIT_CPU, r.RLIMIT_NOFILE, "
      "r.RLIMIT_CORE)])\n");
  EXPECT_EQ(o.out, "['no', 'no', 'no', 'no', 'no', 'no']\n") << o.err;
}

TEST_F(Hostile, its_input_cannot_be_changed_under_the_parent) {
  const auto r = run({"python3", "-I", "-c",
                      "import os\ntry: os.pwrite(0, b'x', 0); print('changed')\n"
                      "except OSError as e: print(e.errno)\n"},
                     "input");
  ASSERT_TRUE(r) << r.error().what;
  EXPECT_EQ(r->out, "1\n") << r->err;  // EPERM: sealed
}

}  // namespace
}  // namespace bw::sandbox
