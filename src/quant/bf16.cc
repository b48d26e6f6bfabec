// BF16: one value, 2 bytes: the upper half of a binary32, sign 15 | exponent 14..7 | mantissa 6..0.
// Encoding rounds to nearest even; a NaN stays one (made quiet).
#include "quant/codec.h"

namespace bw::quant {
namespace {

void decode(const std::byte* src, size_t n, float* out) {
  for (size_t i = 0; i < n; i++) out[i] = bf16_to_float(load_u16(src + 2 * i));
}
void encode(const float* x, size_t n, std::byte* dst) {
  for (size_t i = 0; i < n; i++) {
    const uint16_t v = float_to_bf16(x[i]);
    std::memcpy(dst + 2 * i, &v, sizeof v);
  }
}

}  // namespace
BW_CODEC(BF16, decode, encode);
}  // namespace bw::quant
