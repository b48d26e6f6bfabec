// BN1's exp over a row, for probabilities: the sampler's and the divergence's. The same bits with and without
// AVX2. The scalar definition is kernels/scalar.h's; this only goes through it eight at a time.
#pragma once
#include <cstddef>

namespace bw::engine {

// e[i] = exp(div(sub(x[i], minus), divisor)), n values; divisor 1 divides nothing. x finite.
void exp_row(const float* x, float minus, float divisor, size_t n, float* e);

// For tests: false forces the plain path.
void exp_row_allow_avx2(bool allowed);

}  // namespace bw::engine
