// The AArch64 tables: NEON with the dot product instructions, and with the matrix instructions as well.
#pragma once
#include "kernels/kernels.h"

namespace bw::kernels::neon_dotprod {

extern const Table table;
void product(const Packed& w, uint32_t panel0, uint32_t panel1, const Acts& a, float* y, size_t ldy);

}  // namespace bw::kernels::neon_dotprod

namespace bw::kernels::neon_i8mm {

extern const Table table;
void product(const Packed& w, uint32_t panel0, uint32_t panel1, const Acts& a, float* y, size_t ldy);

}  // namespace bw::kernels::neon_i8mm
