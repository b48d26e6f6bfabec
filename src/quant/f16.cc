// F16: one value, 2 bytes, IEEE binary16 little endian: sign 15 | exponent 14..10 | mantissa 9..0.
// Encoding rounds to nearest even; |x| >= 65520 becomes infinity, which callers refuse (src/quantize).
#include "quant/codec.h"

namespace bw::quant {
namespace {

void decode(const std::byte* src, size_t n, float* out) {
  for (size_t i = 0; i < n; i++) out[i] = load_half(src + 2 * i);
}
void encode(const float* x, size_t n, std::byte* dst) {
  for (size_t i = 0; i < n; i++) store_half(dst + 2 * i, x[i]);
}

}  // namespace
BW_CODEC(F16, decode, encode);
}  // namespace bw::quant
