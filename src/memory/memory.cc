// This host's limit, the bytes of the program itself, and a measured peak entered beside a plan.
#include "memory/memory.h"

#include <fmt/format.h>

#include <algorithm>

namespace bw::memory {
namespace {

// Code, libraries and heap of `bitworth child-measure`. Measured, release build, Debian 12, amd64: VmRSS is
// 5.4 MiB before it opens a file; VmHWM less weights, KV, work and header is 6.8 to 7.7 MiB after a load (two
// models, two contexts).
constexpr uint64_t bare_process = 7u << 20;
// What a worker thread touches of its stack and of its own malloc arena.
constexpr uint64_t per_thread = 96u << 10;
// glibc malloc: a header of 8 bytes, rounded up to 16, at least 32.
constexpr uint64_t per_block = 8;

uint64_t block(uint64_t n) {
  return n == 0 ? 0 : std::max<uint64_t>((n + per_block + 15) / 16 * 16, 32);
}

uint64_t string_bytes(const std::string& s) {
  return s.capacity() > std::string().capacity() ? block(s.capacity() + 1)
                                                 : 0;  // short ones live in the object
}

uint64_t value_bytes(const gguf::Value& value) {
  struct Visitor {
    uint64_t operator()(uint64_t) const { return 0; }
    uint64_t operator()(int64_t) const { return 0; }
    uint64_t operator()(double) const { return 0; }
    uint64_t operator()(bool) const { return 0; }
    uint64_t operator()(const std::string& s) const { return string_bytes(s); }
    uint64_t operator()(const std::vector<uint64_t>& v) const {
      return block(v.capacity() * sizeof(uint64_t));
    }
    uint64_t operator()(const std::vector<int64_t>& v) const { return block(v.capacity() * sizeof(int64_t)); }
    uint64_t operator()(const std::vector<double>& v) const { return block(v.capacity() * sizeof(double)); }
    uint64_t operator()(const std::vector<bool>& v) const { return block(v.capacity() / 8); }
    uint64_t operator()(const gguf::Strings& v) const {
      return block(v.text_bytes()) + block(v.ends_bytes());
    }
  };
  return std::visit(Visitor{}, value.data);
}

uint64_t header_bytes(const gguf::File& file) {
  uint64_t n = block(file.kv.capacity() * sizeof(file.kv[0])) +
               block(file.tensors.capacity() * sizeof(gguf::TensorInfo));
  for (const auto& [key, value] : file.kv) n += string_bytes(key) + value_bytes(value);
  for (const gguf::TensorInfo& t : file.tensors) n += string_bytes(t.name);
  return n;
}

}  // namespace

HostLimit host_limit(const Host& host) {
  HostLimit out;
  const auto offer = [&out](uint64_t bytes, std::string source) {
    if (!out.source.empty() && bytes >= out.bytes) return;
    out = {bytes, std::move(source)};
  };
  if (host.memory_available) offer(*host.memory_available, "MemAvailable");
  for (const CgroupLimit& c : host.cgroup)
    offer(c.headroom(), fmt::format("{} of {:.0f} MiB, {:.0f} MiB of it in use", c.source,
                                    mib(static_cast<double>(c.bytes)), mib(static_cast<double>(c.used))));
  if (host.address_space) offer(*host.address_space, "RLIMIT_AS (ulimit -v)");
  return out;
}
HostLimit host_limit() {
  return host_limit(host());
}

uint64_t program_bytes(const gguf::File& file, int n_threads) {
  return bare_process + per_thread * static_cast<uint64_t>(std::max(n_threads, 1)) + header_bytes(file);
}

void set_peak(MemoryReport& report, const Figure& peak) {
  report.peak = peak;
  if (!peak.known())
    report.difference = unknown("share", "no peak: " + peak.reason);
  else if (!report.planned.known() || report.planned.value <= 0)
    report.difference = unknown("share", "nothing planned to compare with");
  else
    report.difference = measured((peak.value - report.planned.value) / report.planned.value, "share",
                                 "(measured peak - planned) / planned");
}

}  // namespace bw::memory
