// Q6_K: 256 values in 210 bytes, 16 sub-blocks of 16.
//   byte 0..127    ql: low 4 bits     byte 128..191  qh: high 2 bits
//   byte 192..207  sc[0..15], int8    byte 208..209  d, f16
// Each half h of 128 values uses 64 bytes of ql and 32 of qh; with l in 0..31 and quarter p in 0..3,
//   value 128h + 32p + l:  low  = ql[64h + 32(p % 2) + l], bits 0..3 if p < 2 else 4..7
//                          high = qh[32h + l], bits 2p and 2p + 1
//                          scale = sc[8h + 2p + l / 16]
// value = (d * sc) * ((low | high << 4) - 32)
#include "quant/codec.h"

namespace bw::quant {
namespace {

struct Q6_K {
  static constexpr uint32_t block = 256, bytes = 210, sub = 16;
  static constexpr bool has_min = false;
  static void integers(const std::byte* src, Integers& v) {
    v.d = load_half(src + 208);
    for (int j = 0; j < 16; j++) v.scale[j] = static_cast<int16_t>(load_i8(src + 192 + j));
    for (int h = 0; h < 2; h++)
      for (int p = 0; p < 4; p++) {
        const std::byte* ql = src + 64 * h + 32 * (p % 2);
        const std::byte* qh = src + 128 + 32 * h;
        for (int l = 0; l < 32; l++) {
          const int low = load_u8(ql + l) >> (p < 2 ? 0 : 4) & 15, high = load_u8(qh + l) >> (2 * p) & 3;
          v.q[128 * h + 32 * p + l] = static_cast<int8_t>((low | high << 4) - 32);
        }
      }
  }
};

}  // namespace
BW_BLOCK_CODEC(Q6_K, Q6_K, nullptr);
}  // namespace bw::quant
