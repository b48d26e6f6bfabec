// RoPE tables: cosine and sine of every angle, each the binary32 nearest to the true value (docs/bn1.md,
// section 5). In: what a file declares, n_rot, positions. Out: cos, sin [n_rot/2] a position, the same bits
// on every machine. No libm: a quick binary64 evaluation where its error cannot reach a rounding boundary,
// 113-bit arithmetic where it could, and an Error where even that cannot tell, so that nothing is ever
// rounded wrongly in silence.
#pragma once
#include <cstdint>
#include <vector>

#include "base/result.h"

namespace bw::model {

enum class RopeScaling { none, linear, yarn };

// What a file declares of its angles. All numbers positive and finite: checked by spec().
struct Rope {
  float base = 10000;
  RopeScaling scaling = RopeScaling::none;
  float factor = 1;                     // linear, yarn: how much longer than n_ctx_orig a context may be
  uint32_t n_ctx_orig = 0;              // yarn: context length before it was extended
  float beta_fast = 32, beta_slow = 1;  // yarn: turns within n_ctx_orig where the ramp begins and ends
  float attn_factor = 1;                // yarn: beside its own magnitude
  std::vector<float> freq_factors;      // rope_freqs.weight [n_rot/2] (Llama 3); empty: none
};

struct RopeFrequencies {
  std::vector<double> inv;  // [n_rot/2]
  double magnitude = 1;     // of every cosine and sine (yarn)
};
// inv_i = binary64 nearest to base^(-2i/n_rot) (Su et al. 2021, RoFormer, eq. 15), n_rot even; divided by its
// freq_factor; then scaled: linear (Chen et al. 2023), or YaRN (Peng et al. 2023, with the ramp over pairs of
// its authors' code). In binary64, in the order of docs/bn1.md section 5.
Result<RopeFrequencies> rope_frequencies(const Rope& rope, uint32_t n_rot);

// Angles are a = f64(position) * inv_i, rounded once; cos_out, sin_out [inv.size()]: the binary32 nearest to
// magnitude * cos(a). Error (failed) for a rounding that cannot be decided or an angle beyond 2^20.
Status rope_row(const RopeFrequencies& f, uint32_t position, float* cos_out, float* sin_out);

inline constexpr uint32_t rope_max_position = 1u << 20;

// For the tests: rope_row() with the quick evaluation left out.
Status rope_row_slow(const RopeFrequencies& f, uint32_t position, float* cos_out, float* sin_out);

}  // namespace bw::model
