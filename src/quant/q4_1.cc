// Q4_1: 32 values in 20 bytes.
//   byte 0..1   d, f16
//   byte 2..3   m, f16
//   byte 4..19  nibbles: byte 4+j holds value j in bits 0..3 and value j+16 in bits 4..7
// value[i] = d * nibble[i] + m
// Encoder: m = min, d = (max - min) / 15, nearest level.
#include "quant/codec.h"

namespace bw::quant {
namespace {

struct Q4_1 {
  static constexpr uint32_t block = 32, bytes = 20, sub = 32;
  static constexpr bool has_min = true;
  static void integers(const std::byte* src, Integers& v) {
    v.d = load_half(src);
    v.m = load_half(src + 2);
    for (int j = 0; j < 16; j++) {
      const int both = load_u8(src + 4 + j);
      v.q[j] = static_cast<int8_t>(both & 15);
      v.q[j + 16] = static_cast<int8_t>(both >> 4);
    }
  }
};

void encode(const float* x, size_t n_blocks, std::byte* dst) {
  for (size_t b = 0; b < n_blocks; b++, x += 32, dst += Q4_1::bytes) {
    const Extent e = extent(x, 32);
    const float d = (e.max - e.min) / 15.0f;
    const float id = inverse(d);
    store_half(dst, d);
    store_half(dst + 2, e.min);
    for (int j = 0; j < 16; j++) {
      const uint32_t low = level((x[j] - e.min) * id + 0.5f, 15.0f);
      const uint32_t high = level((x[j + 16] - e.min) * id + 0.5f, 15.0f);
      dst[4 + j] = static_cast<std::byte>(low | high << 4);
    }
  }
}

}  // namespace
BW_BLOCK_CODEC(Q4_1, Q4_1, encode);
}  // namespace bw::quant
