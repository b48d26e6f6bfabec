// Q5_K: 256 values in 176 bytes, 8 sub-blocks of 32.
//   byte 0..1     d, f16        (scale of the scales)
//   byte 2..3     dmin, f16     (scale of the minima)
//   byte 4..15    6-bit scale sc and 6-bit minimum mn of each sub-block (drawn in codec.h)
//   byte 16..47   fifth bits: bit j of byte l is bit 4 of value 32j + l
//   byte 48..175  nibbles, 32 bytes a pair of sub-blocks: byte l of pair p holds value 64p + l in bits 0..3
//                 and value 64p + 32 + l in bits 4..7
// value = (d * sc) * (nibble | fifth << 4) - dmin * mn
#include "quant/codec.h"

namespace bw::quant {
namespace {

struct Q5_K {
  static constexpr uint32_t block = 256, bytes = 176, sub = 32;
  static constexpr bool has_min = true;
  static void integers(const std::byte* src, Integers& v) {
    v.d = load_half(src);
    v.m = load_half(src + 2);
    scales_and_minima(src + 4, v);
    for (int j = 0; j < 8; j++)
      for (int l = 0; l < 32; l++) {
        const int low = load_u8(src + 48 + 32 * (j / 2) + l) >> (4 * (j % 2)) & 15;
        const int fifth = load_u8(src + 16 + l) >> j & 1;
        v.q[32 * j + l] = static_cast<int8_t>(low | fifth << 4);
      }
  }
};

}  // namespace
BW_BLOCK_CODEC(Q5_K, Q5_K, nullptr);
}  // namespace bw::quant
