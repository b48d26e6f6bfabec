// RoPE tables: cosine and sine of every angle, each the binary32 nearest to the true value (docs/bn1.md,
// section 5). In: base, n_rot, linear factor, positions. Out: cos, sin [n_rot/2] a position, the same bits on
// every machine. No libm: a quick binary64 evaluation where its error cannot reach a rounding boundary,
// 113-bit arithmetic where it could, and an Error where even that cannot tell, so that nothing is ever
// rounded wrongly in silence.
#pragma once
#include <cstdint>
#include <vector>

#include "base/result.h"

namespace bw::model {

// inv_i = binary64 nearest to base^(-2i/n_rot), then divided by the linear factor in binary64: [n_rot/2].
// base > 0 and finite, n_rot even, factor > 0: checked by spec(). Su et al. 2021 (RoFormer), eq. 15.
Result<std::vector<double>> rope_frequencies(float base, uint32_t n_rot, double linear_factor);

// Angles are a = f64(position) * inv_i, rounded once; cos_out, sin_out [inv.size()].
// Error (failed) for a rounding that cannot be decided or an angle beyond 2^20.
Status rope_row(const std::vector<double>& inv, uint32_t position, float* cos_out, float* sin_out);

inline constexpr uint32_t rope_max_position = 1u << 20;

// For the tests: rope_row() with the quick evaluation left out.
Status rope_row_slow(const std::vector<double>& inv, uint32_t position, float* cos_out, float* sin_out);

}  // namespace bw::model
