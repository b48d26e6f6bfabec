// IQ4_XS: 256 values in 136 bytes, 8 sub-blocks of 32, levels that are not evenly spaced (iq4.h).
//   byte 0..1     d, f16        (scale of the scales)
//   byte 2..3     u16: bits 2j and 2j + 1 are the high two bits of scale j
//   byte 4..7     low four bits of scale j in byte j / 2, nibble j % 2
//   byte 8..135   nibbles, 16 bytes a sub-block: byte l of sub-block j holds value 32j + l in bits 0..3 and
//                 value 32j + 16 + l in bits 4..7
// value = (d * (sc - 32)) * level[nibble]
#include "quant/codec.h"
#include "quant/iq4.h"

namespace bw::quant {
namespace {

struct IQ4_XS {
  static constexpr uint32_t block = 256, bytes = 136, sub = 32;
  static constexpr bool has_min = false;
  static void integers(const std::byte* src, Integers& v) {
    v.d = load_half(src);
    const int high = load_u16(src + 2);
    for (int j = 0; j < 8; j++) {
      const int low = load_u8(src + 4 + j / 2) >> (4 * (j % 2)) & 15;
      v.scale[j] = static_cast<int16_t>((low | (high >> (2 * j) & 3) << 4) - 32);
      for (int l = 0; l < 16; l++) {
        const int both = load_u8(src + 8 + 16 * j + l);
        v.q[32 * j + l] = iq4_levels[both & 15];
        v.q[32 * j + 16 + l] = iq4_levels[both >> 4];
      }
    }
  }
};

}  // namespace
BW_BLOCK_CODEC(IQ4_XS, IQ4_XS, nullptr);
}  // namespace bw::quant
