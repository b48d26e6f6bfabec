#include "base/thread_pool.h"

#include <fmt/format.h>

#include <chrono>
#include <system_error>

#include "base/fp_env.h"
#include "base/host.h"

namespace bw {
namespace {

void relax() {
#if defined(__x86_64__)
  _mm_pause();
#else
  asm volatile("yield");
#endif
}

// Waits until `a` is no longer `old`: spins about 50 us, then sleeps.
void wait_change(const std::atomic<uint32_t>& a, uint32_t old) {
  using clock = std::chrono::steady_clock;
  for (int i = 0; i < 256; ++i) {
    if (a.load(std::memory_order_acquire) != old) return;
    relax();
  }
  const auto until = clock::now() + std::chrono::microseconds(50);
  while (clock::now() < until)
    for (int i = 0; i < 32; ++i) {
      if (a.load(std::memory_order_acquire) != old) return;
      relax();
    }
  a.wait(old, std::memory_order_acquire);
}

}  // namespace

Result<std::unique_ptr<ThreadPool>> ThreadPool::make(int n_threads) {
  constexpr int most =
      512;  // more than any processor in sight; a typing error must not start a million threads
  if (n_threads < 0 || n_threads > most)
    return bad_input(fmt::format("threads: expected 0 to {}, found {}", most, n_threads),
                     "0 uses every processor this process may use");
  std::unique_ptr<ThreadPool> pool(new ThreadPool(n_threads == 0 ? host().n_usable : n_threads));
  try {
    for (int t = 1; t < pool->n_; ++t) pool->workers_.emplace_back([p = pool.get(), t] { p->work(t); });
  } catch (const std::system_error& e) {
    return failed(fmt::format("threads: the system refused to start thread {} of {}: {}",
                              pool->workers_.size() + 1, pool->n_, e.what()),
                  "ask for fewer with --threads");
  }
  return pool;
}

ThreadPool::~ThreadPool() {
  stop_.store(true, std::memory_order_relaxed);
  round_.fetch_add(1, std::memory_order_release);
  round_.notify_all();
  for (std::thread& w : workers_) w.join();
}

void ThreadPool::work(int thread) {
  set_fp_control(fp_control_bn1);
  uint32_t seen = 0;
  for (;;) {
    wait_change(round_, seen);
    ++seen;
    if (stop_.load(std::memory_order_relaxed)) return;
    call_(f_, thread);
    if (!fp_env_is_bn1()) fp_env_held_.store(false, std::memory_order_relaxed);
    if (finished_.fetch_add(1, std::memory_order_acq_rel) + 1 == static_cast<uint32_t>(n_ - 1))
      finished_.notify_one();
  }
}

void ThreadPool::run_erased(void (*call)(void*, int), void* f) {
  if (n_ == 1) return call(f, 0);
  call_ = call;
  f_ = f;
  finished_.store(0, std::memory_order_relaxed);
  round_.fetch_add(1, std::memory_order_release);
  round_.notify_all();
  call(f, 0);
  const auto all = static_cast<uint32_t>(n_ - 1);
  for (uint32_t now; (now = finished_.load(std::memory_order_acquire)) != all;) wait_change(finished_, now);
}

void ThreadPool::barrier() {
  if (n_ == 1) return;
  const uint32_t phase = phase_.load(std::memory_order_relaxed);
  if (arrived_.fetch_add(1, std::memory_order_acq_rel) + 1 == static_cast<uint32_t>(n_)) {
    arrived_.store(0, std::memory_order_relaxed);
    phase_.fetch_add(1, std::memory_order_release);
    phase_.notify_all();
  } else {
    wait_change(phase_, phase);
  }
}

}  // namespace bw
