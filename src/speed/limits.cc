#include "speed/limits.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "base/arena.h"
#include "kernels/dots.h"

namespace bw::speed {
namespace {

// A pass reads at least this much, so that waking the threads (tens of microseconds) is below a percent of
// it.
constexpr uint64_t least_bytes_a_pass = 256u << 20;
constexpr int n_passes = 7;

typedef uint64_t Lane __attribute__((vector_size(16)));
constexpr size_t n_lanes = 8;            // 8 loads of 16 bytes in flight: two cache lines
constexpr size_t prefetch_ahead = 2048;  // bytes; across the page that hardware prefetchers stop at

// XOR of everything, so that no load can be left out: read at two places in turn, which keeps more
// prefetchers busy than one and is the fastest of one, two, four and eight. `n` is a multiple of 2 n_lanes.
Lane read_all(const Lane* p, size_t n) {
  Lane a[n_lanes] = {};
  const size_t half = n / 2;
  for (size_t i = 0; i < half; i += n_lanes)
    for (const Lane* q : {p + i, p + half + i}) {
      __builtin_prefetch(reinterpret_cast<const char*>(q) + prefetch_ahead);
      __builtin_prefetch(reinterpret_cast<const char*>(q) + prefetch_ahead + 64);
      a[0] ^= q[0], a[1] ^= q[1], a[2] ^= q[2], a[3] ^= q[3];
      a[4] ^= q[4], a[5] ^= q[5], a[6] ^= q[6], a[7] ^= q[7];
    }
  return a[0] ^ a[1] ^ a[2] ^ a[3] ^ a[4] ^ a[5] ^ a[6] ^ a[7];
}

}  // namespace

Figure read_bandwidth(uint64_t n_bytes, ThreadPool& pool, const Clock& clock) {
  constexpr uint64_t unit = 2 * n_lanes * sizeof(Lane);
  const auto n_threads = static_cast<uint64_t>(pool.size());
  const uint64_t n_units = n_bytes / unit;
  if (n_units < n_threads) return unknown("bytes/s", "too few bytes to measure with");
  auto arena = Arena::make("bandwidth buffer", n_units * unit);
  if (!arena) return unknown("bytes/s", arena.error().what);
  auto* const lanes = reinterpret_cast<Lane*>(arena->data());
  // Written by the threads that read it, with bytes that are not all one page of zeros.
  pool.run([&](int t) {
    const Range r = share(n_units, t, pool.size());
    for (uint64_t i = r.begin * 2 * n_lanes; i < r.end * 2 * n_lanes; ++i) lanes[i] = Lane{i, ~i};
  });
  const uint64_t rounds = std::max<uint64_t>(1, least_bytes_a_pass / (n_units * unit));
  std::vector<uint64_t> seen(n_threads * 8);  // a cache line each
  double best = 0;
  for (int pass = 0; pass <= n_passes; ++pass) {  // the first warms up
    const uint64_t begin = clock();
    pool.run([&](int t) {
      const Range r = share(n_units, t, pool.size());
      uint64_t x = 0;
      for (uint64_t k = 0; k < rounds; ++k) {
        // The barrier keeps one round from being merged with the next.
        const Lane* p = lanes + r.begin * 2 * n_lanes;
        __asm__ volatile("" : "+r"(p) : : "memory");
        const Lane v = read_all(p, (r.end - r.begin) * 2 * n_lanes);
        x ^= v[0] ^ v[1];
      }
      seen[static_cast<size_t>(t) * 8] = x;
    });
    const uint64_t ns = clock() - begin;
    if (pass > 0 && ns > 0)
      best = std::max(best, static_cast<double>(rounds * n_units * unit) * 1e9 / static_cast<double>(ns));
  }
  if (best == 0) return unknown("bytes/s", "the clock did not move");
  Figure f = measured(best, "bytes/s",
                      fmt::format("best of {} passes over {:.0f} MiB, {} thread(s)", n_passes,
                                  mib(static_cast<double>(n_units * unit)), n_threads));
  f.n = n_passes;
  return f;
}

Figure dot_rate(const kernels::Table& table, ThreadPool& pool, const Clock& clock) {
  constexpr uint64_t n_instructions = 20'000'000;  // some ten milliseconds
  const char* const unit = "multiply-adds/s";
  if (kernels::run_dots(table, 1'000'000) == 0)  // warms up
    return unknown(unit, fmt::format("the {} kernels use no dot-product instruction", table.name));
  double best = 0;
  for (int pass = 0; pass < n_passes; ++pass) {
    std::vector<uint64_t> done(static_cast<size_t>(pool.size()) * 8);  // a cache line each
    const uint64_t begin = clock();
    pool.run([&](int t) { done[static_cast<size_t>(t) * 8] = kernels::run_dots(table, n_instructions); });
    const uint64_t ns = clock() - begin;
    double macs = 0;
    for (const uint64_t n : done) macs += static_cast<double>(n);
    if (ns > 0) best = std::max(best, macs * 1e9 / static_cast<double>(ns));
  }
  if (best == 0) return unknown(unit, "the clock did not move");
  Figure f = measured(best, unit,
                      fmt::format("best of {} passes of the dot instruction of {}, {} thread(s)", n_passes,
                                  table.name, pool.size()));
  f.n = n_passes;
  return f;
}

}  // namespace bw::speed
