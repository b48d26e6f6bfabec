// What the tests of the kernels share: adversarial data from a fixed generator, and BN1's products,
// activations and functions written naively on the file's own blocks (std::fma, no packing). The oracle knows
// nothing of panels or tables; the integers of a block are quant's, whose vectors come from gguf-py.
#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

#include "kernels/kernels.h"
#include "quant/types.h"

namespace bw::kernels::testing {

// xorshift64*: the same numbers on every machine (std distributions are not).
struct Random {
  uint64_t state = 0x9E3779B97F4A7C15u;
  uint32_t next() {
    state ^= state >> 12;
    state ^= state << 25;
    state ^= state >> 27;
    return uint32_t(state * 0x2545F4914F6CDD1Du >> 32);
  }
  uint32_t below(uint32_t n) { return next() % n; }
  float unit() { return float(next() >> 8) * 0x1p-23f - 1.0f; }  // [-1, 1)
};

// Tables this machine can run; one it cannot is printed, never passed over in silence.
std::vector<const Table*> runnable_tables();

// Where a block of `type` holds its f16 in the file, and where the bytes of its sub-scales and minima lie
// (n = 0: it has none). Written from the formats' drawings, not from panel.h.
std::vector<uint32_t> half_offsets(quant::Type type);
struct Span {
  uint32_t at = 0, n = 0;
};
Span scale_bytes(quant::Type type);

// n_rows rows of k values: quants random, all zero bits, all one bits or the sign bit alone; scales and
// minima from 2^-24 to 65504, negative, zero.
std::vector<std::byte> weights(quant::Type type, uint32_t n_rows, uint32_t k, Random& rng);
// n rows of k values: blocks of zeros, with amax just under and at 2^-100, of one magnitude (so q = +-127),
// of wide range.
std::vector<float> inputs(uint32_t n, uint32_t k, Random& rng);

// BN1 section 5, x not a NaN.
float bn1_exp(float x);
float bn1_glu(Glu act, float x);

struct Quantised {
  std::vector<int8_t> q;
  std::vector<float> d;
  std::vector<int32_t> sums;
};
// BN1 section 2 for a row-major [n, k] of `family` (b32 or b256).
Quantised quantise(quant::Family family, const std::vector<float>& x, uint32_t n, uint32_t k);

// BN1 section 3: y [n, n_out].
std::vector<float> product(quant::Type type, const std::vector<std::byte>& rows, uint32_t n_out, uint32_t k,
                           uint32_t n, const std::vector<float>& x, const Quantised& a);

// The rows packed, at a 64-byte boundary.
struct PackedRows {
  std::vector<std::byte> memory;
  Packed packed;
};
PackedRows pack(quant::Type type, const std::vector<std::byte>& rows, uint32_t n_out, uint32_t k);

Acts acts(uint32_t n, uint32_t k, const std::vector<float>& x, const Quantised& a);

// Index of the first value whose bits differ, or -1.
ptrdiff_t first_difference(const float* a, const float* b, size_t n);

}  // namespace bw::kernels::testing
