// The sse41 table: 128-bit registers, SSSE3 and SSE4.1, fma emulated exactly (sse41_vector.inc).
// In, out and bits: kernels.h. The texts are those of every vector table; products: narrow_product.inc.
// Weights of a tile are int16 with their sub-scale multiplied in (at most 4,096 in magnitude), so pmaddwd
// gives exact int32 sums for every type and none needs planes or sign tricks.
#include "kernels/x86_target.h"
#ifdef BW_X86
#include <algorithm>
#include <bit>
#include <cstring>

#include "kernels/fma.h"
#include "kernels/kv_q8.h"
#include "kernels/panel.h"
#include "kernels/sse41.h"
#include "quant/half.h"
#include "quant/iq4.h"

namespace bw::kernels::sse41 {
namespace {

bool available() {
  return __builtin_cpu_supports("ssse3") && __builtin_cpu_supports("sse4.1");
}

}  // namespace
}  // namespace bw::kernels::sse41

BW_TARGET_BEGIN_SSE41
namespace bw::kernels::sse41 {
namespace {
#include "kernels/sse41_vector.inc"

#include "kernels/vector_functions.inc"

#include "kernels/vector_attend.inc"

#include "kernels/vector_attend_f16.inc"

#include "kernels/sse41_q8.inc"

#include "kernels/vector_attend_q8.inc"

constexpr bool folds = true;
constexpr int columns = 4;
constexpr uint32_t float_columns_at_once = 2;

struct Word {
  __m128i k01, k23;  // values 0, 1 and 2, 3 of four rows as int16
};
template <class V>
inline Word widened(const V& word) {
  const __m128i pairs =
      _mm_shuffle_epi8(__m128i(word), _mm_setr_epi8(0, 1, 4, 5, 8, 9, 12, 13, 2, 3, 6, 7, 10, 11, 14, 15));
  return {_mm_cvtepi8_epi16(pairs), _mm_cvtepi8_epi16(_mm_srli_si128(pairs, 8))};
}
template <int n, class V>
inline void put(const V* words, Word* out) {
  for (int i = 0; i < n; ++i) out[i] = widened(words[i]);
}
template <int n, class V>
inline void put_scaled(const V* words, vi scale, Word* out) {
  const vi twice = _mm_or_si128(_mm_and_si128(scale, iset(0xFFFF)), _mm_slli_epi32(scale, 16));
  for (int i = 0; i < n; ++i) {
    const Word w = widened(words[i]);
    out[i] = {_mm_mullo_epi16(w.k01, twice), _mm_mullo_epi16(w.k23, twice)};
  }
}

constexpr uint32_t most_k = 512;
template <int NC>
struct Columns {
  alignas(16) int16_t q[NC][most_k];
  Columns(const Acts& a, uint32_t c0, uint32_t k0, uint32_t n_k) {
    for (uint32_t c = 0; c < NC; ++c) {
      const int8_t* from = a.q + size_t(c0 + c) * a.k + k0;
      for (uint32_t i = 0; i < n_k; i += 8)
        _mm_store_si128(reinterpret_cast<__m128i*>(q[c] + i),
                        _mm_cvtepi8_epi16(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(from + i))));
    }
  }
};
template <int NC, int n>
inline void dots(const Word* w, const Columns<NC>& x, uint32_t k, vi* sums) {
  for (int i = 0; i < n; i += 2) {
#pragma GCC unroll 4
    for (int c = 0; c < NC; ++c) {
      const vi v = _mm_load_si128(reinterpret_cast<const __m128i*>(x.q[c] + k + uint32_t(4 * i)));
      vi s = sums[c];
      s = iadd(s, _mm_madd_epi16(w[i].k01, _mm_shuffle_epi32(v, 0x00)));
      s = iadd(s, _mm_madd_epi16(w[i].k23, _mm_shuffle_epi32(v, 0x55)));
      s = iadd(s, _mm_madd_epi16(w[i + 1].k01, _mm_shuffle_epi32(v, 0xAA)));
      sums[c] = iadd(s, _mm_madd_epi16(w[i + 1].k23, _mm_shuffle_epi32(v, 0xFF)));
    }
  }
}
template <class V>
inline V iq4_levels_of(const V& nibbles) {
  const __m128i levels = _mm_loadu_si128(reinterpret_cast<const __m128i*>(quant::iq4_levels));
  return V(_mm_shuffle_epi8(levels, __m128i(nibbles)));
}
}  // namespace

#include "kernels/narrow_product.inc"
}  // namespace bw::kernels::sse41
BW_TARGET_END

namespace bw::kernels::sse41 {
constinit const Table table{"sse41", available, non_finite, act32, act256,  product, rms_norm,
                            exp,     glu,       add_to,     rope,  &kv_f16, &kv_q8};
}
#endif
