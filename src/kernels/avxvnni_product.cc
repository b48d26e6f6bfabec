// The products of the avxvnni table: avx2_product.inc with vpdpbusd in VEX encoding, on ymm registers.
#include "kernels/x86_target.h"
#ifdef BW_X86
#include <algorithm>
#include <cstring>

#include "kernels/avx2.h"
#include "kernels/panel.h"

BW_TARGET_BEGIN_AVXVNNI
namespace bw::kernels::avxvnni {
namespace {
constexpr bool vnni = true;
}
#include "kernels/avx2_product.inc"
}  // namespace bw::kernels::avxvnni
BW_TARGET_END
#endif
