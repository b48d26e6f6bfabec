// What every <type>.cc of this folder brings to the table: its two functions, and the small helpers they
// share. In: bytes of whole blocks. Out: floats, or the reverse. Used inside src/quant only.
#pragma once
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "quant/half.h"

namespace bw::quant {

static_assert(std::endian::native == std::endian::little,
              "GGUF is little endian and blocks are read in place");

struct Codec {
  void (*decode)(const std::byte* src, size_t n_blocks, float* out);
  void (*encode)(const float* x, size_t n_blocks, std::byte* dst);  // nullptr: no encoder here
};

// BW_CODEC(NAME, decode, encode): the definition types.cc finds by the name in types.def.
#define BW_CODEC(name, decode, encode) \
  extern const Codec codec_##name;     \
  constinit const Codec codec_##name { \
    decode, encode                     \
  }

inline uint16_t load_u16(const std::byte* p) {
  uint16_t v;
  std::memcpy(&v, p, sizeof v);
  return v;
}
inline uint32_t load_u32(const std::byte* p) {
  uint32_t v;
  std::memcpy(&v, p, sizeof v);
  return v;
}
inline float load_half(const std::byte* p) {
  return half_to_float(load_u16(p));
}
inline void store_half(std::byte* p, float f) {
  const uint16_t v = float_to_half(f);
  std::memcpy(p, &v, sizeof v);
}
inline void store_u32(std::byte* p, uint32_t v) {
  std::memcpy(p, &v, sizeof v);
}

// The value of largest magnitude with its sign; of two equal magnitudes the first.
inline float signed_peak(const float* x, int n) {
  float magnitude = 0, peak = 0;
  for (int i = 0; i < n; i++)
    if (magnitude < std::fabs(x[i])) magnitude = std::fabs(x[i]), peak = x[i];
  return peak;
}
struct Extent {
  float min, max;
};
inline Extent extent(const float* x, int n) {
  Extent e{x[0], x[0]};
  for (int i = 1; i < n; i++) {
    if (x[i] < e.min) e.min = x[i];
    if (x[i] > e.max) e.max = x[i];
  }
  return e;
}
inline float inverse(float d) {
  return d != 0 ? 1.0f / d : 0.0f;
}
// Truncation towards zero into [0, top]. The comparisons are written so that a NaN (0 * infinity, when 1/d
// overflows for a block of values below 2^-126) becomes 0 and not undefined behaviour.
inline uint32_t level(float v, float top) {
  return static_cast<uint32_t>(v > 0 ? (v < top ? v : top) : 0.0f);
}

}  // namespace bw::quant
