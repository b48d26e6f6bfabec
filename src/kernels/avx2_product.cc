// BN1 section 3 with AVX2: a ymm holds one output of eight rows, half a panel.
// One panel's weights of 512 values of K are unpacked to unsigned bytes in the first cache (a Tile), then
// four columns at a time run over them, eight rows after eight. vpmaddubsw multiplies bytes in pairs into
// int16; as many words are summed there as cannot overflow, then vpmaddwd (by one, by sixteen or by a
// sub-scale) widens to int32:
//   4 bits: 8 words, 8 * 2 * 15 * 127 = 30,480.  5 bits: 4 words, 31,496.  6 bits: 2 words, 32,004.
//   8 bits: q + 128 as two planes of 4 bits, 16 * high + low: 8 words each. A sign trick costs as many
//   instructions.
#include "kernels/x86_target.h"
#ifdef BW_X86
#include <algorithm>
#include <cstring>

#include "kernels/avx2.h"
#include "kernels/panel.h"

BW_TARGET_BEGIN_AVX2
namespace bw::kernels::avx2 {
namespace {

constexpr uint32_t half_rows = 8;
constexpr size_t half_line = line / 2;
constexpr uint32_t columns = 4;
constexpr size_t prefetch_ahead = 4096;

inline __m256i row_mask(uint32_t n) {
  return _mm256_cmpgt_epi32(_mm256_set1_epi32(int32_t(n)), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}

// Half h of panel p: rows 16p + 8h ...
struct Output {
  const Packed& w;
  float* y;
  size_t ldy;
  const std::byte* panel(uint32_t p) const { return w.data + p * panel_bytes(w.type, w.k); }
  uint32_t n_rows(uint32_t p, uint32_t h) const {
    const uint32_t before = p * panel_rows + h * half_rows;
    return before >= w.n_out ? 0 : std::min(half_rows, w.n_out - before);
  }
  float* at(uint32_t p, uint32_t h, uint32_t c) const { return y + c * ldy + p * panel_rows + h * half_rows; }
  // What a chain starts from: +0, or what an earlier part of K left in y.
  __m256 load(bool first, uint32_t p, uint32_t h, uint32_t c) const {
    return first ? _mm256_setzero_ps() : _mm256_maskload_ps(at(p, h, c), row_mask(n_rows(p, h)));
  }
  void store(uint32_t p, uint32_t h, uint32_t c, __m256 v) const {
    _mm256_maskstore_ps(at(p, h, c), row_mask(n_rows(p, h)), v);
  }
};

inline __m256i load_half_line(const std::byte* p) {
  return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
}
inline __m256i load_bytes(const void* p) {
  return _mm256_load_si256(static_cast<const __m256i*>(p));
}
inline void store_bytes(void* p, __m256i v) {
  _mm256_store_si256(static_cast<__m256i*>(p), v);
}
inline __m256 halves(const std::byte* p) {
  return _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
}
inline __m256i word(const void* q) {
  int32_t v;
  std::memcpy(&v, q, 4);
  return _mm256_set1_epi32(v);
}
// The sum so far is needed now: g++ 12 would otherwise turn a chain of adds into a tree and spill its leaves.
inline void keep(__m256i& v) {
  asm("" : "+x"(v));
}
inline __m256i low_nibbles(__m256i v) {
  return _mm256_and_si256(v, _mm256_set1_epi8(15));
}
inline __m256i high_nibbles(__m256i v) {
  return low_nibbles(_mm256_srli_epi16(v, 4));
}

#include "kernels/avx2_b256.inc"
#include "kernels/avx2_b32.inc"
#include "kernels/avx2_float.inc"
}  // namespace

#include "kernels/vector_product.inc"
}  // namespace bw::kernels::avx2
BW_TARGET_END
#endif
