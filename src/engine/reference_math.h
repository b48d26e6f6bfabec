// The reference's arithmetic, one operation at a time; "(n)" is a section of docs/bn1.md.
#pragma once
#include <array>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>

namespace bw::engine::reference {

// ---- (1) ground rules: fma is one operation, everything else is rounded by itself.
inline float fma(float a, float b, float c) {
  return std::fma(a, b, c);
}
inline float sqrt32(float x) {
  return __builtin_sqrtf(x);
}
inline float rint32(float x) {  // nearest even; |x| < 2^22
  return (x + 12582912.0f) - 12582912.0f;
}
inline bool finite(float x) {
  return (std::bit_cast<uint32_t>(x) & 0x7F800000u) != 0x7F800000u;
}
inline bool all_finite(const float* x, size_t n) {
  for (size_t i = 0; i < n; ++i)
    if (!finite(x[i])) return false;
  return true;
}

// ---- (5) exp. The integer nearest to x log2(e) stands in the low bits of `shifted`.
inline float exp_bn1(float x) {
  if (x < -87.25f) return 0.0f;
  if (x > 88.0f) x = 88.0f;
  const float shifted = fma(x, 0x1.715476p+0f, 12582912.0f);
  const float n = shifted - 12582912.0f;
  float r = fma(n, -0x1.62e4p-1f, x);
  r = fma(n, -0x1.7f7d1cp-20f, r);
  float p = 0x1.6d113cp-10f;
  for (float c : {0x1.120ba2p-7f, 0x1.55551ap-5f, 0x1.5554dcp-3f, 0x1p-1f, 1.0f, 1.0f}) p = fma(p, r, c);
  const uint32_t e = std::bit_cast<uint32_t>(shifted) - std::bit_cast<uint32_t>(12582912.0f);
  return std::bit_cast<float>(std::bit_cast<uint32_t>(p) + (e << 23));
}

// ---- (4) reductions: 32 lanes, then the tree 16, 8, 4, 2, 1.
inline float tree(std::array<float, 32> lane) {
  for (int half = 16; half >= 1; half /= 2)
    for (int l = 0; l < half; ++l) lane[l] = lane[l] + lane[l + half];
  return lane[0];
}

}  // namespace bw::engine::reference
