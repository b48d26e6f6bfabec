// Q4_K: 256 values in 144 bytes, 8 sub-blocks of 32.
//   byte 0..1     d, f16        (scale of the scales)
//   byte 2..3     dmin, f16     (scale of the minima)
//   byte 4..15    s[0..11]: 6-bit scale sc and 6-bit minimum mn of sub-block j:
//                   j < 4:  sc = s[j] & 63                        mn = s[j+4] & 63
//                   j >= 4: sc = s[j+4] & 15 | (s[j-4] >> 6) << 4  mn = s[j+4] >> 4 | (s[j] >> 6) << 4
//   byte 16..143  nibbles, 32 bytes a pair of sub-blocks: byte l of pair p holds value 64p + l in bits 0..3
//                 and value 64p + 32 + l in bits 4..7
// value = (d * sc) * q - dmin * mn
#include "quant/codec.h"

namespace bw::quant {
namespace {

constexpr size_t bytes = 144;

void decode(const std::byte* src, size_t n_blocks, float* out) {
  for (size_t b = 0; b < n_blocks; b++, src += bytes, out += 256) {
    const float d = load_half(src), dmin = load_half(src + 2);
    const auto s = [src](int i) { return static_cast<int>(src[4 + i]); };
    for (int j = 0; j < 8; j++) {
      const int sc = j < 4 ? s(j) & 63 : (s(j + 4) & 15) | (s(j - 4) >> 6) << 4;
      const int mn = j < 4 ? s(j + 4) & 63 : s(j + 4) >> 4 | (s(j) >> 6) << 4;
      const float scale = d * static_cast<float>(sc), minimum = dmin * static_cast<float>(mn);
      const std::byte* q = src + 16 + 32 * (j / 2);
      const int shift = 4 * (j % 2);
      for (int l = 0; l < 32; l++)
        out[32 * j + l] = scale * static_cast<float>(static_cast<int>(q[l]) >> shift & 15) - minimum;
    }
  }
}

}  // namespace
BW_CODEC(Q4_K, decode, nullptr);
}  // namespace bw::quant
