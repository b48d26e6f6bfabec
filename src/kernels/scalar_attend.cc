// BN1 section 7, one query head at a time: the attention of the scalar table, F16 cache, and what both caches
// share (sizes, softmax, merging). The q8 cache's own half is scalar_attend_q8.cc.
// In: query rows and the chunks of their KV head. Out: [n_rep, head_dim] a row, or false for a non-finite
// score.
#include <algorithm>
#include <bit>
#include <cmath>

#include "kernels/fma.h"
#include "kernels/kv_q8.h"
#include "kernels/scalar.h"
#include "quant/half.h"

namespace bw::kernels {

size_t kv_chunk_bytes(KvType type, uint32_t head_dim) {
  return type == KvType::q8 ? Q8Chunk{head_dim}.n_bytes() : size_t(kv_chunk) * head_dim * sizeof(uint16_t);
}

namespace {

size_t lines(size_t n) {  // floats, whole lines
  return (n + 15) / 16 * 16;
}

}  // namespace

// The vector tables' needs, vector_attend.inc: queries in their own order (q8: integers, start values,
// scales), a chunk's keys and values widened, scores and weighted values of a tile, M and L a query row; q8:
// a tile's weights in two bytes and their scales.
size_t attend_scratch(uint32_t n_rep, uint32_t head_dim) {
  const size_t queries = size_t(attend_rows(n_rep)) * n_rep, groups = (head_dim + 63) / 64;
  return lines(queries * (head_dim + 4)) + 2 * lines(queries * groups) +
         2 * size_t(kv_chunk) * lines(head_dim) + attend_tile_most * (kv_chunk + lines(head_dim)) +
         2 * lines(queries) + attend_tile_most * (kv_chunk / 2 + lines(4));
}

size_t attend_part(uint32_t n_rep, uint32_t head_dim) {
  return size_t(n_rep) * (lines(head_dim) + 16);
}

namespace scalar {

bool is_non_finite(float x) {
  return (std::bit_cast<uint32_t>(x) & 0x7F800000u) == 0x7F800000u;
}

bool softmax(float* p, uint32_t from, uint32_t n, float* m, float* l) {
  for (uint32_t j = from; j < n; ++j) {
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

namespace {

struct Merged {
  float* out;
  float max = 0, sum = 0;
};

void merge(const float* o, uint32_t head_dim, float m, float l, bool is_first, Merged* to) {
  if (is_first) {
    to->max = m;
    to->sum = l;
    std::copy_n(o, head_dim, to->out);
    return;
  }
  const float top = m > to->max ? m : to->max;
  const float old_share = exp_bn1(to->max - top), new_share = exp_bn1(m - top);
  to->sum = fma_exact(to->sum, old_share, l * new_share);
  for (uint32_t i = 0; i < head_dim; ++i) to->out[i] = fma_exact(to->out[i], old_share, o[i] * new_share);
  to->max = top;
}

// false where binary16 has no finite value for x.
bool to_half(float x, uint16_t* out) {
  *out = quant::float_to_half(x);
  return !is_non_finite(x) && std::fabs(x) < 65520.0f;
}

bool store_k(const float* x, uint32_t head_dim, uint32_t pos, std::byte* chunk) {
  bool ok = true;
  uint16_t* group = reinterpret_cast<uint16_t*>(chunk) + size_t(pos / 16) * head_dim * 16 + pos % 16;
  for (uint32_t i = 0; i < head_dim; ++i) ok &= to_half(x[i], group + 16 * i);
  return ok;
}

bool store_v(const float* x, uint32_t head_dim, uint32_t pos, std::byte* chunk) {
  bool ok = true;
  uint16_t* row = reinterpret_cast<uint16_t*>(chunk) + size_t(pos) * head_dim;
  for (uint32_t i = 0; i < head_dim; ++i) ok &= to_half(x[i], row + i);
  return ok;
}

// One chunk for one query head; keys from .. n-1 of it. p [kv_chunk] is scratch.
bool chunk_f16(const Attend& a, const float* q, uint32_t c, uint32_t from, uint32_t n, float* p, float* o,
               float* m, float* l) {
  const auto* k = reinterpret_cast<const uint16_t*>(a.k_chunks[c]);
  const auto* v = reinterpret_cast<const uint16_t*>(a.v_chunks[c]);
  for (uint32_t j = from; j < n; ++j) {
    const uint16_t* key = k + size_t(j / 16) * a.head_dim * 16 + j % 16;
    float dot = 0;
    for (uint32_t i = 0; i < a.head_dim; ++i) dot = fma_exact(q[i], quant::half_to_float(key[16 * i]), dot);
    p[j] = dot * a.scale;
  }
  if (!softmax(p, from, n, m, l)) return false;
  for (uint32_t i = 0; i < a.head_dim; ++i) {
    o[i] = 0;
    for (uint32_t j = from; j < n; ++j)
      o[i] = fma_exact(p[j], quant::half_to_float(v[size_t(j) * a.head_dim + i]), o[i]);
  }
  return true;
}

bool attend(const Attend& a) {
  return attend_heads(a, chunk_f16, nullptr);
}
bool attend_parts(const Attend& a, uint32_t chunk0, uint32_t chunk1, float* parts) {
  return attend_heads_parts(a, chunk_f16, chunk0, chunk1, parts);
}
void merge_parts(const Attend& a, const float* parts) {
  merge_heads(a, parts, nullptr);
}

}  // namespace

bool attend_heads(const Attend& a, ChunkOfHead chunk, void (*finish)(float* out, uint32_t head_dim)) {
  float* p = a.scratch;
  float* o = a.scratch + kv_chunk;
  for (uint32_t row = 0; row < a.n_rows; ++row)
    for (uint32_t head = 0; head < a.n_rep; ++head) {
      const size_t at = row * a.ld + size_t(head) * a.head_dim;
      Merged merged{a.out + at};
      const uint32_t c0 = a.first(row) / kv_chunk, end = a.end(row);
      for (uint32_t c = c0; c * kv_chunk < end; ++c) {
        const uint32_t start = c * kv_chunk, from = a.first(row) > start ? a.first(row) - start : 0;
        float m = 0, l = 0;
        if (!chunk(a, a.q + at, c, from, std::min(end - start, kv_chunk), p, o, &m, &l)) return false;
        merge(o, a.head_dim, m, l, c == c0, &merged);
      }
      for (uint32_t i = 0; i < a.head_dim; ++i) merged.out[i] = merged.out[i] / merged.sum;
      if (finish != nullptr) finish(merged.out, a.head_dim);
    }
  return true;
}

bool attend_heads_parts(const Attend& a, ChunkOfHead chunk, uint32_t chunk0, uint32_t chunk1, float* parts) {
  const size_t stride = attend_part(1, a.head_dim);
  for (uint32_t c = chunk0; c < chunk1; ++c)
    for (uint32_t head = 0; head < a.n_rep; ++head, parts += stride) {
      const uint32_t start = c * kv_chunk, from = a.first(0) > start ? a.first(0) - start : 0;
      float *m = parts + stride - 16, *l = m + 1;
      if (!chunk(a, a.q + size_t(head) * a.head_dim, c, from, std::min(a.end(0) - start, kv_chunk), a.scratch,
                 parts, m, l))
        return false;
    }
  return true;
}

void merge_heads(const Attend& a, const float* parts, void (*finish)(float* out, uint32_t head_dim)) {
  const size_t stride = attend_part(1, a.head_dim);
  const uint32_t c0 = a.first(0) / kv_chunk, c1 = (a.end(0) + kv_chunk - 1) / kv_chunk;
  for (uint32_t head = 0; head < a.n_rep; ++head) {
    Merged merged{a.out + size_t(head) * a.head_dim};
    for (uint32_t c = c0; c < c1; ++c) {
      const float* part = parts + (size_t(c - c0) * a.n_rep + head) * stride;
      merge(part, a.head_dim, part[stride - 16], part[stride - 15], c == c0, &merged);
    }
    for (uint32_t i = 0; i < a.head_dim; ++i) merged.out[i] = merged.out[i] / merged.sum;
    if (finish != nullptr) finish(merged.out, a.head_dim);
  }
}

const KvKernels kv_f16{store_k, store_v, attend, attend_parts, merge_parts};

}  // namespace scalar
}  // namespace bw::kernels
