// For the tests of attention: BN1 section 7 written naively on plain rows of K and V, either cache type. This
// oracle knows nothing of chunks, tiles or tables; std::fma and loops only.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "kernels/kernels.h"
#include "quant/half.h"

namespace bw::kernels::testing {

using Rows = std::vector<std::vector<float>>;  // [positions][head_dim]

inline float exp_of(float x) {
  float y;
  tables().front()->exp(&x, 1, &y);  // scalar's, itself checked in functions_test.cc
  return y;
}

inline uint32_t power_of_two_in(uint32_t n) {
  uint32_t p = 1;
  while (n % (2 * p) == 0) p *= 2;
  return p;
}

// R_n over consecutive blocks of n values.
inline void rotate(std::vector<float>& x, uint32_t n) {
  for (uint32_t len = 1; len < n; len *= 2)
    for (uint32_t i = 0; i < x.size(); ++i)
      if ((i & len) == 0) {
        const float a = x[i], b = x[i + len];
        x[i] = a + b, x[i + len] = a - b;
      }
  for (float& v : x) v *= 1.0f / std::sqrt(float(n));
}

struct Quantised8 {
  std::vector<int> q;
  std::vector<float> d;  // a group of 64
};
inline Quantised8 rotated_and_quantised(std::vector<float> x, uint32_t n) {
  rotate(x, n);
  Quantised8 r;
  for (size_t g = 0; g < x.size(); g += 64) {
    const size_t end = std::min(x.size(), g + 64);
    float amax = 0;
    for (size_t i = g; i < end; ++i) amax = std::max(amax, std::fabs(x[i]));
    r.d.push_back(amax < 0x1p-100f ? 0 : amax / 127.0f);
    const float id = amax < 0x1p-100f ? 0 : 127.0f / amax;
    for (size_t i = g; i < end; ++i) r.q.push_back(int(std::nearbyint(x[i] * id)));
  }
  return r;
}

// What a cache holds of rows [positions][head_dim].
struct Held {
  std::vector<Quantised8> q8;
  Rows f16;  // rounded
};
inline Held held(KvType type, const Rows& rows, uint32_t block) {
  Held h;
  for (const auto& row : rows) {
    if (type == KvType::q8) {
      h.q8.push_back(rotated_and_quantised(row, block));
    } else {
      h.f16.emplace_back();
      for (const float x : row) h.f16.back().push_back(quant::half_to_float(quant::float_to_half(x)));
    }
  }
  return h;
}
inline uint32_t k_block(uint32_t head_dim) {
  return power_of_two_in(head_dim);
}
inline uint32_t v_block(uint32_t head_dim) {
  return std::min(64u, power_of_two_in(head_dim));
}

// One query row and head over keys first .. end-1.
inline std::vector<float> oracle(KvType type, const std::vector<float>& q, const Held& k, const Held& v,
                                 uint32_t first, uint32_t end, float scale) {
  const auto hd = uint32_t(q.size());
  std::vector<float> out(hd);
  float big_m = 0, big_l = 0;
  const Quantised8 q8 = rotated_and_quantised(q, k_block(hd));
  for (uint32_t start = first / 256 * 256; start < end; start += 256) {
    const uint32_t j0 = std::max(first, start), j1 = std::min(end, start + 256);
    std::vector<float> p(256), o(hd), lane(32);
    float m = -INFINITY;
    for (uint32_t j = j0; j < j1; ++j) {
      float s = 0;
      if (type == KvType::f16) {
        for (uint32_t i = 0; i < hd; ++i) s = std::fma(q[i], k.f16[j][i], s);
      } else {
        const Quantised8& key = k.q8[j];
        for (uint32_t g = 0; g < key.d.size(); ++g) {
          int sum = 0;
          for (uint32_t i = 64 * g; i < std::min(hd, 64 * g + 64); ++i) sum += q8.q[i] * key.q[i];
          s = std::fma(q8.d[g] * key.d[g], float(sum), s);
        }
      }
      p[j - start] = s * scale;
      m = std::max(m, p[j - start]);
    }
    for (uint32_t j = j0; j < j1; ++j) {
      float& w = p[j - start];
      w = exp_of(w - m);
      lane[j % 32] += w;
      if (type == KvType::f16)
        for (uint32_t i = 0; i < hd; ++i) o[i] = std::fma(w, v.f16[j][i], o[i]);
    }
    for (uint32_t b = start; type == KvType::q8 && b < start + 256; b += 64)
      for (uint32_t g = 0; g * 64 < hd; ++g) {
        float w[64] = {}, mx = 0;
        for (uint32_t j = std::max(b, j0); j < std::min(b + 64, j1); ++j) {
          w[j - b] = p[j - start] * v.q8[j].d[g];
          mx = std::max(mx, w[j - b]);
        }
        const float d = mx < 0x1p-100f ? 0 : mx / 32767.0f, id = mx < 0x1p-100f ? 0 : 32767.0f / mx;
        for (uint32_t i = 64 * g; i < std::min(hd, 64 * g + 64); ++i) {
          int sum = 0;
          for (uint32_t j = std::max(b, j0); j < std::min(b + 64, j1); ++j)
            sum += int(std::nearbyint(w[j - b] * id)) * v.q8[j].q[i];
          o[i] = std::fma(d, float(sum), o[i]);
        }
      }
    for (uint32_t w = 16; w > 0; w /= 2)
      for (uint32_t l = 0; l < w; ++l) lane[l] += lane[l + w];
    if (start == first / 256 * 256) {
      big_m = m, big_l = lane[0], out = o;
      continue;
    }
    const float top = std::max(big_m, m), a = exp_of(big_m - top), b = exp_of(m - top);
    big_l = std::fma(big_l, a, lane[0] * b);
    for (uint32_t i = 0; i < hd; ++i) out[i] = std::fma(out[i], a, o[i] * b);
    big_m = top;
  }
  for (float& x : out) x = x / big_l;
  if (type == KvType::q8) rotate(out, v_block(hd));
  return out;
}

}  // namespace bw::kernels::testing
