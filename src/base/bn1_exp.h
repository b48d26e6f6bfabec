// BN1's exp (docs/bn1.md section 5), scalar: the one definition every table, sampler and statistic must agree
// with. In: any f32. Out: the bits BN1 gives; 0.966 ulp at worst, exp(0) = 1, never subnormal, not monotone
// everywhere.
#pragma once
#include <bit>
#include <cmath>
#include <cstdint>

namespace bw {

inline float bn1_exp(float x) {
  if (x < -87.25f) return 0.0f;
  if (x > 88.0f) x = 88.0f;
  // Adding 1.5 * 2^23 rounds x / ln 2 to an integer, which then stands in the low bits.
  const float shifted = std::fma(x, 0x1.715476p+0f, 12582912.0f);
  const float n = shifted - 12582912.0f;
  float r = std::fma(n, -0x1.62e4p-1f, x);
  r = std::fma(n, -0x1.7f7d1cp-20f, r);
  float p = 0x1.6d113cp-10f;
  p = std::fma(p, r, 0x1.120ba2p-7f);
  p = std::fma(p, r, 0x1.55551ap-5f);
  p = std::fma(p, r, 0x1.5554dcp-3f);
  p = std::fma(p, r, 0x1p-1f);
  p = std::fma(p, r, 1.0f);
  p = std::fma(p, r, 1.0f);
  const uint32_t n_bits = std::bit_cast<uint32_t>(shifted) - 0x4B400000u;  // n as an integer, -126 .. 127
  return p * std::bit_cast<float>((n_bits + 127u) << 23);
}

}  // namespace bw
