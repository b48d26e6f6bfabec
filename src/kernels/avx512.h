// What the files of the avx512vnni table share.
#pragma once
#include "kernels/kernels.h"

namespace bw::kernels::avx512 {

extern const Table table;
bool available();
void product(const Packed& w, uint32_t panel0, uint32_t panel1, const Acts& a, float* y, size_t ldy);

}  // namespace bw::kernels::avx512
