// Q4_0: 32 values in 18 bytes.
//   byte 0..1   d, f16
//   byte 2..17  nibbles: byte 2+j holds value j in bits 0..3 and value j+16 in bits 4..7
// value[i] = d * (nibble[i] - 8)
// Encoder: the value of largest magnitude becomes -8, d = peak / -8; others round to the nearest level, at
// most 15.
#include "quant/codec.h"

namespace bw::quant {
namespace {

struct Q4_0 {
  static constexpr uint32_t block = 32, bytes = 18, sub = 32;
  static constexpr bool has_min = false;
  static void integers(const std::byte* src, Integers& v) {
    v.d = load_half(src);
    for (int j = 0; j < 16; j++) {
      const int both = load_u8(src + 2 + j);
      v.q[j] = static_cast<int8_t>((both & 15) - 8);
      v.q[j + 16] = static_cast<int8_t>((both >> 4) - 8);
    }
  }
};

void encode(const float* x, size_t n_blocks, std::byte* dst) {
  for (size_t b = 0; b < n_blocks; b++, x += 32, dst += Q4_0::bytes) {
    const float d = signed_peak(x, 32) / -8.0f;
    const float id = inverse(d);
    store_half(dst, d);
    for (int j = 0; j < 16; j++) {
      const uint32_t low = level(x[j] * id + 8.5f, 15.0f), high = level(x[j + 16] * id + 8.5f, 15.0f);
      dst[2 + j] = static_cast<std::byte>(low | high << 4);
    }
  }
}

}  // namespace
BW_BLOCK_CODEC(Q4_0, Q4_0, encode);
}  // namespace bw::quant
