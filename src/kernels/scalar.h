// What the files of the scalar table share: BN1's exp and 32-lane tree, one value at a time.
#pragma once
#include "kernels/kernels.h"

namespace bw::kernels::scalar {

extern const Table table;

float exp_bn1(float x);     // BN1 section 5
float tree32(float* lane);  // BN1 section 4: lane l + lane l + 16, then 8, 4, 2, 1; lane [32] is overwritten

void product(const Packed& w, uint32_t panel0, uint32_t panel1, const Acts& a, float* y, size_t ldy);
bool attend_f16(const Attend& a);

}  // namespace bw::kernels::scalar
