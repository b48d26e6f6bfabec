// The memory axis: exact bytes planned by the Plan op, the peak measured in a child process, and this host's limit.
#pragma once
#include <string>

#include "base/figure.h"
#include "base/result.h"
#include "engine/engine.h"

namespace bw::memory {

struct HostLimit {
  uint64_t bytes = 0;     // the least of: MemAvailable, cgroup v2 memory.max (or v1), RLIMIT_AS where set
  std::string source;     // which of them binds, e.g. "cgroup v2 memory.max"
};
HostLimit host_limit();

struct MemoryReport {
  Figure planned;         // derived, bytes: weights + KV + work + tables + the program itself
  Figure weights, kv, work, program;  // its parts
  Figure peak;            // measured, bytes (VmHWM of the child); unknown until measured
  Figure difference;      // (peak - planned) / planned, share
  Figure limit;           // measured, bytes
};
// Plan only. Needs nothing loaded.
Result<MemoryReport> plan(const gguf::File& file, const engine::ContextOptions& options, int n_threads);

}  // namespace bw::memory
