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

#include "kernels/avx512_b256.inc"

#include "kernels/avx512_q23k.inc"
#include "kernels/avx512_q45k.inc"
#include "kernels/avx512_q6k_iq4xs.inc"

#include "kernels/amx_tiles.inc"

using Sums = int32_t[16][16];         // column, row
constexpr uint32_t most_groups = 32;  // groups of 16 columns prepared together
constexpr uint32_t stock_panels = 2;  // panels whose unpacked weights stay in the first cache

// Asks, piece by piece while groups are multiplied, for the packed weights that the next panels of the stock
// will be unpacked from: in a model they lie in memory, and unpacking would wait for them.
class Ahead {
 public:
  // Bytes [at, at + n_bytes) of the panels from p, before panel1, in n_pieces pieces.
  Ahead(const Output& out, uint32_t p, uint32_t panel1, size_t at, size_t n_bytes, uint32_t n_pieces)
      : stride_(panel_bytes(out.w.type, out.w.k)),
        n_panels_(p < panel1 ? std::min(stock_panels, panel1 - p) : 0),
        from_(n_panels_ == 0 ? nullptr : out.panel(p) + at),
        n_lines_((n_bytes + line - 1) / line),
        piece_((n_lines_ + n_pieces - 1) / n_pieces) {}
  void next() {
    const size_t end = std::min(n_lines_, done_ + piece_);
    for (uint32_t p = 0; p < n_panels_; ++p)
      for (size_t i = done_; i < end; ++i)
        _mm_prefetch(reinterpret_cast<const char*>(from_ + p * stride_ + i * line), _MM_HINT_T1);
    done_ = end;
  }

 private:
  size_t stride_;
  uint32_t n_panels_;
  const std::byte* from_;
  size_t n_lines_, piece_, done_ = 0;
};

#include "kernels/amx_b256.inc"
#include "kernels/amx_b32.inc"

}  // namespace

// Up to this many columns avx512vnni is as fast: the unpacked weights serve too few tiles.
constexpr uint32_t few_columns = 16;

template <quant::Type type, quant::Family family>
void product_of(const Packed& w, uint32_t panel0, uint32_t panel1, const Acts& a, float* y, size_t ldy) {
  const Output out{w, y, ldy};
  if constexpr (family == quant::Family::f) return avx512::product(w, panel0, panel1, a, y, ldy);
  if constexpr (family == quant::Family::b32) return tiled_32<type>(out, panel0, panel1, a);
  if constexpr (family == quant::Family::b256) return tiled_256<type>(out, panel0, panel1, a);
}

void product(const Packed& w, uint32_t panel0, uint32_t panel1, const Acts& a, float* y, size_t ldy) {
  if (a.n <= few_columns) return avx512::product(w, panel0, panel1, a, y, ldy);
  switch (w.type) {
#define BW_BLOCK_TYPE(name, id, block, bytes, family) \
  case quant::Type::name:                             \
    return product_of<quant::Type::name, quant::Family::family>(w, panel0, panel1, a, y, ldy);
#include "quant/types.def"
#undef BW_BLOCK_TYPE
  }
}

}  // namespace bw::kernels::amx
BW_TARGET_END
#endif
