// BN1 section 3 one row at a time, over packed panels: the products of the scalar table. A block is read back
// into the file's bytes, its integers come from quant, and the sums are written as the page has them.
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

// y[c * ldy] for all columns of one row of a quantised type.
void dot_blocks(const quant::TypeInfo& t, const std::byte* panel, uint32_t row, const Acts& a, float* y,
                size_t ldy) {
  const Layout l = layout(t.type);
  const uint32_t n_blocks = a.k / t.block, n_subs = t.block / t.sub;
  const bool b32 = t.family == quant::Family::b32;
  const uint32_t sums_a_sub = b32 ? 1 : t.sub / 16;
  std::byte bytes[max_block_bytes];
  quant::Integers w;
  for (uint32_t c = 0; c < a.n; ++c) y[c * ldy] = 0;
  for (uint32_t b = 0; b < n_blocks; ++b) {
    gather_block(l, panel, row, b, bytes);
    t.integers(bytes, w);
    for (uint32_t c = 0; c < a.n; ++c) {
      const size_t at = size_t(c) * n_blocks + b;
      const int8_t* q = a.q + at * t.block;
      const int32_t* sums = a.sums + at * n_subs * sums_a_sub;
      int32_t isum = 0, msum = 0;  // 32-blocks: msum is asum
      for (uint32_t s = 0; s < n_subs; ++s) {
        int32_t dot = 0, asum = 0;
        for (uint32_t i = s * t.sub; i < (s + 1) * t.sub; ++i) dot += w.q[i] * q[i];
        for (uint32_t i = 0; i < sums_a_sub; ++i) asum += sums[s * sums_a_sub + i];
        isum += b32 ? dot : w.scale[s] * dot;
        if (t.has_min) msum += b32 ? asum : w.min[s] * asum;
      }
      float& out = y[c * ldy];
      const float dx = a.d[at];
      out = fma_exact(w.d * dx, float(isum), out);
      if (!t.has_min) continue;
      out = b32 ? fma_exact(w.m, dx * float(msum), out) : fma_exact(-(w.m * dx), float(msum), out);
    }
  }
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
  const size_t bytes = panel_bytes(w.type, w.k);
  const quant::TypeInfo& t = quant::info(w.type);
  for (uint32_t r = panel0 * panel_rows; r < panel1 * panel_rows && r < w.n_out; ++r) {
    const std::byte* panel = w.data + r / panel_rows * bytes;
    const uint32_t row = r % panel_rows;
    if (t.family != quant::Family::f) {
      dot_blocks(t, panel, row, a, y + r, ldy);
      continue;
    }
    for (uint32_t c = 0; c < a.n; ++c)
      y[c * ldy + r] = dot_float(w.type, panel, row, w.k, a.f32 + size_t(c) * w.k);
  }
}

}  // namespace bw::kernels::scalar
