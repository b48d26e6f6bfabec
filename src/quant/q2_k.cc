// Q2_K: 256 values in 84 bytes, 16 sub-blocks of 16.
//   byte 0..15    s[0..15]: scale of sub-block j in bits 0..3, its minimum in bits 4..7
//   byte 16..79   two bits a value, 32 bytes a half: byte l of half h holds value 128h + 32p + l in bits
//                 2p and 2p + 1, p in 0..3
//   byte 80..81   d, f16        (scale of the scales)
//   byte 82..83   dmin, f16     (scale of the minima)
// value = (d * sc) * q - dmin * mn
#include "quant/codec.h"

namespace bw::quant {
namespace {

struct Q2_K {
  static constexpr uint32_t block = 256, bytes = 84, sub = 16;
  static constexpr bool has_min = true;
  static void integers(const std::byte* src, Integers& v) {
    v.d = load_half(src + 80);
    v.m = load_half(src + 82);
    for (int j = 0; j < 16; j++) {
      v.scale[j] = static_cast<int16_t>(load_u8(src + j) & 15);
      v.min[j] = static_cast<int16_t>(load_u8(src + j) >> 4);
    }
    for (int i = 0; i < 256; i++) {
      const int h = i / 128, p = i / 32 % 4, l = i % 32;
      v.q[i] = static_cast<int8_t>(load_u8(src + 16 + 32 * h + l) >> (2 * p) & 3);
    }
  }
};

}  // namespace
BW_BLOCK_CODEC(Q2_K, Q2_K, nullptr);
}  // namespace bw::quant
