// The products of the avx2 table: avx2_product.inc with vpmaddubsw.
#include "kernels/x86_target.h"
#ifdef BW_X86
#include <algorithm>
#include <cstring>

#include "kernels/avx2.h"
#include "kernels/panel.h"

BW_TARGET_BEGIN_AVX2
namespace bw::kernels::avx2 {
namespace {
constexpr bool vnni = false;
}
#include "kernels/avx2_product.inc"
}  // namespace bw::kernels::avx2
BW_TARGET_END
#endif
