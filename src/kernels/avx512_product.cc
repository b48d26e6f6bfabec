// BN1 section 3 with AVX512-VNNI: a zmm holds one output of each of a panel's 16 rows.
// Many columns: two panels' weights of 512 values of K are unpacked to unsigned bytes in the first cache (a
// Tile), then six columns at a time run over them: 12 integer sums and 12 outputs in registers, one vpdpbusd
// a word, panel and column. Few columns: one panel at a time, unpacked in registers, for at most 8 columns.
// The integers are unsigned after unpacking; the sum starts at -offset * asum instead, which is exact.
#include "kernels/x86_target.h"
#ifdef BW_X86
#include <algorithm>
#include <cstring>

#include "kernels/avx512.h"
#include "kernels/panel.h"

BW_TARGET_BEGIN_AVX512
namespace bw::kernels::avx512 {
namespace {

struct Output {
  const Packed& w;
  float* y;
  size_t ldy;
  const std::byte* panel(uint32_t p) const { return w.data + p * panel_bytes(w.type, w.k); }
  // The rows of panel p that exist.
  __mmask16 rows(uint32_t p) const {
    const uint32_t left = w.n_out - p * panel_rows;
    return left >= 16 ? __mmask16(0xFFFF) : __mmask16((1u << left) - 1);
  }
  float* at(uint32_t p, uint32_t c) const { return y + c * ldy + p * panel_rows; }
  // What a chain of panel p, column c starts from: +0, or what an earlier part of K left in y.
  __m512 load(bool first, uint32_t p, uint32_t c) const {
    return first ? _mm512_setzero_ps() : _mm512_maskz_loadu_ps(rows(p), at(p, c));
  }
  void store(uint32_t p, uint32_t c, __m512 v) const { _mm512_mask_storeu_ps(at(p, c), rows(p), v); }
};

inline __m512i load_line(const void* p) {
  return _mm512_loadu_si512(p);
}
inline __m512 halves(const std::byte* p) {
  return _mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
}
inline __m512i word(const int8_t* q) {
  int32_t v;
  std::memcpy(&v, q, 4);
  return _mm512_set1_epi32(v);
}
constexpr uint32_t columns = 6;          // of a tile's pass
constexpr uint32_t direct_columns = 8;   // the most that are done without a tile
constexpr size_t prefetch_ahead = 2048;  // of 1 to 16 KiB the fastest here, by a tenth

// Asks for the lines that lie `ahead` bytes after p's n_bytes.
inline void prefetch(const std::byte* p, size_t n_bytes, size_t ahead) {
  for (size_t i = 0; i < n_bytes; i += line)
    _mm_prefetch(reinterpret_cast<const char*>(p) + ahead + i, _MM_HINT_T0);
}

#include "kernels/avx512_b256.inc"

#include "kernels/avx512_b256_direct.inc"

#include "kernels/avx512_b32.inc"
#include "kernels/avx512_float.inc"
}  // namespace

#include "kernels/vector_product.inc"
}  // namespace bw::kernels::avx512
BW_TARGET_END
#endif
