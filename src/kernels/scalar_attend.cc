// BN1 section 7 with an F16 cache, one query head at a time: the attention of the scalar table.
// In: one row's query heads and the chunks of their KV head. Out: [n_rep, head_dim], or false for a
// non-finite score.
#include <bit>

#include "kernels/fma.h"
#include "kernels/scalar.h"
#include "quant/half.h"

namespace bw::kernels {

// Scores of one chunk and its weighted values, for every query head; each part rounded up to whole lines.
size_t attend_scratch(uint32_t n_rep, uint32_t head_dim) {
  return size_t(n_rep) * (kv_chunk + (head_dim + 15) / 16 * 16);
}

namespace scalar {
namespace {

bool is_non_finite(float x) {
  return (std::bit_cast<uint32_t>(x) & 0x7F800000u) == 0x7F800000u;
}

// Scores of keys from .. n-1 of a chunk, turned into p in place: m = their maximum, l = the sum of p.
bool chunk_weights(const Attend& a, const float* q, const uint16_t* k, uint32_t from, uint32_t n, float* p,
                   float* m, float* l) {
  for (uint32_t j = from; j < n; ++j) {
    const uint16_t* key = k + size_t(j / 16) * a.head_dim * 16 + j % 16;
    float dot = 0;
    for (uint32_t i = 0; i < a.head_dim; ++i) dot = fma_exact(q[i], quant::half_to_float(key[16 * i]), dot);
    p[j] = dot * a.scale;
    if (is_non_finite(p[j])) return false;
    if (j == from || p[j] > *m) *m = p[j];
  }
  float lane[32] = {};
  for (uint32_t j = from; j < n; ++j) {
    p[j] = exp_bn1(p[j] - *m);
    lane[j % 32] = lane[j % 32] + p[j];
  }
  *l = tree32(lane);
  return true;
}

}  // namespace

bool attend_f16(const Attend& a) {
  float* p = a.scratch;
  float* o = a.scratch + kv_chunk;
  for (uint32_t head = 0; head < a.n_rep; ++head) {
    const float* q = a.q + size_t(head) * a.head_dim;
    float* out = a.out + size_t(head) * a.head_dim;
    float max = 0, sum = 0;
    const uint32_t first = a.first_valid / kv_chunk * kv_chunk;  // chunks before it have no valid key
    for (uint32_t start = first; start < a.n_valid; start += kv_chunk) {
      const uint32_t from = a.first_valid > start ? a.first_valid - start : 0;
      const uint32_t n = a.n_valid - start < kv_chunk ? a.n_valid - start : kv_chunk;
      const uint16_t* v = a.v_chunks[start / kv_chunk];
      float m = 0, l = 0;
      if (!chunk_weights(a, q, a.k_chunks[start / kv_chunk], from, n, p, &m, &l)) return false;
      for (uint32_t i = 0; i < a.head_dim; ++i) {
        o[i] = 0;
        for (uint32_t j = from; j < n; ++j)
          o[i] = fma_exact(p[j], quant::half_to_float(v[size_t(j) * a.head_dim + i]), o[i]);
      }
      if (start == first) {
        max = m;
        sum = l;
        for (uint32_t i = 0; i < a.head_dim; ++i) out[i] = o[i];
        continue;
      }
      const float top = m > max ? m : max;
      const float old_share = exp_bn1(max - top), new_share = exp_bn1(m - top);
      sum = fma_exact(sum, old_share, l * new_share);
      for (uint32_t i = 0; i < a.head_dim; ++i) out[i] = fma_exact(out[i], old_share, o[i] * new_share);
      max = top;
    }
    for (uint32_t i = 0; i < a.head_dim; ++i) out[i] = out[i] / sum;
  }
  return true;
}

}  // namespace scalar
}  // namespace bw::kernels
