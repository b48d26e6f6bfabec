// binary16 and bfloat16 to and from binary32, round to nearest even, by integer operations (no instruction
// set needed).
#pragma once
#include <bit>
#include <cstdint>

namespace bw::quant {

inline float half_to_float(uint16_t h) {
  const uint32_t sign = uint32_t(h & 0x8000u) << 16;
  uint32_t exponent = (h >> 10) & 0x1Fu, mantissa = h & 0x3FFu;
  if (exponent == 31) return std::bit_cast<float>(sign | 0x7F800000u | (mantissa << 13));
  if (exponent == 0) {
    if (mantissa == 0) return std::bit_cast<float>(sign);
    const int shift =
        std::countl_zero(mantissa) - 21;  // subnormal: normalise, its leading one becomes implicit
    mantissa = (mantissa << shift) & 0x3FFu;
    return std::bit_cast<float>(sign | uint32_t(113 - shift) << 23 | (mantissa << 13));
  }
  return std::bit_cast<float>(sign | ((exponent + 112u) << 23) | (mantissa << 13));
}

inline uint16_t float_to_half(float f) {
  const uint32_t u = std::bit_cast<uint32_t>(f);
  const uint16_t sign = uint16_t((u >> 16) & 0x8000u);
  const uint32_t a = u & 0x7FFFFFFFu;
  if (a > 0x7F800000u) return uint16_t(sign | 0x7E00u | ((a >> 13) & 0x3FFu));  // NaN stays NaN
  if (a >= 0x47800000u) return uint16_t(sign | 0x7C00u);                        // >= 65536
  if (a < 0x33000000u) return sign;                                             // < 2^-25 rounds to zero
  uint32_t exponent = a >> 23, mantissa = (a & 0x7FFFFFu) | 0x800000u;
  const uint32_t shift = exponent < 113 ? 126 - exponent : 13;  // bits dropped
  uint32_t kept = mantissa >> shift;
  const uint32_t rest = mantissa & ((1u << shift) - 1), half = 1u << (shift - 1);
  kept += (rest > half || (rest == half && (kept & 1u))) ? 1u : 0u;
  if (exponent < 113) return uint16_t(sign | kept);
  return uint16_t(sign + ((exponent - 113) << 10) + kept);  // the implicit one carries into the exponent
}

inline float bf16_to_float(uint16_t h) {
  return std::bit_cast<float>(uint32_t(h) << 16);
}

inline uint16_t float_to_bf16(float f) {
  const uint32_t u = std::bit_cast<uint32_t>(f);
  if ((u & 0x7FFFFFFFu) > 0x7F800000u) return uint16_t((u >> 16) | 0x40u);
  return uint16_t((u + 0x7FFFu + ((u >> 16) & 1u)) >> 16);
}

}  // namespace bw::quant
