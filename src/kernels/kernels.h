// BN1's arithmetic by instruction set: one table of functions an instruction set, one table chosen once.
// In: packed weights (layout R16K4, docs/kernels.md) and activations. Out: exactly the bits of docs/bn1.md.
// Every function runs in the calling thread; who splits work over threads never splits K.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "kernels/attend.h"
#include "quant/types.h"

namespace bw::kernels {

inline constexpr uint32_t panel_rows = 16;  // rows interleaved in one panel

// Rows of one linear in R16K4. A panel is panel_rows rows (the last one padded with zeros in memory only).
struct Packed {
  quant::Type type = quant::Type::F32;
  uint32_t n_out = 0, k = 0;
  const std::byte* data = nullptr;  // 64-byte aligned, n_panels() * panel_bytes(type, k)
  uint32_t n_panels() const { return (n_out + panel_rows - 1) / panel_rows; }
};
size_t panel_bytes(quant::Type type, uint32_t k);  // a multiple of 64
// n_rows (1..16) consecutive GGUF rows -> one panel at dst [panel_bytes]. One layout for every instruction
// set. Error where a scale, minimum or float weight is not finite (BN1 section 1) or k is not a multiple of
// the type's block: code bad_input, `what` has no file or tensor name (the caller puts them in front). dst is
// then unspecified.
Status pack_panel(quant::Type type, const std::byte* rows, uint32_t n_rows, uint32_t k, std::byte* dst);
// Row `row` (0..15) of a packed panel dequantised as BN1 section 2 says -> out [k] (embedding lookups).
void unpack_row(quant::Type type, const std::byte* panel, uint32_t row, uint32_t k, float* out);

// Activations [n, k] in the form the weight family multiplies. Only the members of that family are set.
struct Acts {
  uint32_t n = 0, k = 0;
  const float* f32 = nullptr;     // family f
  const int8_t* q = nullptr;      // b32 and b256, row-major [n, k]
  const float* d = nullptr;       // b32 [n, k/32]; b256 [n, k/256]
  const int32_t* sums = nullptr;  // b32: sum of q over 32 [n, k/32]; b256: sums over 16 [n, k/16]
};

enum class Glu { silu, gelu };

struct Table {
  std::string_view name;  // "scalar", "avx2", "avx512vnni"
  bool (*available)();    // this machine and operating system can run it

  // True iff any of x [n] has all exponent bits set.
  bool (*non_finite)(const float* x, size_t n);
  // A32: x [k] -> q [k], d [k/32], sums [k/32]. A256: -> q [k], d [k/256], sums [k/16]. (BN1 section 2)
  void (*act32)(const float* x, uint32_t k, int8_t* q, float* d, int32_t* sums);
  void (*act256)(const float* x, uint32_t k, int8_t* q, float* d, int32_t* sums);
  // y[c * ldy + r] for rows r of panels [panel0, panel1) (only r < n_out are written), all a.n columns c.
  // Section 3.
  void (*product)(const Packed& w, uint32_t panel0, uint32_t panel1, const Acts& a, float* y, size_t ldy);
  // Section 4. Returns false when ss is not finite (y is then undefined).
  bool (*rms_norm)(const float* x, const float* w, uint32_t n, float eps, float* y);
  void (*exp)(const float* x, size_t n, float* y);  // section 5; x is never a NaN
  void (*glu)(Glu act, const float* gate, const float* up, size_t n, float* y);
  void (*add)(float* x, const float* y, size_t n);  // x = add(x, y)
  // x [head_dim], cos/sin [n_rot/2]; neox pairs (i, i + n_rot/2), else (2i, 2i + 1). Section 6.
  void (*rope)(float* x, const float* cos, const float* sin, uint32_t n_rot, bool neox);
  // Section 7, by the cache's type.
  const KvKernels *kv_f16, *kv_q8;
  const KvKernels& kv(KvType type) const { return type == KvType::q8 ? *kv_q8 : *kv_f16; }
};

std::span<const Table* const> tables();  // all compiled in, slowest first
// Every table bitworth has, for whatever processor, slowest first: what `doctor` shows.
struct Listed {
  std::string_view name;
  std::string_view processor;               // "x86-64", "AArch64", "any"
  const Table* table;                       // nullptr: this program was built for another processor
  std::vector<std::string_view> lacks;      // what of its needs this machine has not; empty where it runs
  std::vector<std::string_view> by_scalar;  // functions it takes from the scalar table, slow ones
};
std::vector<Listed> listing();
// The table named `isa`, or BITWORTH_ISA, or the best available. Naming one this machine lacks, or an unknown
// name, is an Error that lists those it has.
Result<const Table*> choose(std::string_view isa = {});

}  // namespace bw::kernels
