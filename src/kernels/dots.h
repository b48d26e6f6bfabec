// The dot instruction a table's products stand on, alone in a loop: what a processor could do at most,
// against which prefill is held. In: a table, how many instructions. Out: the multiply-adds they made.
#pragma once
#include <cstdint>

#include "kernels/kernels.h"

namespace bw::kernels {

// Runs the table's dot instruction about n times, on as many sums as keep it busy. Returns the multiply-adds
// done; 0 for a table without such an instruction (scalar). avx2 and sse41: vpmaddubsw, whose widening and
// adding are not counted. The table is available.
uint64_t run_dots(const Table& table, uint64_t n);

}  // namespace bw::kernels
