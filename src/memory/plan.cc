// The planned bytes of one deployment: the engine's Plan op, and the program around it.
#include <fmt/format.h>

#include "memory/memory.h"

namespace bw::memory {

Result<MemoryReport> plan(const gguf::File& file, const engine::ContextOptions& options, int n_threads) {
  const Host machine = host();
  const int threads = n_threads > 0 ? n_threads : machine.n_usable;
  BW_TRY(const engine::MemoryPlan p, engine::plan(file, options, threads));
  const uint64_t program = program_bytes(file, threads);
  const auto bytes = [](uint64_t n, std::string how) {
    return derived(static_cast<double>(n), "bytes", std::move(how));
  };
  MemoryReport r;
  r.weights = bytes(p.weights, "packed weights, by the Plan op");
  r.kv = bytes(p.kv, fmt::format("KV cache of {} sequence(s) of {} positions, {}", options.n_seq,
                                 options.n_ctx, kernels::name(options.kv_type)));
  r.work = bytes(p.work + p.tables, "buffers of a pass and tables, by the Plan op");
  r.program = bytes(program, "code, libraries, stacks and the file's header");
  r.planned = bytes(p.total() + program, "weights + KV + work + program");
  r.peak = unknown("bytes", "not measured");
  r.difference = unknown("share", "no peak measured");
  const HostLimit limit = host_limit(machine);
  r.limit = limit.source.empty() ? unknown("bytes", "neither /proc/meminfo nor a control group can be read")
                                 : measured(static_cast<double>(limit.bytes), "bytes", limit.source);
  return r;
}

Status fits(const gguf::File& file, const engine::ContextOptions& options, int n_threads) {
  BW_TRY(const MemoryReport p, memory::plan(file, options, n_threads));
  if (!p.planned.known() || !p.limit.known() || p.planned.value <= p.limit.value) return {};
  const auto text = [](const Figure& f) { return fmt::format("{:.1f} MiB", mib(f.value)); };
  return bad_input(
      fmt::format("{}: needs {} with a context of {} (weights {}, KV cache {}, work {}, program {}), this "
                  "host has {} ({})",
                  file.path, text(p.planned), options.n_ctx, text(p.weights), text(p.kv), text(p.work),
                  text(p.program), text(p.limit), p.limit.reason),
      "a shorter context or a smaller file; `bitworth plan` shows the sum");
}

}  // namespace bw::memory
