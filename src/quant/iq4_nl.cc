// IQ4_NL: 32 values in 18 bytes, levels that are not evenly spaced (iq4.h).
//   byte 0..1   d, f16
//   byte 2..17  nibbles: byte 2+j holds value j in bits 0..3 and value j+16 in bits 4..7
// value[i] = d * level[nibble[i]]
#include "quant/codec.h"
#include "quant/iq4.h"

namespace bw::quant {
namespace {

struct IQ4_NL {
  static constexpr uint32_t block = 32, bytes = 18, sub = 32;
  static constexpr bool has_min = false;
  static void integers(const std::byte* src, Integers& v) {
    v.d = load_half(src);
    for (int j = 0; j < 16; j++) {
      const int both = load_u8(src + 2 + j);
      v.q[j] = iq4_levels[both & 15];
      v.q[j + 16] = iq4_levels[both >> 4];
    }
  }
};

}  // namespace
BW_BLOCK_CODEC(IQ4_NL, IQ4_NL, nullptr);
}  // namespace bw::quant
