// The memory axis: exact bytes planned by the Plan op, the peak measured in a child process, and this host's
// limit.
#pragma once
#include <string>

#include "base/figure.h"
#include "base/host.h"
#include "base/result.h"
#include "engine/engine.h"

namespace bw::memory {

struct HostLimit {
  uint64_t bytes =
      0;  // the least of: MemAvailable, what each cgroup limit leaves, RLIMIT_AS; 0 = none is known
  std::string source;  // which of them binds, e.g. "cgroup v2 memory.max"
};
HostLimit host_limit();
HostLimit host_limit(const Host& host);  // of a host already read, or another one

struct MemoryReport {
  Figure planned;  // derived, bytes: weights + KV + work (with tables) + the program itself
  Figure weights, kv, work, program;  // its parts
  Figure peak;                        // measured, bytes (VmHWM of the child); unknown until measured
  Figure difference;                  // (peak - planned) / planned, share
  Figure limit;                       // measured, bytes
};
// Plan only. Needs nothing loaded.
Result<MemoryReport> plan(const gguf::File& file, const engine::ContextOptions& options, int n_threads);

// Refuses (bad_input), with the plan, what would not fit into this host's limit, before anything is loaded. A
// limit that is not known refuses nothing.
Status fits(const gguf::File& file, const engine::ContextOptions& options, int n_threads);

// Bytes the measuring process holds besides weights, KV and work: its code, libraries and heap, a stack a
// thread, and the file's header (key-values and tensor list) as gguf::open keeps it.
uint64_t program_bytes(const gguf::File& file, int n_threads);

// Enters a measured peak (bytes) and the difference that follows from it.
void set_peak(MemoryReport& report, const Figure& peak);

}  // namespace bw::memory
