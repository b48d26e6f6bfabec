// Q5_1: 32 values in 24 bytes.
//   byte 0..1   d, f16
//   byte 2..3   m, f16
//   byte 4..7   h, u32: bit i is the fifth bit of value i
//   byte 8..23  nibbles: byte 8+j holds value j in bits 0..3 and value j+16 in bits 4..7
// value[i] = d * (nibble[i] | fifth[i] << 4) + m
// Encoder: m = min, d = (max - min) / 31, nearest level.
#include "quant/codec.h"

namespace bw::quant {
namespace {

struct Q5_1 {
  static constexpr uint32_t block = 32, bytes = 24, sub = 32;
  static constexpr bool has_min = true;
  static void integers(const std::byte* src, Integers& v) {
    v.d = load_half(src);
    v.m = load_half(src + 2);
    const uint32_t h = load_u32(src + 4);
    for (int j = 0; j < 16; j++) {
      const uint32_t both = static_cast<uint32_t>(src[8 + j]);
      v.q[j] = static_cast<int8_t>((both & 15) | (h >> j & 1) << 4);
      v.q[j + 16] = static_cast<int8_t>(both >> 4 | (h >> (j + 16) & 1) << 4);
    }
  }
};

void encode(const float* x, size_t n_blocks, std::byte* dst) {
  for (size_t b = 0; b < n_blocks; b++, x += 32, dst += Q5_1::bytes) {
    const Extent e = extent(x, 32);
    const float d = (e.max - e.min) / 31.0f;
    const float id = inverse(d);
    store_half(dst, d);
    store_half(dst + 2, e.min);
    uint32_t h = 0;
    for (int j = 0; j < 16; j++) {
      const uint32_t low = level((x[j] - e.min) * id + 0.5f, 31.0f);
      const uint32_t high = level((x[j + 16] - e.min) * id + 0.5f, 31.0f);
      dst[8 + j] = static_cast<std::byte>((low & 15) | (high & 15) << 4);
      h |= (low >> 4) << j | (high >> 4) << (j + 16);
    }
    store_u32(dst + 4, h);
  }
}

}  // namespace
BW_BLOCK_CODEC(Q5_1, Q5_1, encode);
}  // namespace bw::quant
