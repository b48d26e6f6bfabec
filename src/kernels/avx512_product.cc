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

#include "kernels/avx512_panels.inc"

constexpr uint32_t direct_columns = 8;  // the most that are done without a tile

#include "kernels/avx512_b256.inc"

#include "kernels/avx512_q23k.inc"
#include "kernels/avx512_q45k.inc"
#include "kernels/avx512_q6k_iq4xs.inc"

#include "kernels/avx512_unpack32.inc"

#include "kernels/avx512_b32.inc"
#include "kernels/avx512_float.inc"
}  // namespace

#include "kernels/vector_product.inc"
}  // namespace bw::kernels::avx512
BW_TARGET_END
#endif
