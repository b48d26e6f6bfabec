// The measured process: opens one file, loads it, runs the load, reads its own peak, then the machine's
// bandwidth. In: a request as JSON. Out: an answer as JSON (wire.h); progress lines on the file descriptor
// the request names.
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <new>

#include "base/host.h"
#include "base/thread_pool.h"
#include "engine/engine.h"
#include "gguf/file.h"
#include "speed/limits.h"
#include "speed/wire.h"

namespace bw::speed {
namespace {

constexpr uint64_t prompt_seed = 0x62697477;  // any; fixed, so that every candidate gets the same prompts

double cpu_seconds() {
  rusage u{};
  ::getrusage(RUSAGE_SELF, &u);
  const auto s = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) * 1e-6;
  };
  return s(u.ru_utime) + s(u.ru_stime);
}

// Progress that says something new; a full or closed pipe only loses a line.
Progress teller(int fd) {
  if (fd < 0) return {};
  return [fd, last = std::string(), percent = -1](const std::string& what, double share) mutable {
    const int now = static_cast<int>(std::floor(std::clamp(share, 0.0, 1.0) * 100));
    if (what == last && now == percent) return;
    last = what;
    percent = now;
    const std::string line = progress_line(what, share);
    [[maybe_unused]] const ssize_t n = ::write(fd, line.data(), line.size());
  };
}

std::vector<std::vector<engine::Token>> prompts_for(const gguf::File& file, uint32_t n_vocab,
                                                    const Load& load) {
  std::vector<std::vector<engine::Token>> out(load.n_requests);
  for (size_t i = 0; i < out.size(); ++i)
    out[i] = synthetic_prompt(file, n_vocab, load.prompt_tokens, prompt_seed + i);
  return out;
}

Result<ChildAnswer> measure_here(const ChildRequest& request) {
  const Load& load = request.load;
  const Progress progress = teller(request.progress_fd);
  ChildAnswer answer;
  BW_TRY(const gguf::File file, gguf::open(request.model));
  engine::LoadOptions load_options;
  load_options.n_threads = load.n_threads;
  if (progress)
    load_options.progress = [&](uint64_t done, uint64_t total) {
      progress("loading", total > 0 ? static_cast<double>(done) / static_cast<double>(total) : 0);
    };
  BW_TRY(std::shared_ptr<engine::Model> model, engine::load(file, load_options));
  const engine::ContextOptions options = context_options(load);
  BW_TRY(std::unique_ptr<engine::Context> context, engine::make_context(model, options));
  answer.around.load_s = static_cast<double>(monotonic_ns() - request.spawned_ns) * 1e-9;
  answer.isa = model->isa();
  answer.n_threads = model->n_threads();

  const auto prompts = prompts_for(file, model->spec().n_vocab, load);
  Load warm_up = load;
  warm_up.n_streams = 1;
  const auto said = [&](const char* what) -> Progress {
    if (!progress) return {};
    return [&progress, what](const std::string&, double share) { progress(what, share); };
  };
  BW_TRY(const Samples warm, run_load(*context, std::span(prompts).first(1), warm_up, options.n_batch,
                                      monotonic_ns, said("warming up")));
  const double cpu_before = cpu_seconds();
  BW_TRY(answer.samples, run_load(*context, prompts, load, options.n_batch, monotonic_ns, said("measuring")));
  answer.around.cpu_s = cpu_seconds() - cpu_before;
  if (warm.first_output != answer.samples.first_output)
    return failed("the same request gave two different answers in one process",
                  "this is a fault of bitworth or of this machine's memory: run `bitworth doctor`");
  if (const auto m = process_memory()) answer.peak_bytes = m->peak;  // before the bandwidth buffer adds to it

  BW_TRY(const engine::MemoryPlan plan, engine::plan(file, options, answer.n_threads));
  answer.around.bytes_read_per_token = plan.bytes_read_per_token;
  context.reset();
  model.reset();  // its memory goes back first: the buffer is as large as the weights
  if (progress) progress("read bandwidth", 0);
  BW_TRY(const std::unique_ptr<ThreadPool> pool, ThreadPool::make(answer.n_threads));
  answer.around.read_bandwidth = read_bandwidth(plan.bytes_read_per_token, *pool, monotonic_ns);
  return answer;
}

}  // namespace

engine::ContextOptions context_options(const Load& load) {
  engine::ContextOptions o;
  o.n_ctx = load.n_ctx;
  o.n_seq = load.n_streams;
  o.kv_type = load.kv_type;
  o.n_logits = std::min(o.n_logits, load.n_streams);
  return o;
}

Result<std::string> child_measure(const std::string& request_json) {
  BW_TRY(const ChildRequest request, child_request(request_json));
  try {
    auto answer = measure_here(request);
    return answer ? to_json(*answer) : to_json(answer.error());
  } catch (const std::bad_alloc&) {
    return to_json(failed(request.model + ": out of memory while measuring",
                          "`bitworth plan` shows what it needs and what this host leaves"));
  }
}

}  // namespace bw::speed
