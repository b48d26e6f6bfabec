// BN1 section 7 with a Q8 cache, one query head at a time: rotation, groups of 64, integer sums. Read beside
// docs/bn1.md; where bytes lie is kv_q8.h.
// In: rows and chunks. Out: [n_rep, head_dim] a row, or false where a rotated query or a score is not finite.
#include <algorithm>
#include <bit>
#include <cmath>

#include "kernels/fma.h"
#include "kernels/kv_q8.h"
#include "kernels/scalar.h"

namespace bw::kernels::scalar {
namespace {

// R_n over consecutive blocks of n = 2^k values; its own inverse.
void rotate(float* x, uint32_t head_dim, uint32_t n) {
  const float by = 1.0f / sqrt_exact(float(n));
  for (uint32_t b = 0; b < head_dim; b += n) {
    for (uint32_t len = 1; len < n; len *= 2)
      for (uint32_t i = b; i < b + n; ++i)
        if ((i & len) == 0) {
          const float low = x[i], high = x[i + len];
          x[i] = low + high;
          x[i + len] = low - high;
        }
    for (uint32_t i = b; i < b + n; ++i) x[i] = x[i] * by;
  }
}

// rint without libm: |x| < 2^22, so adding 1.5 * 2^23 leaves the nearest even integer in the low bits.
int32_t nearest(float x) {
  return std::bit_cast<int32_t>(x + 12582912.0f) - 0x4B400000;
}

// The head x rotated by blocks of n and quantised: q [head_dim], d [groups]. False when a rotated value is
// not finite.
bool quantise(const float* x, uint32_t head_dim, uint32_t n, int8_t* q, float* d) {
  float r[q8_head_dim_most];
  std::copy_n(x, head_dim, r);
  rotate(r, head_dim, n);
  for (uint32_t i = 0; i < head_dim; ++i)
    if (is_non_finite(r[i])) return false;
  for (uint32_t g = 0; g * q8_group < head_dim; ++g) {
    const uint32_t begin = g * q8_group, end = std::min(begin + q8_group, head_dim);
    float amax = 0;
    for (uint32_t i = begin; i < end; ++i) amax = std::max(amax, std::fabs(r[i]));
    const bool zero = amax < 0x1p-100f;
    d[g] = zero ? 0 : amax / 127.0f;
    const float id = zero ? 0 : 127.0f / amax;
    for (uint32_t i = begin; i < end; ++i) q[i] = zero ? int8_t(0) : int8_t(nearest(r[i] * id));
  }
  return true;
}

constexpr uint32_t most_groups = q8_head_dim_most / q8_group;

bool store_k(const float* x, uint32_t head_dim, uint32_t pos, std::byte* chunk) {
  const Q8Chunk at{head_dim};
  int8_t q[q8_head_dim_most];
  float d[most_groups];
  if (!quantise(x, head_dim, at.k_block(), q, d)) return false;
  for (uint32_t i = 0; i < head_dim; ++i) chunk[at.k_at(pos, i)] = std::byte(uint8_t(q[i] + 128));
  for (uint32_t g = 0; g < at.n_groups(); ++g) at.scales(chunk, g)[pos] = d[g];
  return true;
}

bool store_v(const float* x, uint32_t head_dim, uint32_t pos, std::byte* chunk) {
  const Q8Chunk at{head_dim};
  int8_t q[q8_head_dim_most];
  float d[most_groups];
  if (!quantise(x, head_dim, at.v_block(), q, d)) return false;
  for (uint32_t i = 0; i < head_dim; ++i) chunk[at.v_at(pos, i)] = std::byte(uint8_t(q[i]));
  for (uint32_t g = 0; g < at.n_groups(); ++g) at.scales(chunk, g)[pos] = d[g];
  return true;
}

// o[d] of one group of dimensions: 64 keys share a scale D and weights W, in ascending order of keys.
void weighted(const float* p, const std::byte* v, Q8Chunk at, uint32_t group, uint32_t from, uint32_t n,
              float* o) {
  const float* dv = at.scales(v, group);
  const uint32_t width = at.group_width(group);
  std::fill_n(o, width, 0.0f);
  for (uint32_t begin = from / 64 * 64; begin < n; begin += 64) {
    const uint32_t j0 = std::max(begin, from), j1 = std::min(begin + 64, n);
    float w[64], most = 0;
    for (uint32_t j = j0; j < j1; ++j) {
      w[j - begin] = p[j] * dv[j];
      most = std::max(most, w[j - begin]);
    }
    const bool zero = most < 0x1p-100f;
    const float scale = zero ? 0 : most / 32767.0f, inverse = zero ? 0 : 32767.0f / most;
    for (uint32_t i = 0; i < width; ++i) {
      int32_t sum = 0;
      for (uint32_t j = j0; j < j1; ++j)
        sum += nearest(w[j - begin] * inverse) * int32_t(int8_t(v[at.v_at(j, group * q8_group + i)]));
      o[i] = fma_exact(scale, float(sum), o[i]);
    }
  }
}

bool chunk_q8(const Attend& a, const float* q, uint32_t c, uint32_t from, uint32_t n, float* p, float* o,
              float* m, float* l) {
  const Q8Chunk at{a.head_dim};
  const std::byte *k = a.k_chunks[c], *v = a.v_chunks[c];
  int8_t qq[q8_head_dim_most];
  float dq[most_groups];
  if (!quantise(q, a.head_dim, at.k_block(), qq, dq)) return false;
  for (uint32_t j = from; j < n; ++j) {
    float s = 0;
    for (uint32_t g = 0; g < at.n_groups(); ++g) {
      int32_t sum = 0;
      for (uint32_t i = g * q8_group; i < g * q8_group + at.group_width(g); ++i)
        sum += int32_t(qq[i]) * (int32_t(uint8_t(k[at.k_at(j, i)])) - 128);
      s = fma_exact(dq[g] * at.scales(k, g)[j], float(sum), s);
    }
    p[j] = s * a.scale;
  }
  if (!softmax(p, from, n, m, l)) return false;
  for (uint32_t g = 0; g < at.n_groups(); ++g) weighted(p, v, at, g, from, n, o + g * q8_group);
  return true;
}

void rotate_back(float* out, uint32_t head_dim) {
  rotate(out, head_dim, Q8Chunk{head_dim}.v_block());
}

bool attend(const Attend& a) {
  return attend_heads(a, chunk_q8, rotate_back);
}
bool attend_parts(const Attend& a, uint32_t chunk0, uint32_t chunk1, float* parts) {
  return attend_heads_parts(a, chunk_q8, chunk0, chunk1, parts);
}
void merge_parts(const Attend& a, const float* parts) {
  merge_heads(a, parts, rotate_back);
}

}  // namespace

const KvKernels kv_q8{store_k, store_v, attend, attend_parts, merge_parts};

}  // namespace bw::kernels::scalar
