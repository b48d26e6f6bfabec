// The sse41 table: for x86-64 processors without AVX2 and FMA.
#pragma once
#include "kernels/kernels.h"

namespace bw::kernels::sse41 {

extern const Table table;
void product(const Packed& w, uint32_t panel0, uint32_t panel1, const Acts& a, float* y, size_t ldy);

}  // namespace bw::kernels::sse41
