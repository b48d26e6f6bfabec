#include "engine/exp_row.h"

#include <atomic>

#include "kernels/scalar.h"
#include "kernels/x86_target.h"

namespace bw::engine {
namespace {
std::atomic<bool> avx2_allowed = true;

void plain(const float* x, float minus, float divisor, size_t n, float* e) {
  for (size_t i = 0; i < n; ++i) e[i] = kernels::scalar::exp_bn1((x[i] - minus) / divisor);
}

#if defined(BW_X86)
BW_TARGET_BEGIN_AVX2
inline __m256 c(float v) {
  return _mm256_set1_ps(v);
}

void avx2(const float* x, float minus, float divisor, size_t n, float* e) {
  const __m256 m = c(minus), by = c(divisor), magic = c(12582912.0f);
  size_t i = 0;
  for (; i + 8 <= n; i += 8) {
    const __m256 d = _mm256_div_ps(_mm256_sub_ps(_mm256_loadu_ps(x + i), m), by);
    const __m256 v = _mm256_min_ps(d, c(88.0f));
    // Adding 1.5 * 2^23 rounds v / ln 2 to an integer, which then stands in the low bits.
    const __m256 shifted = _mm256_fmadd_ps(v, c(0x1.715476p+0f), magic), k = _mm256_sub_ps(shifted, magic);
    __m256 r = _mm256_fmadd_ps(k, c(-0x1.62e4p-1f), v);
    r = _mm256_fmadd_ps(k, c(-0x1.7f7d1cp-20f), r);
    __m256 p = _mm256_fmadd_ps(c(0x1.6d113cp-10f), r, c(0x1.120ba2p-7f));
    p = _mm256_fmadd_ps(p, r, c(0x1.55551ap-5f));
    p = _mm256_fmadd_ps(p, r, c(0x1.5554dcp-3f));
    p = _mm256_fmadd_ps(p, r, c(0x1p-1f));
    p = _mm256_fmadd_ps(p, r, c(1.0f));
    p = _mm256_fmadd_ps(p, r, c(1.0f));
    const __m256i bits = _mm256_sub_epi32(_mm256_castps_si256(shifted), _mm256_set1_epi32(0x4B400000 - 127));
    p = _mm256_mul_ps(p, _mm256_castsi256_ps(_mm256_slli_epi32(bits, 23)));
    p = _mm256_andnot_ps(_mm256_cmp_ps(d, c(-87.25f), _CMP_LT_OQ), p);
    _mm256_storeu_ps(e + i, p);
  }
  plain(x + i, minus, divisor, n - i, e + i);
}
BW_TARGET_END
bool use_avx2() {
  static const bool has = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  return has && avx2_allowed.load(std::memory_order_relaxed);
}
#endif
}  // namespace

void exp_row_allow_avx2(bool allowed) {
  avx2_allowed = allowed;
}

void exp_row(const float* x, float minus, float divisor, size_t n, float* e) {
#if defined(BW_X86)
  if (use_avx2()) return avx2(x, minus, divisor, n, e);
#endif
  plain(x, minus, divisor, n, e);
}

}  // namespace bw::engine
