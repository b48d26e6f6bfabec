// What the sandbox's tests share: running Python inside, and looking for processes that should be gone.
#pragma once
#include <gtest/gtest.h>

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include "sandbox/sandbox.h"

namespace bw::sandbox::testing {

inline std::string slurp(const std::filesystem::path& path) {
  std::ifstream in(path);
  std::stringstream s;
  s << in.rdbuf();
  return s.str();
}

// Whether a process of this machine has `marker` in its command line.
inline bool is_running(const std::string& marker) {
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    const std::string name = entry.path().filename();
    if (name.find_first_not_of("0123456789") == std::string::npos && std::stoi(name) != ::getpid() &&
        slurp(entry.path() / "cmdline").find(marker) != std::string::npos)
      return true;
  }
  return false;
}

class Sandboxed : public ::testing::Test {
 protected:
  void SetUp() override {
    if (::access("/usr/bin/python3", X_OK) != 0) GTEST_SKIP() << "no /usr/bin/python3 (package python3)";
    if (const Status s = available(); !s) {
      ASSERT_EQ(s.error().code, Code::unsupported) << s.error().what;  // anything else is our fault
      GTEST_SKIP() << s.error().what << "; " << s.error().next;
    }
    char name[] = "/tmp/bitworth-sandbox-XXXXXX";
    outside_ = ::mkdtemp(name);
    std::filesystem::permissions(outside_, std::filesystem::perms(0755));
  }
  void TearDown() override {
    if (!outside_.empty()) std::filesystem::remove_all(outside_);
  }
  // `marker`, if given, becomes an argument, so that is_running() can find what was started.
  Outcome python(const std::string& code, const Limits& limits = {},
                 const std::vector<std::string>& read_only = {}, const std::string& marker = "none") {
    const std::string prelude =
        "import os, sys, time, errno, ctypes, threading\n"
        "libc = ctypes.CDLL(None, use_errno=True)\n"
        "def call(*a):\n"
        "  r = libc.syscall(*a)\n"
        "  return errno.errorcode[ctypes.get_errno()] if r == -1 else r\n"
        "def refused(f, *a):\n"
        "  try: f(*a)\n"
        "  except OSError as e: return errno.errorcode[e.errno]\n"
        "  return 'DONE'\n";
    auto r = run({"/usr/bin/python3", "-I", "-c", prelude + code, marker}, "", limits, read_only);
    EXPECT_TRUE(r) << r.error().what;
    return r ? *r : Outcome{};
  }
  std::string outside_;  // a folder of this machine that the command is not shown
};

}  // namespace bw::sandbox::testing
