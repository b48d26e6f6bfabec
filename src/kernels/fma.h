// fmaf without libm and without an instruction set: exact on any machine with IEEE binary64.
// In: three floats. Out: the binary32 nearest to a*b + c, once rounded.
// The product of two binary32 is exact in binary64. The sum is rounded to odd there (its error from Knuth's
// TwoSum says on which side the exact sum lies), and rounding a value of 53 bits, rounded to odd, to 24 or
// fewer bits gives the correctly rounded result, subnormals included: Boldo and Melquiond, "Emulation of a
// FMA and correctly rounded sums: proved algorithms using rounding to odd", IEEE Transactions on Computers
// 57(4), 2008. Why not __builtin_fmaf on x86: without -mfma it is a call into libm, and with it the scalar
// table would not run on a machine that lacks FMA. AArch64 always has fmadd.
// sqrt_exact is the machine's instruction, for the same reason: __builtin_sqrtf keeps a call for errno.
#pragma once
#include <bit>
#include <cstdint>
#if defined(__SSE__)
#include <xmmintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

namespace bw::kernels {

inline float fma_exact(float a, float b, float c) {
#if defined(__aarch64__)
  return __builtin_fmaf(a, b, c);
#else
  const double product = double(a) * double(b), addend = double(c);
  double sum = product + addend;
  const double part = sum - product;
  const double error = (product - (sum - part)) + (addend - part);
  uint64_t bits = std::bit_cast<uint64_t>(sum);
  const bool finite = (bits >> 52 & 0x7FFu) != 0x7FFu;
  if (finite && error != 0 && (bits & 1u) == 0) {
    bits += (error > 0) == (sum > 0) ? 1u : ~uint64_t(0);  // away from or towards zero, to the odd neighbour
    sum = std::bit_cast<double>(bits);
  }
  return float(sum);
#endif
}

inline float sqrt_exact(float x) {
#if defined(__aarch64__)
  return vget_lane_f32(vsqrt_f32(vdup_n_f32(x)), 0);
#else
  return _mm_cvtss_f32(_mm_sqrt_ss(_mm_set_ss(x)));
#endif
}

}  // namespace bw::kernels
