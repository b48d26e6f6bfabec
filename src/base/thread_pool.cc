#include "base/thread_pool.h"

#include <fmt/format.h>

#include <algorithm>
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
template <class T>
void wait_change(const std::atomic<T>& a, T old) {
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

namespace {
constexpr uint64_t closed = uint64_t{1} << 31, inside = closed - 1;
}

void ThreadPool::work(int thread) {
  set_fp_control(fp_control_bn1);
  uint32_t seen = 0;
  for (;;) {
    wait_change(round_, seen);
    seen = round_.load(std::memory_order_acquire);
    if (stop_.load(std::memory_order_relaxed)) return;
    uint64_t gate = gate_.load(std::memory_order_acquire);
    bool in = false;
    while (!in && gate >> 32 == seen && !(gate & closed))
      in = gate_.compare_exchange_weak(gate, gate + 1, std::memory_order_acq_rel, std::memory_order_acquire);
    if (!in) continue;  // too late: the region is over
    entered_.fetch_add(1, std::memory_order_release);
    entered_.notify_one();
    call_(f_, thread);
    if (!fp_env_is_bn1()) fp_env_held_.store(false, std::memory_order_relaxed);
    gate = gate_.fetch_sub(1, std::memory_order_acq_rel) - 1;
    if ((gate & inside) == 0 && (gate & closed)) gate_.notify_one();
  }
}

void ThreadPool::start(void (*call)(void*, int), void* f, bool all) {
  if (n_ == 1) return call(f, 0);
  call_ = call;
  f_ = f;
  entered_.store(0, std::memory_order_relaxed);
  const uint32_t round = round_.load(std::memory_order_relaxed) + 1;
  gate_.store(uint64_t{round} << 32, std::memory_order_release);
  round_.store(round, std::memory_order_release);
  round_.notify_all();
  call(f, 0);
  if (all)
    for (uint32_t now; (now = entered_.load(std::memory_order_acquire)) != static_cast<uint32_t>(n_ - 1);)
      wait_change(entered_, now);
  uint64_t gate = gate_.fetch_or(closed, std::memory_order_acq_rel) | closed;
  for (; (gate & inside) != 0; gate = gate_.load(std::memory_order_acquire)) wait_change(gate_, gate);
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

void WorkShares::reset(uint64_t n, uint64_t grain) {
  grain_ = grain;
  const uint64_t grains = (n + grain - 1) / grain;
  for (size_t t = 0; t < shares_.size(); ++t) {
    const Range r = share(grains, static_cast<int>(t), static_cast<int>(shares_.size()));
    shares_[t].next.store(r.begin * grain, std::memory_order_relaxed);
    shares_[t].end = std::min(r.end * grain, n);
  }
}

bool WorkShares::take(int thread, Range& run) {
  for (size_t i = 0; i < shares_.size(); ++i) {
    Share& s = shares_[(static_cast<size_t>(thread) + i) % shares_.size()];
    uint64_t at = s.next.load(std::memory_order_relaxed);
    while (at < s.end) {
      const uint64_t half = (s.end - at) / 2 / grain_ * grain_;
      const uint64_t to = std::min(s.end, at + std::max(half, grain_));
      if (s.next.compare_exchange_weak(at, to, std::memory_order_relaxed)) {
        run = {at, to};
        return true;
      }
    }
  }
  return false;
}

}  // namespace bw
