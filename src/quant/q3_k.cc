// Q3_K: 256 values in 110 bytes, 16 sub-blocks of 16.
//   byte 0..31    third bits: bit j of byte l is bit 2 of value 32j + l
//   byte 32..95   low two bits, 32 bytes a half: byte l of half h holds value 128h + 32p + l in bits 2p and
//                 2p + 1, p in 0..3
//   byte 96..107  s[0..11]: 6-bit scales, sub-block j: low four bits in s[j % 8], nibble j / 8; high two in
//                 s[8 + j % 4], bits 2 (j / 4) and up
//   byte 108..109 d, f16        (scale of the scales)
// value = (d * (sc - 32)) * ((low | third << 2) - 4)
#include "quant/codec.h"

namespace bw::quant {
namespace {

struct Q3_K {
  static constexpr uint32_t block = 256, bytes = 110, sub = 16;
  static constexpr bool has_min = false;
  static void integers(const std::byte* src, Integers& v) {
    v.d = load_half(src + 108);
    const std::byte* s = src + 96;
    for (int j = 0; j < 16; j++) {
      const int low = load_u8(s + j % 8) >> (4 * (j / 8)) & 15,
                high = load_u8(s + 8 + j % 4) >> (2 * (j / 4)) & 3;
      v.scale[j] = static_cast<int16_t>((low | high << 4) - 32);
    }
    for (int i = 0; i < 256; i++) {
      const int h = i / 128, p = i / 32 % 4, l = i % 32;
      const int low = load_u8(src + 32 + 32 * h + l) >> (2 * p) & 3, third = load_u8(src + l) >> (i / 32) & 1;
      v.q[i] = static_cast<int8_t>((low | third << 2) - 4);
    }
  }
};

}  // namespace
BW_BLOCK_CODEC(Q3_K, Q3_K, nullptr);
}  // namespace bw::quant
