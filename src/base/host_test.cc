// Limits are read from the kernel's files, wherever they are mounted, and the least one wins. Oracle: file
// trees written here after cgroups(7) and proc(5), and getrusage/sysconf for the machine the test runs on.
#include "base/host.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

namespace {
using namespace bw;
namespace fs = std::filesystem;

class FakeHost : public ::testing::Test {
 protected:
  void SetUp() override {
    root_ = fs::temp_directory_path() / ("bw_host_" + std::to_string(::getpid()) + "_" +
                                         ::testing::UnitTest::GetInstance()->current_test_info()->name());
    paths_ = {(root_ / "proc").string(), root_.string()};
    put("proc/cpuinfo",
        "processor\t: 0\nmodel name\t: Test CPU 9000\n\nprocessor\t: 1\nmodel name\t: Test CPU 9000\n");
    put("proc/sys/kernel/osrelease", "6.1.0-test\n");
    put("proc/self/status",
        "Name:\tx\nVmHWM:\t    2048 kB\nVmRSS:\t    1024 kB\nCpus_allowed_list:\t0-3,8\n");
    put("proc/meminfo", "MemTotal:       16000 kB\nMemFree:         100 kB\nMemAvailable:    8000 kB\n");
  }
  void TearDown() override { fs::remove_all(root_); }
  void put(const std::string& path, const std::string& text) {
    fs::create_directories((root_ / path).parent_path());
    std::ofstream(root_ / path) << text;
  }
  void mount_v2(const std::string& own, const std::string& mount_root = "/") {
    put("proc/self/cgroup", "0::" + own + "\n");
    put("proc/self/mountinfo",
        "31 23 0:28 " + mount_root + " /sys/fs/cgroup rw,relatime shared:4 - cgroup2 cgroup2 rw\n");
  }
  fs::path root_;
  HostPaths paths_;
};

TEST_F(FakeHost, names_the_processor_kernel_and_memory) {
  const Host h = host(paths_);
  EXPECT_EQ(h.cpu_model, "Test CPU 9000");
  EXPECT_EQ(h.kernel, "Linux 6.1.0-test");
  EXPECT_EQ(h.n_allowed, 5);
  EXPECT_EQ(h.n_usable, 5);
  EXPECT_EQ(h.memory_total, 16000u * 1024);
  EXPECT_EQ(h.memory_available, 8000u * 1024);
  EXPECT_TRUE(h.cgroup.empty());
  const auto m = process_memory(paths_);
  ASSERT_TRUE(m);
  EXPECT_EQ(m->rss, 1024u * 1024);
  EXPECT_EQ(m->peak, 2048u * 1024);
}

TEST_F(FakeHost, v2_limits_are_found_in_the_own_group_and_above_it) {
  mount_v2("/a/b");
  put("sys/fs/cgroup/a/b/memory.max", "max\n");
  put("sys/fs/cgroup/a/memory.max", "4194304\n");
  put("sys/fs/cgroup/a/memory.current", "3000000\n");
  put("sys/fs/cgroup/a/memory.stat", "anon 1\nfile 1200000\ninactive_file 1000000\n");
  put("sys/fs/cgroup/a/b/cpu.max", "max 100000\n");
  put("sys/fs/cgroup/a/cpu.max", "150000 100000\n");
  const Host h = host(paths_);
  ASSERT_EQ(h.cgroup.size(), 1u);
  EXPECT_EQ(h.cgroup[0].source, "cgroup v2 memory.max");
  EXPECT_EQ(h.cgroup[0].bytes, 4194304u);
  EXPECT_EQ(h.cgroup[0].used, 2000000u);
  EXPECT_EQ(h.cgroup[0].headroom(), 2194304u);
  EXPECT_DOUBLE_EQ(h.cpu_quota, 1.5);
  EXPECT_EQ(h.n_usable, 2);
  EXPECT_EQ(h.n_allowed, 5);
}

TEST_F(FakeHost, a_quota_below_one_processor_still_leaves_one) {
  mount_v2("/a");
  put("sys/fs/cgroup/a/cpu.max", "20000 100000\n");
  EXPECT_EQ(host(paths_).n_usable, 1);
}

TEST_F(FakeHost, a_container_sees_its_own_group_at_the_mount_point) {
  mount_v2("/docker/1234", "/docker/1234");
  put("sys/fs/cgroup/memory.max", "1000000\n");
  put("sys/fs/cgroup/memory.current", "2000000\n");
  const Host h = host(paths_);
  ASSERT_EQ(h.cgroup.size(), 1u);
  EXPECT_EQ(h.cgroup[0].headroom(), 0u);  // over its limit already: nothing left, not a wrapped number
}

TEST_F(FakeHost, v1_hierarchies_are_followed_and_their_no_limit_is_none) {
  put("proc/self/cgroup", "4:memory:/job\n2:cpu,cpuacct:/job\n0::/\n");
  put("proc/self/mountinfo",
      "32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n"
      "35 31 0:32 / /sys/fs/cgroup/mem\\040ory rw - cgroup cgroup rw,memory\n"
      "41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n");
  put("sys/fs/cgroup/mem ory/job/memory.limit_in_bytes", "8000000\n");
  put("sys/fs/cgroup/mem ory/job/memory.usage_in_bytes", "1000000\n");
  put("sys/fs/cgroup/mem ory/job/memory.stat", "inactive_file 1\ntotal_inactive_file 400000\n");
  put("sys/fs/cgroup/mem ory/job/memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 7\n");
  put("sys/fs/cgroup/mem ory/memory.limit_in_bytes", "9223372036854771712\n");
  put("sys/fs/cgroup/cpu,cpuacct/job/cpu.cfs_quota_us", "-1\n");
  put("sys/fs/cgroup/cpu,cpuacct/job/cpu.cfs_period_us", "100000\n");
  put("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "300000\n");
  put("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us", "100000\n");
  const Host h = host(paths_);
  ASSERT_EQ(h.cgroup.size(), 1u);
  EXPECT_EQ(h.cgroup[0].source, "cgroup v1 memory.limit_in_bytes");
  EXPECT_EQ(h.cgroup[0].headroom(), 8000000u - 600000u);
  EXPECT_DOUBLE_EQ(h.cpu_quota, 3.0);
  EXPECT_EQ(h.n_usable, 3);
  EXPECT_EQ(oom_kills(paths_), 7u);
}

TEST_F(FakeHost, memory_kills_fall_back_to_the_machines_counter) {
  EXPECT_FALSE(oom_kills(paths_));
  put("proc/vmstat", "pgfault 1\noom_kill 3\n");
  EXPECT_EQ(oom_kills(paths_), 3u);
}

TEST_F(FakeHost, an_arm_processor_is_named_by_maker_and_part) {
  put("proc/cpuinfo", "processor\t: 0\nCPU implementer\t: 0x41\nCPU part\t: 0xd0c\n");
  EXPECT_EQ(host(paths_).cpu_model, "ARM implementer 0x41 part 0xd0c");
}

TEST(Host, nothing_readable_gives_unknowns_and_one_processor) {
  const Host h = host({"/nonexistent", "/nonexistent"});
  EXPECT_EQ(h.cpu_model, "unknown");
  EXPECT_EQ(h.n_usable, 1);
  EXPECT_FALSE(h.memory_available);
  EXPECT_FALSE(process_memory({"/nonexistent", ""}));
}

TEST(Host, this_machine_agrees_with_the_c_library) {
  const Host h = host();
  EXPECT_LE(h.n_allowed, ::sysconf(_SC_NPROCESSORS_CONF));
  ASSERT_TRUE(h.memory_total);
  EXPECT_EQ(*h.memory_total / 4096,
            static_cast<uint64_t>(::sysconf(_SC_PHYS_PAGES)) * ::sysconf(_SC_PAGESIZE) / 4096);
}

TEST(Host, the_peak_rises_by_the_pages_touched) {
  const auto before = process_memory();
  ASSERT_TRUE(before);
  constexpr size_t n = 64u << 20;
  {
    std::string block(n, 'x');
    ASSERT_EQ(block[n / 2], 'x');
  }
  const auto after = process_memory();
  ASSERT_TRUE(after);
  EXPECT_GE(after->peak, before->rss + n - (4u << 20));
  EXPECT_GE(after->peak, after->rss);
}
}  // namespace
