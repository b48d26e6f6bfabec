// A persistent pool that runs one function on every thread at once, and barriers inside it.
// In: a function of (thread, n_threads). Out: when run() returns, every thread has finished it.
// Waiting spins first (a decode step has hundreds of short regions), then sleeps on a futex, so that an idle
// or crowded machine is not burnt. Workers hold BN1's floating-point environment (base/fp_env.h), checked
// each region.
#pragma once
#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <thread>
#include <type_traits>
#include <vector>

#include "base/result.h"

namespace bw {

class ThreadPool {
 public:
  // n_threads 0: host().n_usable (base/host.h). The calling thread of run() is thread 0; n_threads - 1
  // workers are started.
  static Result<std::unique_ptr<ThreadPool>> make(int n_threads);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int size() const { return n_; }
  // f(int thread) on every thread, the caller included. Not reentrant: one run at a time, from one thread at
  // a time.
  template <class F>
  void run(F&& f) {
    run_erased([](void* g, int thread) { (*static_cast<std::remove_reference_t<F>*>(g))(thread); }, &f);
  }
  // Inside f only, by every thread: waits until all have come. Writes before it are seen after it.
  void barrier();
  // False once a worker has found its floating-point environment changed under it (a bug of a library).
  bool fp_env_held() const { return fp_env_held_.load(std::memory_order_relaxed); }

 private:
  explicit ThreadPool(int n) : n_(n) {}
  void run_erased(void (*call)(void*, int), void* f);
  void work(int thread);

  const int n_;
  std::vector<std::thread> workers_;
  void (*call_)(void*, int) = nullptr;
  void* f_ = nullptr;
  alignas(64) std::atomic<uint32_t> round_{0};     // one more each run; the last value is `stop`
  alignas(64) std::atomic<uint32_t> finished_{0};  // workers done with this round
  alignas(64) std::atomic<uint32_t> arrived_{0};   // at the barrier
  alignas(64) std::atomic<uint32_t> phase_{0};     // barriers passed
  std::atomic<bool> stop_{false}, fp_env_held_{true};
};

// Part `thread` of n items over n_threads, contiguous.
struct Range {
  uint64_t begin, end;
};
inline Range share(uint64_t n, int thread, int n_threads) {
  const auto t = static_cast<uint64_t>(thread), all = static_cast<uint64_t>(n_threads);
  return {n * t / all, n * (t + 1) / all};
}

}  // namespace bw
