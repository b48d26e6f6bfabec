// Read this beside docs/bn1.md section 7. Order of operations is the content: nothing here is fast.
#include "engine/reference_attention.h"

#include <algorithm>
#include <cmath>

#include "engine/reference_math.h"
#include "quant/half.h"

namespace bw::engine::reference {
namespace {

uint32_t n_groups(uint32_t head_dim) {
  return (head_dim + 63) / 64;
}
// K and q: the largest power of two dividing head_dim; V: 64, or that power where it is smaller.
uint32_t rotated_block(uint32_t head_dim, bool is_value) {
  uint32_t n = 1;
  while (head_dim % (2 * n) == 0 && (!is_value || n < 64)) n *= 2;
  return n;
}

// R_n over consecutive blocks.
void rotate(float* x, uint32_t head_dim, uint32_t n) {
  for (uint32_t len = 1; len < n; len *= 2)
    for (uint32_t i = 0; i < head_dim; ++i) {
      if (i & len) continue;
      const float a = x[i], b = x[i + len];
      x[i] = a + b;
      x[i + len] = a - b;
    }
  for (uint32_t i = 0; i < head_dim; ++i) x[i] = x[i] * (1.0f / sqrt32(float(n)));
}

// A head rotated, then quantised by A32's rule in groups of 64.
bool quantise(const float* head, uint32_t head_dim, bool is_value, int* q, float* d) {
  std::vector<float> x(head, head + head_dim);
  rotate(x.data(), head_dim, rotated_block(head_dim, is_value));
  if (!all_finite(x.data(), head_dim)) return false;
  for (uint32_t g = 0; g < n_groups(head_dim); ++g) {
    const uint32_t end = std::min(head_dim, 64 * g + 64);
    float amax = 0;
    for (uint32_t i = 64 * g; i < end; ++i) amax = std::max(amax, std::fabs(x[i]));
    d[g] = 0;
    std::fill(q + 64 * g, q + end, 0);
    if (amax < 0x1p-100f) continue;
    d[g] = amax / 127.0f;
    for (uint32_t i = 64 * g; i < end; ++i) q[i] = int(rint32(x[i] * (127.0f / amax)));
  }
  return true;
}

// One chunk of 256 positions from j0 on, of which from .. n-1 are valid: p_j from scores, m, l, o.
struct Chunk {
  size_t j0, from, n;
  std::vector<float> p, o;
  float m = 0, l = 0;
};

bool scores_f16(const Heads& h, const float* q, const Held& k, uint32_t g, Chunk& c) {
  for (size_t j = c.from; j < c.n; ++j) {
    const uint16_t* key = &k.f16[((c.j0 + j) * h.n_head_kv + g) * h.head_dim];
    float dot = 0;
    for (uint32_t i = 0; i < h.head_dim; ++i) dot = fma(q[i], quant::half_to_float(key[i]), dot);
    c.p[j] = dot * h.scale;
  }
  return true;
}

bool scores_q8(const Heads& h, const float* q, const Held& k, uint32_t g, Chunk& c) {
  std::vector<int> qq(h.head_dim);
  std::vector<float> dq(n_groups(h.head_dim));
  if (!quantise(q, h.head_dim, false, qq.data(), dq.data())) return false;
  for (size_t j = c.from; j < c.n; ++j) {
    const size_t at = (c.j0 + j) * h.n_head_kv + g;
    float s = 0;
    for (uint32_t group = 0; group < dq.size(); ++group) {
      int isum = 0;
      for (uint32_t i = 64 * group; i < std::min(h.head_dim, 64 * group + 64); ++i)
        isum += qq[i] * k.q[at * h.head_dim + i];
      s = fma(dq[group] * k.d[at * dq.size() + group], float(isum), s);
    }
    c.p[j] = s * h.scale;
  }
  return true;
}

void values_f16(const Heads& h, const Held& v, uint32_t g, Chunk& c) {
  for (size_t j = c.from; j < c.n; ++j) {
    const uint16_t* value = &v.f16[((c.j0 + j) * h.n_head_kv + g) * h.head_dim];
    for (uint32_t i = 0; i < h.head_dim; ++i) c.o[i] = fma(c.p[j], quant::half_to_float(value[i]), c.o[i]);
  }
}

// P.V per 64 keys: their weights share a scale D.
void values_q8(const Heads& h, const Held& v, uint32_t g, Chunk& c) {
  const auto at = [&](size_t j) { return (c.j0 + j) * h.n_head_kv + g; };
  for (size_t b = 0; b < 256; b += 64)
    for (uint32_t group = 0; group < n_groups(h.head_dim); ++group) {
      float w[64] = {}, mx = 0;  // masked: 0
      for (size_t j = std::max(b, c.from); j < std::min(b + 64, c.n); ++j) {
        w[j - b] = c.p[j] * v.d[at(j) * n_groups(h.head_dim) + group];
        mx = std::max(mx, w[j - b]);
      }
      const bool zero = mx < 0x1p-100f;
      const float D = zero ? 0 : mx / 32767.0f;
      for (uint32_t i = 64 * group; i < std::min(h.head_dim, 64 * group + 64); ++i) {
        int isum = 0;
        for (size_t j = std::max(b, c.from); j < std::min(b + 64, c.n) && !zero; ++j)
          isum += int(rint32(w[j - b] * (32767.0f / mx))) * v.q[at(j) * h.head_dim + i];
        c.o[i] = fma(D, float(isum), c.o[i]);
      }
    }
}

}  // namespace

bool hold(KvType type, const std::vector<float>& rows, uint32_t head_dim, bool are_values, Held& to) {
  if (type == KvType::f16) {
    bool ok = true;
    for (const float x : rows) {
      ok &= std::fabs(x) < 65520.0f;
      to.f16.push_back(quant::float_to_half(x));
    }
    return ok;
  }
  const size_t n = rows.size() / head_dim;
  to.q.resize(rows.size());
  to.d.resize(n * n_groups(head_dim));
  for (size_t i = 0; i < n; ++i)
    if (!quantise(&rows[i * head_dim], head_dim, are_values, &to.q[i * head_dim],
                  &to.d[i * n_groups(head_dim)]))
      return false;
  return true;
}

bool attend(const Heads& h, const float* q, const Held& k, const Held& v, uint32_t g, size_t first,
            size_t row, float* out) {
  const bool q8 = h.type == KvType::q8;
  bool merged = false;
  float M = 0, L = 0;
  for (size_t j0 = 0; j0 <= row; j0 += 256) {
    Chunk c{j0, first > j0 ? first - j0 : 0, std::min<size_t>(256, row + 1 - j0), std::vector<float>(256),
            std::vector<float>(h.head_dim)};
    if (c.from >= c.n) continue;  // no valid key
    if (!(q8 ? scores_q8(h, q, k, g, c) : scores_f16(h, q, k, g, c))) return false;
    if (!all_finite(&c.p[c.from], c.n - c.from)) return false;
    c.m = *std::max_element(c.p.begin() + long(c.from), c.p.begin() + long(c.n));
    std::array<float, 32> lane{};
    for (size_t j = c.from; j < c.n; ++j) {
      c.p[j] = exp_bn1(c.p[j] - c.m);
      lane[j % 32] = lane[j % 32] + c.p[j];
    }
    c.l = tree(lane);
    q8 ? values_q8(h, v, g, c) : values_f16(h, v, g, c);
    if (!merged) {
      merged = true, M = c.m, L = c.l;
      std::copy(c.o.begin(), c.o.end(), out);
      continue;
    }
    const float M2 = std::max(M, c.m), a = exp_bn1(M - M2), b = exp_bn1(c.m - M2);
    L = fma(L, a, c.l * b);
    for (uint32_t i = 0; i < h.head_dim; ++i) out[i] = fma(out[i], a, c.o[i] * b);
    M = M2;
  }
  for (uint32_t i = 0; i < h.head_dim; ++i) out[i] = out[i] / L;
  if (q8) rotate(out, h.head_dim, rotated_block(h.head_dim, true));
  return true;
}

}  // namespace bw::engine::reference
