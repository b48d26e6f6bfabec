// The machine's own limits: how fast it reads, which decoding is held against, and how fast it multiplies,
// which prefill is held against. In: the bytes a token reads, a kernel table, threads. Out: bytes/s, measured
// on a buffer of that size (so that a cache that holds the weights counts, and one that does not, does not);
// multiply-adds/s of the table's dot instruction alone.
#pragma once
#include <cstdint>

#include "base/clock.h"
#include "base/figure.h"
#include "base/thread_pool.h"
#include "kernels/kernels.h"

namespace bw::speed {

// Every thread reads its own contiguous part, as decoding does; the best of several passes, since a limit is
// what the machine can do and a disturbance only lowers it. unknown where the buffer cannot be had.
Figure read_bandwidth(uint64_t n_bytes, ThreadPool& pool, const Clock& clock);
// All threads at once, the best of several passes. unknown for a table without a dot instruction.
Figure dot_rate(const kernels::Table& table, ThreadPool& pool, const Clock& clock);

}  // namespace bw::speed
