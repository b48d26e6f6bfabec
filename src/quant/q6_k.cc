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

constexpr size_t bytes = 210;

void decode(const std::byte* src, size_t n_blocks, float* out) {
  for (size_t b = 0; b < n_blocks; b++, src += bytes) {
    const float d = load_half(src + 208);
    for (int h = 0; h < 2; h++)
      for (int p = 0; p < 4; p++) {
        const std::byte* ql = src + 64 * h + 32 * (p % 2);
        const std::byte* qh = src + 128 + 32 * h;
        const std::byte* sc = src + 192 + 8 * h + 2 * p;
        for (int l = 0; l < 32; l++) {
          const int low = static_cast<int>(ql[l]) >> (p < 2 ? 0 : 4) & 15,
                    high = static_cast<int>(qh[l]) >> (2 * p) & 3;
          const float scale = d * static_cast<float>(static_cast<int8_t>(sc[l / 16]));
          *out++ = scale * static_cast<float>((low | high << 4) - 32);
        }
      }
  }
}

}  // namespace
BW_CODEC(Q6_K, decode, nullptr);
}  // namespace bw::quant
