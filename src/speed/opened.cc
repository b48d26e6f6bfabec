// See opened.h.
#include "speed/opened.h"

#include "base/clock.h"
#include "base/host.h"
#include "memory/memory.h"

namespace bw::speed {

Result<Opened> open_for_bench(const std::string& model_path, const engine::ContextOptions& options,
                              int n_threads, const Progress& progress) {
  const uint64_t start = monotonic_ns();
  BW_TRY(gguf::File file, gguf::open(model_path));
  BW_CHECK(memory::fits(file, options, n_threads));
  engine::LoadOptions load_options;
  load_options.n_threads = n_threads;
  if (progress)
    load_options.progress = [&](uint64_t done, uint64_t total) {
      progress("loading", total > 0 ? static_cast<double>(done) / static_cast<double>(total) : 0);
    };
  BW_TRY(std::shared_ptr<engine::Model> model, engine::load(file, load_options));
  BW_TRY(std::unique_ptr<engine::Context> context, engine::make_context(model, options));
  const double seconds = static_cast<double>(monotonic_ns() - start) * 1e-9;
  return Opened{std::move(file), std::move(model), std::move(context),
                measured(seconds, "s", "open to ready, file possibly cached")};
}

Figure peak_so_far() {
  const auto m = process_memory();
  if (!m) return unknown("bytes", "/proc/self/status does not say");
  return measured(static_cast<double>(m->peak), "bytes", "VmHWM of this process, weights and cache included");
}

}  // namespace bw::speed
