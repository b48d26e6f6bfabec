// What every <type>.cc of this folder brings to the table, and the small helpers they share.
// In: bytes of whole blocks. Out: integers and floats, or the reverse. Used inside src/quant only.
// A float type brings decode and encode (BW_CODEC). A quantised type brings the integers of one block
// (BW_BLOCK_CODEC); its floats follow from them here, once for all types.
#pragma once
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "quant/half.h"
#include "quant/types.h"

namespace bw::quant {

static_assert(std::endian::native == std::endian::little,
              "GGUF is little endian and blocks are read in place");

struct Codec {
  void (*decode)(const std::byte* src, size_t n_blocks, float* out);
  void (*encode)(const float* x, size_t n_blocks, std::byte* dst);    // nullptr: no encoder here
  void (*integers)(const std::byte* block, Integers& out) = nullptr;  // nullptr: float type
  uint32_t sub = 1;
  bool has_min = false;
};

// BN1 section 2: the floats of n_blocks blocks of T, which has bytes, block, sub, has_min and integers().
template <class T>
void decode_blocks(const std::byte* src, size_t n_blocks, float* out) {
  Integers v;
  for (size_t b = 0; b < n_blocks; b++, src += T::bytes, out += T::block) {
    T::integers(src, v);
    for (uint32_t i = 0, s = 0; i < T::block; i += T::sub, ++s) {
      const bool has_scales = T::sub != T::block;
      const float d = has_scales ? v.d * static_cast<float>(v.scale[s]) : v.d;
      const float m = has_scales ? v.m * static_cast<float>(v.min[s]) : v.m;
      for (uint32_t l = i; l < i + T::sub; l++) {
        const float x = d * static_cast<float>(v.q[l]);
        out[l] = !T::has_min ? x : has_scales ? x - m : x + m;
      }
    }
  }
}

// The definition types.cc finds by the name in types.def: of a float type, and of a quantised one.
#define BW_CODEC(name, decode, encode) \
  extern const Codec codec_##name;     \
  constinit const Codec codec_##name { \
    decode, encode                     \
  }
#define BW_BLOCK_CODEC(name, T, encode)                       \
  extern const Codec codec_##name;                            \
  constinit const Codec codec_##name {                        \
    decode_blocks<T>, encode, T::integers, T::sub, T::has_min \
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
inline int load_i8(const std::byte* p) {
  return static_cast<int8_t>(*p);
}
inline int load_u8(const std::byte* p) {
  return static_cast<uint8_t>(*p);
}
inline void store_half(std::byte* p, float f) {
  const uint16_t v = float_to_half(f);
  std::memcpy(p, &v, sizeof v);
}
inline void store_u32(std::byte* p, uint32_t v) {
  std::memcpy(p, &v, sizeof v);
}

// Eight six-bit scales and minima in 12 bytes (Q4_K, Q5_K), with s[0..11]:
//   j < 4:  sc = s[j] & 63                        mn = s[j+4] & 63
//   j >= 4: sc = s[j+4] & 15 | (s[j-4] >> 6) << 4  mn = s[j+4] >> 4 | (s[j] >> 6) << 4
inline void scales_and_minima(const std::byte* s, Integers& v) {
  for (int j = 0; j < 4; j++) {
    const int a = load_u8(s + j), b = load_u8(s + j + 4), c = load_u8(s + j + 8);
    v.scale[j] = static_cast<int16_t>(a & 63);
    v.min[j] = static_cast<int16_t>(b & 63);
    v.scale[j + 4] = static_cast<int16_t>((c & 15) | a >> 6 << 4);
    v.min[j + 4] = static_cast<int16_t>(c >> 4 | b >> 6 << 4);
  }
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
