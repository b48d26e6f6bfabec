// The neon_dotprod table, and all of neon_i8mm's but its products (neon_i8mm.cc).
// In, out and bits: kernels.h. The texts are those of every vector table; products: narrow_product.inc with
// sdot by lane: one word of four rows times one word of a column.
#include "kernels/arm_target.h"
#ifdef BW_ARM
#include <algorithm>
#include <bit>
#include <cstring>

#include "kernels/fma.h"
#include "kernels/kv_q8.h"
#include "kernels/neon.h"
#include "kernels/panel.h"
#include "quant/iq4.h"

BW_TARGET_BEGIN_DOTPROD
namespace bw::kernels::neon_dotprod {
namespace {
#include "kernels/neon_vector.inc"

#include "kernels/vector_functions.inc"

#include "kernels/vector_attend.inc"

#include "kernels/vector_attend_f16.inc"

#include "kernels/neon_q8.inc"

#include "kernels/vector_attend_q8.inc"

#include "kernels/neon_columns.inc"
using Word = int8x16_t;
template <int n, class V>
inline void put(const V* words, Word* out) {
  for (int i = 0; i < n; ++i) out[i] = Word(words[i]);
}
template <int NC, int n>
inline void dots(const Word* w, const Columns<NC>& x, uint32_t k, vi* sums) {
#pragma GCC unroll 4
  for (int i = 0; i < n; i += 4) {
#pragma GCC unroll 8
    for (int c = 0; c < NC; ++c) {
      const int8x16_t v = vld1q_s8(x.q[c] + k + uint32_t(4 * i));
      sums[c] = vdotq_laneq_s32(sums[c], w[i], v, 0);
      sums[c] = vdotq_laneq_s32(sums[c], w[i + 1], v, 1);
      sums[c] = vdotq_laneq_s32(sums[c], w[i + 2], v, 2);
      sums[c] = vdotq_laneq_s32(sums[c], w[i + 3], v, 3);
    }
  }
}
}  // namespace

#include "kernels/narrow_product.inc"
}  // namespace bw::kernels::neon_dotprod
BW_TARGET_END

namespace bw::kernels {
namespace neon_dotprod {
namespace {
constexpr Table with(std::string_view name, bool (*runs)(), decltype(Table::product) products) {
  return {name, runs, non_finite, act32, act256, products, rms_norm, exp, glu, add_to, rope, &kv_f16, &kv_q8};
}
}  // namespace
constinit const Table table = with("neon_dotprod", has_dotprod, product);
}  // namespace neon_dotprod
constinit const Table neon_i8mm::table = neon_dotprod::with("neon_i8mm", has_i8mm, neon_i8mm::product);
}  // namespace bw::kernels
#endif
