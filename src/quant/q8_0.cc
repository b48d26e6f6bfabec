// Q8_0: 32 values in 34 bytes.
//   byte 0..1   d, f16
//   byte 2..33  q[0..31], int8, one value each
// value[i] = d * q[i]
// Encoder: d = max|x| / 127, q = x / d rounded half away from zero.
#include "quant/codec.h"

namespace bw::quant {
namespace {

struct Q8_0 {
  static constexpr uint32_t block = 32, bytes = 34, sub = 32;
  static constexpr bool has_min = false;
  static void integers(const std::byte* src, Integers& v) {
    v.d = load_half(src);
    for (int i = 0; i < 32; i++) v.q[i] = static_cast<int8_t>(src[2 + i]);
  }
};

void encode(const float* x, size_t n_blocks, std::byte* dst) {
  for (size_t b = 0; b < n_blocks; b++, x += 32, dst += Q8_0::bytes) {
    const float d = std::fabs(signed_peak(x, 32)) / 127.0f;
    const float id = inverse(d);
    store_half(dst, d);
    for (int i = 0; i < 32; i++) {
      const float v = x[i] * id, magnitude = std::fabs(v);
      // Half away from zero. For magnitudes up to 127 adding 0.5 is exact but just below one half
      // (0x1.fffffep-2
      // + 0.5 rounds to 1), so the fraction is tested instead.
      const uint32_t whole = level(magnitude, 127.0f);
      const uint32_t q = whole + (magnitude - static_cast<float>(whole) >= 0.5f && whole < 127 ? 1u : 0u);
      dst[2 + i] = static_cast<std::byte>(v < 0 ? 256 - q : q);
    }
  }
}

}  // namespace
BW_BLOCK_CODEC(Q8_0, Q8_0, encode);
}  // namespace bw::quant
