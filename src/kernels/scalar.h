// What the files of the scalar table share: BN1's exp and 32-lane tree, one value at a time.
#pragma once
#include "kernels/kernels.h"

namespace bw::kernels::scalar {

extern const Table table;

float exp_bn1(float x);     // BN1 section 5
float tree32(float* lane);  // BN1 section 4: lane l + lane l + 16, then 8, 4, 2, 1; lane [32] is overwritten

void product(const Packed& w, uint32_t panel0, uint32_t panel1, const Acts& a, float* y, size_t ldy);

extern const KvKernels kv_f16, kv_q8;
// What their files share: scores in p [from, n) -> p_j in place, m, l (false: one is not finite); a walk over
// rows, heads and chunks around what one chunk gives one head; `finish` takes each result.
bool is_non_finite(float x);
bool softmax(float* p, uint32_t from, uint32_t n, float* m, float* l);
using ChunkOfHead = bool (*)(const Attend& a, const float* q, uint32_t chunk, uint32_t from, uint32_t n,
                             float* p, float* o, float* m, float* l);
bool attend_heads(const Attend& a, ChunkOfHead chunk, void (*finish)(float* out, uint32_t head_dim));
bool attend_heads_parts(const Attend& a, ChunkOfHead chunk, uint32_t chunk0, uint32_t chunk1, float* parts);
void merge_heads(const Attend& a, const float* parts, void (*finish)(float* out, uint32_t head_dim));

}  // namespace bw::kernels::scalar
