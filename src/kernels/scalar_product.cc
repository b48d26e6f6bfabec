// BN1 section 3 one output at a time, over packed panels: the products of the scalar table.
// In: panels (layout: panel.h) and activations. Out: y[c * ldy + r].
#include <cstring>

#include "kernels/fma.h"
#include "kernels/panel.h"
#include "kernels/scalar.h"
#include "quant/half.h"

namespace bw::kernels::scalar {
namespace {

float load_half(const std::byte* p) {
  uint16_t h;
  std::memcpy(&h, p, 2);
  return quant::half_to_float(h);
}

float dot_32(const Layout32& l, const std::byte* panel, uint32_t row, uint32_t k, const int8_t* q,
             const float* dx, const int32_t* asum) {
  float y = 0;
  for (uint32_t b = 0; b < k / 32; ++b, q += 32) {
    const std::byte* lines = panel + l.at(b) + 4 * row;
    const std::byte* high = lines;
    if (l.has_high) lines += line;
    int32_t isum = 0;
    for (uint32_t w = 0; w < 8; ++w) {
      for (uint32_t i = 0; i < 4; ++i) {
        int weight;
        if (l.is_byte) {
          weight = int8_t(lines[w * line + i]);
        } else {
          weight = int(uint32_t(lines[w % 4 * line + i]) >> (w / 4 * 4) & 15u);
          if (l.has_high) weight += int(uint32_t(high[i]) >> w & 1u) * 16;
        }
        isum += (weight - l.offset) * q[4 * w + i];
      }
    }
    y = fma_exact(load_half(panel + l.d(b) + 2 * row) * dx[b], float(isum), y);
    if (l.has_min) y = fma_exact(load_half(panel + l.m(b) + 2 * row), dx[b] * float(asum[b]), y);
  }
  return y;
}

float dot_q4k(const std::byte* panel, uint32_t row, uint32_t k, const int8_t* q, const float* dx,
              const int32_t* sums) {
  float y = 0;
  for (uint32_t b = 0; b < k / 256; ++b, panel += q4k::record, sums += 16) {
    const std::byte* s = panel + q4k::scales + 4 * row;
    int32_t isum = 0, msum = 0;
    for (uint32_t sub = 0; sub < 8; ++sub, q += 32) {
      const uint32_t j = sub % 4, s0 = uint32_t(s[j]), m0 = uint32_t(s[line + j]),
                     top = uint32_t(s[2 * line + j]);
      const uint32_t scale = sub < 4 ? s0 & 63u : (top & 15u) | (s0 >> 6 << 4);
      const uint32_t min = sub < 4 ? m0 & 63u : (top >> 4) | (m0 >> 6 << 4);
      const std::byte* lines = panel + q4k::quants + sub / 2 * 8 * line + 4 * row;
      int32_t dot = 0;
      for (uint32_t i = 0; i < 32; ++i)
        dot += int(uint32_t(lines[i / 4 * line + i % 4]) >> (sub % 2 * 4) & 15u) * q[i];
      isum += int32_t(scale) * dot;
      msum += int32_t(min) * (sums[2 * sub] + sums[2 * sub + 1]);
    }
    y = fma_exact(load_half(panel + q4k::d + 2 * row) * dx[b], float(isum), y);
    y = fma_exact(-(load_half(panel + q4k::dmin + 2 * row) * dx[b]), float(msum), y);
  }
  return y;
}

float dot_q6k(const std::byte* panel, uint32_t row, uint32_t k, const int8_t* q, const float* dx) {
  float y = 0;
  for (uint32_t b = 0; b < k / 256; ++b) {
    const std::byte* body = panel + q6k::at(b) + 4 * row;
    int32_t isum = 0;
    for (uint32_t sub = 0; sub < 16; ++sub, q += 16) {
      int32_t dot = 0;
      for (uint32_t i = 0; i < 16; ++i) {
        const uint32_t w = 4 * sub + i / 4, n = w / 32, part = w / 8 % 4, l = w % 8;
        const uint32_t low = uint32_t(body[q6k::low + (16 * n + 8 * (part & 1) + l) * line + i % 4]);
        const uint32_t high = uint32_t(body[q6k::high + (8 * n + l) * line + i % 4]);
        dot += (int((low >> (part / 2 * 4) & 15u) | (high >> (2 * part) & 3u) << 4) - 32) * q[i];
      }
      isum += int8_t(body[q6k::scales + sub / 4 * line + sub % 4]) * dot;
    }
    y = fma_exact(load_half(panel + q6k::d(b) + 2 * row) * dx[b], float(isum), y);
  }
  return y;
}

float float_weight(quant::Type type, const std::byte* panel, uint32_t row, uint32_t i) {
  if (type == quant::Type::F32) {
    float f;
    std::memcpy(&f, panel + i * line + 4 * row, 4);
    return f;
  }
  const std::byte* p = panel + i * (line / 2) + 2 * row;
  if (type == quant::Type::F16) return load_half(p);
  uint16_t h;
  std::memcpy(&h, p, 2);
  return quant::bf16_to_float(h);
}

float dot_float(quant::Type type, const std::byte* panel, uint32_t row, uint32_t k, const float* x) {
  float y = 0;
  for (uint32_t start = 0; start < k; start += float_chunk) {
    const uint32_t end = start + float_chunk < k ? start + float_chunk : k;
    float chunk = 0;
    for (uint32_t i = start; i < end; ++i) chunk = fma_exact(float_weight(type, panel, row, i), x[i], chunk);
    y = y + chunk;
  }
  return y;
}

}  // namespace

void product(const Packed& w, uint32_t panel0, uint32_t panel1, const Acts& a, float* y, size_t ldy) {
  using quant::Type;
  const size_t bytes = panel_bytes(w.type, w.k);
  for (uint32_t r = panel0 * panel_rows; r < panel1 * panel_rows && r < w.n_out; ++r) {
    const std::byte* panel = w.data + r / panel_rows * bytes;
    const uint32_t row = r % panel_rows;
    for (uint32_t c = 0; c < a.n; ++c) {
      const size_t at = size_t(c) * w.k;
      float& out = y[c * ldy + r];
      switch (w.type) {
        case Type::F32:
        case Type::F16:
        case Type::BF16:
          out = dot_float(w.type, panel, row, w.k, a.f32 + at);
          break;
        case Type::Q4_K:
          out = dot_q4k(panel, row, w.k, a.q + at, a.d + at / 256, a.sums + at / 16);
          break;
        case Type::Q6_K:
          out = dot_q6k(panel, row, w.k, a.q + at, a.d + at / 256);
          break;
        default:
          out = dot_32(layout32(w.type), panel, row, w.k, a.q + at, a.d + at / 32, a.sums + at / 32);
      }
    }
  }
}

}  // namespace bw::kernels::scalar
