// BN1 section 7 for the reference: what a cache holds of K and V, and one query head over it.
// In: rows [n, n_head_kv, head_dim] after bias, norm and RoPE. Out: [head_dim], or false where a value is not
// finite.
#pragma once
#include <cstdint>
#include <vector>

#include "kernels/attend.h"

namespace bw::engine::reference {

using kernels::KvType;

// K, or V, of every position of one layer, as the cache holds it.
struct Held {
  std::vector<uint16_t> f16;  // [n, n_head_kv, head_dim]
  std::vector<int> q;         // q8: the same shape, rotated
  std::vector<float> d;       // q8: one for each group of 64 along head_dim
};
// False where a value is not finite for this cache.
bool hold(KvType type, const std::vector<float>& rows, uint32_t head_dim, bool are_values, Held& to);

struct Heads {
  KvType type = KvType::f16;
  uint32_t head_dim = 0, n_head_kv = 0;
  float scale = 0;
};
// A query head over keys first .. row of KV head g. False where a score, or a rotated query, is not finite.
bool attend(const Heads& h, const float* q, const Held& k, const Held& v, uint32_t g, size_t first,
            size_t row, float* out);

}  // namespace bw::engine::reference
