// What the files of the avx2 and avxvnni tables share.
#pragma once
#include "kernels/kernels.h"

namespace bw::kernels::avx2 {

extern const Table table;
void product(const Packed& w, uint32_t panel0, uint32_t panel1, const Acts& a, float* y, size_t ldy);

}  // namespace bw::kernels::avx2

// The same functions with products that use vpdpbusd.
namespace bw::kernels::avxvnni {

extern const Table table;
void product(const Packed& w, uint32_t panel0, uint32_t panel1, const Acts& a, float* y, size_t ldy);

}  // namespace bw::kernels::avxvnni
