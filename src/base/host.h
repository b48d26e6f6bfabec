// The machine as this process may use it: processors, memory, and the limits a control group or rlimit sets.
// In: /proc and the control group files (their roots can be replaced, for tests). Out: Host, ProcessMemory.
// Sources: proc(5), cgroups(7), kernel Documentation/admin-guide/cgroup-v2.rst and cgroup-v1/memory.rst.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace bw {

struct HostPaths {
  std::string proc = "/proc";
  std::string prefix;  // put before every mount point read from proc/self/mountinfo; "" on a real machine
};

// A memory limit set on this process's control group or on one above it.
struct CgroupLimit {
  std::string source;  // "cgroup v2 memory.max", "cgroup v1 memory.limit_in_bytes"
  uint64_t bytes = 0;  // the limit
  uint64_t used = 0;   // charged to the group now, less its inactive file pages, which the kernel gives back
  uint64_t headroom() const { return used < bytes ? bytes - used : 0; }
};

struct Host {
  std::string cpu_model;  // "unknown" where the kernel does not say
  std::string kernel;     // "Linux 6.1.0-13-amd64"
  int n_allowed = 1;      // logical processors in this process's affinity mask
  double cpu_quota = 0;   // processors' worth of time the control groups allow; 0 = no quota
  int n_usable = 1;       // n_allowed, or the quota (nearest whole, at least 1) where it is less
  std::optional<uint64_t> memory_total, memory_available;  // bytes
  std::vector<CgroupLimit> cgroup;        // every limit that is set, from the process's own group upwards
  std::optional<uint64_t> address_space;  // RLIMIT_AS, bytes, where set
};
Host host(const HostPaths& paths = {});

struct ProcessMemory {
  uint64_t rss = 0;   // VmRSS, bytes
  uint64_t peak = 0;  // VmHWM, bytes: most resident at once since exec
};
// Of this process; empty where proc/self/status does not say.
std::optional<ProcessMemory> process_memory(const HostPaths& paths = {});

// Processes killed for lack of memory so far, as the nearest counter tells (this control group's, else the
// machine's); empty where none can be read. Compare two readings around a child to know why it died.
std::optional<uint64_t> oom_kills(const HostPaths& paths = {});

}  // namespace bw
