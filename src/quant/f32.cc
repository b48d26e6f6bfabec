// F32: one value, 4 bytes, IEEE binary32 little endian. Copied both ways, bit patterns unchanged.
#include "quant/codec.h"

namespace bw::quant {
namespace {

void decode(const std::byte* src, size_t n, float* out) {
  std::memcpy(out, src, n * sizeof(float));
}
void encode(const float* x, size_t n, std::byte* dst) {
  std::memcpy(dst, x, n * sizeof(float));
}

}  // namespace
BW_CODEC(F32, decode, encode);
}  // namespace bw::quant
