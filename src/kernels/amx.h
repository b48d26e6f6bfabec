// What the files of the amx table share. Its functions other than the products are avx512vnni's.
#pragma once
#include "kernels/kernels.h"

namespace bw::kernels::amx {

extern const Table table;
// The processor has AMX-INT8 and AMX-BF16 (the sums of minima) beside AVX512-VNNI, and the system lets this
// process use tiles (Linux: arch_prctl, ARCH_REQ_XCOMP_PERM).
bool available();
void product(const Packed& w, uint32_t panel0, uint32_t panel1, const Acts& a, float* y, size_t ldy);

}  // namespace bw::kernels::amx
