// A persistent pool that runs one function on every thread at once, and barriers inside it.
// In: a function of a thread's number. Out: when run() returns, every thread has finished it; when run_some()
// returns, all work is done by whoever was free to take it. Waiting spins first (a decode step has hundreds
// of short regions), then sleeps on a futex, so that an idle or crowded machine is not burnt. Workers hold
// BN1's floating-point environment (base/fp_env.h), checked each region.
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
  // f(int thread) once on every thread, the caller included. Not reentrant: one at a time, from one thread at
  // a time.
  template <class F>
  void run(F&& f) {
    start(erased<F>, &f, true);
  }
  // f(int thread) on the caller and on the workers that come in time: f takes all its work from a WorkShares,
  // and uses no barrier. A worker the system has put aside holds nobody up, unless it was put aside in the
  // middle of a piece.
  template <class F>
  void run_some(F&& f) {
    start(erased<F>, &f, false);
  }
  // Inside run()'s f only, by every thread: waits until all have come. Writes before it are seen after it.
  void barrier();
  // False once a worker has found its floating-point environment changed under it (a bug of a library).
  bool fp_env_held() const { return fp_env_held_.load(std::memory_order_relaxed); }

 private:
  explicit ThreadPool(int n) : n_(n) {}
  template <class F>
  static void erased(void* f, int thread) {
    (*static_cast<std::remove_reference_t<F>*>(f))(thread);
  }
  void start(void (*call)(void*, int), void* f, bool all);
  void work(int thread);

  const int n_;
  std::vector<std::thread> workers_;
  void (*call_)(void*, int) = nullptr;
  void* f_ = nullptr;
  alignas(64) std::atomic<uint32_t> round_{0};    // one more each region
  alignas(64) std::atomic<uint64_t> gate_{0};     // round << 32 | closed | workers inside
  alignas(64) std::atomic<uint32_t> entered_{0};  // workers that took part in this round
  alignas(64) std::atomic<uint32_t> arrived_{0};  // at the barrier
  alignas(64) std::atomic<uint32_t> phase_{0};    // barriers passed
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

// n items cut into a contiguous share for each thread, taken in runs that get smaller; who has finished its
// own share takes from the others'. So each thread streams one piece of memory and none waits for a slow one.
class WorkShares {
 public:
  explicit WorkShares(int n_threads) : shares_(static_cast<size_t>(n_threads)) {}
  // Before a region. Runs are multiples of `grain` items, but for the last.
  void reset(uint64_t n, uint64_t grain);
  // A run of items for `thread`; false when none are left.
  bool take(int thread, Range& run);

 private:
  struct alignas(64) Share {
    std::atomic<uint64_t> next{0};
    uint64_t end = 0;
  };
  std::vector<Share> shares_;
  uint64_t grain_ = 1;
};

}  // namespace bw
