// The positive control: Q4_0 blocks that use four of their sixteen codes. Used inside src/quantize.
#pragma once
#include <cstddef>

namespace bw::quantize {

// x [n_blocks * 32] -> dst [n_blocks * 18], the layout of quant/q4_0.cc.
void encode_four_levels(const float* x, size_t n_blocks, std::byte* dst);

}  // namespace bw::quantize
