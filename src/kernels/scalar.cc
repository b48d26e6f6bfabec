// The scalar table, all but its products and attention (scalar_product.cc, scalar_attend.cc): plain C++ that
// any machine runs. It is read beside docs/bn1.md, and every other table is compared with it bit for bit. No
// libm, no contraction: fma is fma_exact, square root is the instruction behind __builtin_sqrtf.
#include "kernels/scalar.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "kernels/fma.h"
#include "kernels/panel.h"
#include "quant/half.h"

namespace bw::kernels::scalar {
namespace {

bool available() {
  return true;
}

bool non_finite(const float* x, size_t n) {
  bool found = false;
  for (size_t i = 0; i < n; ++i) found |= is_non_finite(x[i]);
  return found;
}

// One activation block of `block` values with sums over `group` of them.
void act(const float* x, uint32_t block, uint32_t group, int8_t* q, float* d, int32_t* sums) {
  float amax = 0;
  for (uint32_t i = 0; i < block; ++i) amax = std::max(amax, std::fabs(x[i]));
  const bool zero = amax < 0x1p-100f;
  *d = zero ? 0 : amax / 127.0f;
  const float id = zero ? 0 : 127.0f / amax;
  for (uint32_t g = 0; g < block / group; ++g) {
    int32_t sum = 0;
    for (uint32_t i = g * group; i < (g + 1) * group; ++i) {
      // rint without libm: |x * id| <= 128, so adding 1.5 * 2^23 leaves the nearest even integer in the low
      // bits.
      const float shifted = x[i] * id + 12582912.0f;
      q[i] = zero ? int8_t(0) : int8_t(std::bit_cast<int32_t>(shifted) - 0x4B400000);
      sum += q[i];
    }
    sums[g] = sum;
  }
}

void act32(const float* x, uint32_t k, int8_t* q, float* d, int32_t* sums) {
  for (uint32_t b = 0; b < k / 32; ++b) act(x + 32 * b, 32, 32, q + 32 * b, d + b, sums + b);
}
void act256(const float* x, uint32_t k, int8_t* q, float* d, int32_t* sums) {
  for (uint32_t b = 0; b < k / 256; ++b) act(x + 256 * b, 256, 16, q + 256 * b, d + b, sums + 16 * b);
}

bool rms_norm(const float* x, const float* w, uint32_t n, float eps, float* y) {
  float lane[32] = {};
  for (uint32_t i = 0; i < n; ++i) lane[i % 32] = fma_exact(x[i], x[i], lane[i % 32]);
  const float ss = tree32(lane);
  if (is_non_finite(ss)) return false;
  const float r = 1.0f / sqrt_exact(ss / float(n) + eps);
  for (uint32_t i = 0; i < n; ++i) y[i] = x[i] * r * w[i];
  return true;
}

void exp(const float* x, size_t n, float* y) {
  for (size_t i = 0; i < n; ++i) y[i] = exp_bn1(x[i]);
}

float silu(float x) {
  return x / (1.0f + exp_bn1(-x));
}
float gelu(float x) {
  const float u = 0x1.988454p-1f * fma_exact(0x1.6e4e26p-5f * (x * x), x, x);
  return x / (1.0f + exp_bn1(-(u + u)));
}

void glu(Glu act, const float* gate, const float* up, size_t n, float* y) {
  for (size_t i = 0; i < n; ++i) y[i] = (act == Glu::silu ? silu(gate[i]) : gelu(gate[i])) * up[i];
}

void add(float* x, const float* y, size_t n) {
  for (size_t i = 0; i < n; ++i) x[i] = x[i] + y[i];
}

void rope(float* x, const float* cos, const float* sin, uint32_t n_rot, bool neox) {
  const uint32_t half = n_rot / 2;
  for (uint32_t i = 0; i < half; ++i) {
    float& a = x[neox ? i : 2 * i];
    float& b = x[neox ? i + half : 2 * i + 1];
    const float x0 = a, x1 = b;
    a = fma_exact(x0, cos[i], -(x1 * sin[i]));
    b = fma_exact(x1, cos[i], x0 * sin[i]);
  }
}

}  // namespace

// The integer nearest to x log2(e) stands in the low bits of `shifted`, whose other bits the shift to the
// exponent drops: a NaN gate is never converted to an integer.
float exp_bn1(float x) {
  if (x < -87.25f) return 0;
  if (x > 88.0f) x = 88.0f;
  const float shifted = fma_exact(x, 0x1.715476p+0f, 12582912.0f), n = shifted - 12582912.0f;
  float r = fma_exact(n, -0x1.62e4p-1f, x);
  r = fma_exact(n, -0x1.7f7d1cp-20f, r);
  float p = 0x1.6d113cp-10f;
  for (const float c : {0x1.120ba2p-7f, 0x1.55551ap-5f, 0x1.5554dcp-3f, 0x1p-1f, 1.0f, 1.0f})
    p = fma_exact(p, r, c);
  return std::bit_cast<float>(std::bit_cast<uint32_t>(p) + (std::bit_cast<uint32_t>(shifted) << 23));
}

float tree32(float* lane) {
  for (uint32_t width = 16; width >= 1; width /= 2)
    for (uint32_t l = 0; l < width; ++l) lane[l] = lane[l] + lane[l + width];
  return lane[0];
}

const Table table{"scalar", available, non_finite, act32, act256,  product, rms_norm,
                  exp,      glu,       add,        rope,  &kv_f16, &kv_q8};

}  // namespace bw::kernels::scalar
