// Q5_0: 32 values in 22 bytes.
//   byte 0..1   d, f16
//   byte 2..5   h, u32: bit i is the fifth bit of value i
//   byte 6..21  nibbles: byte 6+j holds value j in bits 0..3 and value j+16 in bits 4..7
// value[i] = d * ((nibble[i] | fifth[i] << 4) - 16)
// Encoder: the value of largest magnitude becomes -16, d = peak / -16; others round to the nearest level, at
// most 31.
#include "quant/codec.h"

namespace bw::quant {
namespace {

struct Q5_0 {
  static constexpr uint32_t block = 32, bytes = 22, sub = 32;
  static constexpr bool has_min = false;
  static void integers(const std::byte* src, Integers& v) {
    v.d = load_half(src);
    const uint32_t h = load_u32(src + 2);
    for (int j = 0; j < 16; j++) {
      const uint32_t both = static_cast<uint32_t>(src[6 + j]);
      v.q[j] = static_cast<int8_t>(((both & 15) | (h >> j & 1) << 4) - 16);
      v.q[j + 16] = static_cast<int8_t>((both >> 4 | (h >> (j + 16) & 1) << 4) - 16);
    }
  }
};

void encode(const float* x, size_t n_blocks, std::byte* dst) {
  for (size_t b = 0; b < n_blocks; b++, x += 32, dst += Q5_0::bytes) {
    const float d = signed_peak(x, 32) / -16.0f;
    const float id = inverse(d);
    store_half(dst, d);
    uint32_t h = 0;
    for (int j = 0; j < 16; j++) {
      const uint32_t low = level(x[j] * id + 16.5f, 31.0f), high = level(x[j + 16] * id + 16.5f, 31.0f);
      dst[6 + j] = static_cast<std::byte>((low & 15) | (high & 15) << 4);
      h |= (low >> 4) << j | (high >> 4) << (j + 16);
    }
    store_u32(dst + 2, h);
  }
}

}  // namespace
BW_BLOCK_CODEC(Q5_0, Q5_0, encode);
}  // namespace bw::quant
