// BN1 section 3 with AMX: tiles of 16 columns of activations by the 16 rows of a panel. The integer sums are
// the tile unit's; scales, minima and the chain over blocks are AVX-512, one register a column.
// Few columns, and float weights, are avx512vnni's.
#include "kernels/x86_target.h"
#ifdef BW_X86
#if defined(__linux__)
#include <sys/syscall.h>
#include <unistd.h>
#endif

#include <algorithm>
#include <cstring>

#include "kernels/amx.h"
#include "kernels/avx512.h"
#include "kernels/panel.h"

namespace bw::kernels::amx {
namespace {

// CPUID leaf 7: EDX bits 22, 24, 25 are AMX-BF16, AMX-TILE, AMX-INT8.
bool has_tiles() {
  unsigned a = 0, b = 0, c = 0, d = 0;
  constexpr unsigned wanted = 1u << 22 | 1u << 24 | 1u << 25;
  return __get_cpuid_count(7, 0, &a, &b, &c, &d) != 0 && (d & wanted) == wanted;
}

// Linux grants the tile state (feature 18) on request only, once for all threads of the process.
bool tiles_granted() {
#if defined(__linux__)
  constexpr long request_permission = 0x1023, tile_data = 18;  // asm/prctl.h: ARCH_REQ_XCOMP_PERM
  return syscall(SYS_arch_prctl, request_permission, tile_data) == 0;
#else
  return false;
#endif
}

}  // namespace

bool available() {
  static const bool can = avx512::available() && has_tiles() && tiles_granted();
  return can;
}

}  // namespace bw::kernels::amx

BW_TARGET_BEGIN_AMX
namespace bw::kernels::amx {
namespace {

#include "kernels/avx512_panels.inc"

#include "kernels/avx512_unpack32.inc"

#include "kernels/amx_tiles.inc"

#include "kernels/amx_b32.inc"

}  // namespace

// Up to this many columns avx512vnni is as fast: the unpacked weights serve too few tiles.
constexpr uint32_t few_columns = 16;

void product(const Packed& w, uint32_t panel0, uint32_t panel1, const Acts& a, float* y, size_t ldy) {
  using quant::Type;
  if (a.n <= few_columns) return avx512::product(w, panel0, panel1, a, y, ldy);
  const Output out{w, y, ldy};
  switch (w.type) {
    case Type::Q4_0:
      return product_32<Type::Q4_0>(out, panel0, panel1, a);
    case Type::Q4_1:
      return product_32<Type::Q4_1>(out, panel0, panel1, a);
    case Type::Q5_0:
      return product_32<Type::Q5_0>(out, panel0, panel1, a);
    case Type::Q5_1:
      return product_32<Type::Q5_1>(out, panel0, panel1, a);
    case Type::Q8_0:
      return product_32<Type::Q8_0>(out, panel0, panel1, a);
    case Type::IQ4_NL:
      return product_32<Type::IQ4_NL>(out, panel0, panel1, a);
    default:
      return avx512::product(w, panel0, panel1, a, y, ldy);
  }
}

}  // namespace bw::kernels::amx
BW_TARGET_END
#endif
