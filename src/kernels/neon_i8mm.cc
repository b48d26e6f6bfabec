// The products of the neon_i8mm table: narrow_product.inc with smmla, which multiplies two rows by two
// columns of eight values. Two words zipped are eight values of two rows; an odd last column goes by sdot.
#include "kernels/arm_target.h"
#ifdef BW_ARM
#include <algorithm>
#include <cstring>

#include "kernels/neon.h"
#include "kernels/panel.h"
#include "quant/iq4.h"

BW_TARGET_BEGIN_I8MM
namespace bw::kernels::neon_i8mm {
namespace {
#include "kernels/neon_vector.inc"

#include "kernels/neon_columns.inc"
using Word = int8x16_t;  // of a pair: rows 0 and 1, then rows 2 and 3
template <int n, class V>
inline void put(const V* words, Word* out) {
  for (int i = 0; i < n; i += 2) {
    out[i] = Word(vzip1q_u32(uint32x4_t(words[i]), uint32x4_t(words[i + 1])));
    out[i + 1] = Word(vzip2q_u32(uint32x4_t(words[i]), uint32x4_t(words[i + 1])));
  }
}
inline int8x16_t first_eight(int8x16_t a, int8x16_t b) {
  return vreinterpretq_s8_s64(vzip1q_s64(vreinterpretq_s64_s8(a), vreinterpretq_s64_s8(b)));
}
inline int8x16_t last_eight(int8x16_t a, int8x16_t b) {
  return vreinterpretq_s8_s64(vzip2q_s64(vreinterpretq_s64_s8(a), vreinterpretq_s64_s8(b)));
}
template <int NC, int n>
inline void dots(const Word* w, const Columns<NC>& x, uint32_t k, vi* sums) {
  constexpr int n_pairs = NC / 2;
  vi acc[n_pairs + 1][2];  // [row 0 or 2: two columns][row 1 or 3: two columns]; the last: an odd column
#pragma GCC unroll 8
  for (int p = 0; p <= n_pairs; ++p) acc[p][0] = acc[p][1] = iset(0);
#pragma GCC unroll 4
  for (int i = 0; i < n; i += 4) {
    const uint32_t at = k + uint32_t(4 * i);
#pragma GCC unroll 8
    for (int p = 0; p < n_pairs; ++p) {
      const int8x16_t a = vld1q_s8(x.q[2 * p] + at), b = vld1q_s8(x.q[2 * p + 1] + at);
      const int8x16_t early = first_eight(a, b), late = last_eight(a, b);
      acc[p][0] = vmmlaq_s32(acc[p][0], w[i], early);
      acc[p][1] = vmmlaq_s32(acc[p][1], w[i + 1], early);
      acc[p][0] = vmmlaq_s32(acc[p][0], w[i + 2], late);
      acc[p][1] = vmmlaq_s32(acc[p][1], w[i + 3], late);
    }
    if constexpr (NC % 2 == 1) {
      const int8x16_t a = vld1q_s8(x.q[NC - 1] + at), early = first_eight(a, a), late = last_eight(a, a);
      acc[n_pairs][0] = vdotq_s32(acc[n_pairs][0], w[i], early);
      acc[n_pairs][1] = vdotq_s32(acc[n_pairs][1], w[i + 1], early);
      acc[n_pairs][0] = vdotq_s32(acc[n_pairs][0], w[i + 2], late);
      acc[n_pairs][1] = vdotq_s32(acc[n_pairs][1], w[i + 3], late);
    }
  }
#pragma GCC unroll 8
  for (int p = 0; p < n_pairs; ++p) {
    sums[2 * p] = iadd(sums[2 * p], vuzp1q_s32(acc[p][0], acc[p][1]));
    sums[2 * p + 1] = iadd(sums[2 * p + 1], vuzp2q_s32(acc[p][0], acc[p][1]));
  }
  if constexpr (NC % 2 == 1) sums[NC - 1] = iadd(sums[NC - 1], vpaddq_s32(acc[n_pairs][0], acc[n_pairs][1]));
}
}  // namespace

#include "kernels/narrow_product.inc"
}  // namespace bw::kernels::neon_i8mm
BW_TARGET_END
#endif
