// The limit that binds is the least one, the plan's parts add up, and a file's header is counted. Oracles:
// sums done by hand, and this process's own resident memory. The plan against a real peak is tested beside
// the child process that measures it (speed/measure_test.cc).
#include "memory/memory.h"

#include <gtest/gtest.h>
#include <malloc.h>

namespace {
using namespace bw;
using memory::HostLimit;
using memory::MemoryReport;

Host machine(uint64_t available) {
  Host h;
  h.memory_available = available;
  return h;
}

TEST(HostLimit, available_memory_binds_where_nothing_else_is_set) {
  const HostLimit l = memory::host_limit(machine(1000));
  EXPECT_EQ(l.bytes, 1000u);
  EXPECT_EQ(l.source, "MemAvailable");
}

TEST(HostLimit, what_a_control_group_has_left_binds_when_it_is_less) {
  Host h = machine(5u << 20);
  h.cgroup.push_back({"cgroup v2 memory.max", 8u << 20, 6u << 20});
  h.cgroup.push_back({"cgroup v2 memory.max", 7u << 20, 1u << 20});
  const HostLimit l = memory::host_limit(h);
  EXPECT_EQ(l.bytes, 2u << 20);
  EXPECT_EQ(l.source, "cgroup v2 memory.max of 8 MiB, 6 MiB of it in use");
}

TEST(HostLimit, a_full_control_group_leaves_nothing_and_says_so) {
  Host h = machine(5u << 20);
  h.cgroup.push_back({"cgroup v1 memory.limit_in_bytes", 1u << 20, 2u << 20});
  const HostLimit l = memory::host_limit(h);
  EXPECT_EQ(l.bytes, 0u);
  EXPECT_NE(l.source.find("cgroup v1"), std::string::npos);
}

TEST(HostLimit, the_address_space_limit_binds_when_it_is_least) {
  Host h = machine(5000);
  h.address_space = 4000;
  EXPECT_EQ(memory::host_limit(h).bytes, 4000u);
  EXPECT_EQ(memory::host_limit(h).source, "RLIMIT_AS (ulimit -v)");
}

TEST(HostLimit, an_unreadable_machine_has_no_source) {
  EXPECT_TRUE(memory::host_limit(Host{}).source.empty());
}

gguf::File vocabulary(size_t n) {
  gguf::File f;
  std::vector<std::string> tokens, merges;
  std::vector<int64_t> kinds;
  for (size_t i = 0; i < n; ++i) {
    tokens.push_back("token" + std::to_string(i));
    merges.push_back("a rather long merge of two " +
                     std::to_string(i));  // too long for the string object itself
    kinds.push_back(1);
  }
  const auto add = [&f](const char* key, auto data) {
    gguf::Value v;
    v.type = gguf::ValueType::array;
    v.data = std::move(data);
    f.kv.emplace_back(key, std::move(v));
  };
  add("tokenizer.ggml.tokens", std::move(tokens));
  add("tokenizer.ggml.merges", std::move(merges));
  add("tokenizer.ggml.token_type", std::move(kinds));
  return f;
}

TEST(ProgramBytes, counts_the_header_within_two_percent_of_what_malloc_gave_out) {
  const auto in_use = [] {
    const struct mallinfo2 m = ::mallinfo2();
    return m.uordblks + m.hblkhd;
  };
  const size_t before = in_use();
  const gguf::File file = vocabulary(200000);
  const double real = static_cast<double>(in_use() - before);
  if (real == 0) GTEST_SKIP() << "this malloc does not count its bytes (a sanitizer's does not)";
  const double counted =
      static_cast<double>(memory::program_bytes(file, 1) - memory::program_bytes(gguf::File{}, 1));
  EXPECT_NEAR(counted / real, 1.0, 0.02);
}

TEST(ProgramBytes, grows_with_each_thread) {
  const gguf::File f;
  EXPECT_GT(memory::program_bytes(f, 8), memory::program_bytes(f, 2));
}

TEST(Peak, the_difference_is_a_share_of_the_plan) {
  MemoryReport r;
  r.planned = derived(1000, "bytes");
  memory::set_peak(r, measured(1020, "bytes"));
  EXPECT_DOUBLE_EQ(r.difference.value, 0.02);
  EXPECT_EQ(r.difference.birth, Birth::measured);
}

TEST(Peak, an_unknown_peak_leaves_the_difference_unknown_with_its_reason) {
  MemoryReport r;
  r.planned = derived(1000, "bytes");
  memory::set_peak(r, unknown("bytes", "the child was killed"));
  EXPECT_FALSE(r.difference.known());
  EXPECT_NE(r.difference.reason.find("the child was killed"), std::string::npos);
}
}  // namespace
