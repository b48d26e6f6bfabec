// Two passes a row: its maximum, then blocks of exponentials feeding binary64 chains. The chains run in id
// order, as BN1 has it; they cost about as much as the exponentials do with AVX2.
#include "quality/softmax.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include "base/bn1_exp.h"
#include "base/exact_log.h"

namespace bw::quality {
namespace {
constexpr size_t block = 512;
std::atomic<bool> avx2_allowed = true;

struct Scan {
  float max;
  bool finite;
};

Scan scan_plain(const float* x, size_t n) {
  Scan s{x[0], true};
  for (size_t i = 0; i < n; ++i) {
    s.finite &= (std::bit_cast<uint32_t>(x[i]) & 0x7F800000u) != 0x7F800000u;
    s.max = x[i] > s.max ? x[i] : s.max;
  }
  return s;
}
void exp_plain(const float* x, float max, size_t n, float* e) {
  for (size_t i = 0; i < n; ++i) e[i] = bn1_exp(x[i] - max);
}

#if defined(__x86_64__)
#pragma GCC push_options
#pragma GCC target("avx2,fma")
Scan scan_avx2(const float* x, size_t n) {
  const __m256i exponent = _mm256_set1_epi32(0x7F800000);
  __m256 max = _mm256_set1_ps(x[0]);
  __m256i bad = _mm256_setzero_si256();
  size_t i = 0;
  for (; i + 8 <= n; i += 8) {
    const __m256 v = _mm256_loadu_ps(x + i);
    max = _mm256_max_ps(max, v);
    bad = _mm256_or_si256(bad,
                          _mm256_cmpeq_epi32(_mm256_and_si256(_mm256_castps_si256(v), exponent), exponent));
  }
  Scan s = i < n ? scan_plain(x + i, n - i) : Scan{x[0], true};
  s.finite &= _mm256_testz_si256(bad, bad) != 0;
  alignas(32) std::array<float, 8> lanes;
  _mm256_store_ps(lanes.data(), max);
  for (const float m : lanes) s.max = m > s.max ? m : s.max;
  return s;
}

// bn1_exp, eight at a time.
void exp_avx2(const float* x, float max, size_t n, float* e) {
  const auto c = [](float v) { return _mm256_set1_ps(v); };
  const __m256 m = c(max), magic = c(12582912.0f);
  size_t i = 0;
  for (; i + 8 <= n; i += 8) {
    const __m256 d = _mm256_sub_ps(_mm256_loadu_ps(x + i), m);
    const __m256 v = _mm256_min_ps(d, c(88.0f));
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
  exp_plain(x + i, max, n - i, e + i);
}
#pragma GCC pop_options
bool use_avx2() {
  static const bool has = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  return has && avx2_allowed.load(std::memory_order_relaxed);
}
#else
Scan scan_avx2(const float* x, size_t n) {
  return scan_plain(x, n);
}
void exp_avx2(const float* x, float max, size_t n, float* e) {
  exp_plain(x, max, n, e);
}
bool use_avx2() {
  return false;
}
#endif

// Everything of a Softmax but its sums; false where a logit is not finite.
bool begin(std::span<const float> l, Softmax& s) {
  const Scan found = use_avx2() ? scan_avx2(l.data(), l.size()) : scan_plain(l.data(), l.size());
  s.finite = found.finite;
  if (!s.finite) return false;
  s.max = found.max;
  s.top = uint32_t(std::find(l.begin(), l.end(), s.max) - l.begin());
  return true;
}
}  // namespace

void allow_avx2(bool allowed) {
  avx2_allowed = allowed;
}

Softmax softmax(std::span<const float> l, float* e) {
  Softmax s;
  if (l.empty() || !begin(l, s)) return s;
  const auto exps = use_avx2() ? exp_avx2 : exp_plain;
  exps(l.data(), s.max, l.size(), e);
  for (size_t i = 0; i < l.size(); ++i) s.sum += double(e[i]);
  s.log_sum = exact_log(s.sum);
  return s;
}

Compared compare(std::span<const float> l, const Softmax& r, const float* e, std::span<const float> c) {
  Compared out;
  if (c.empty() || !begin(c, out.candidate) || !r.finite) return out;
  Softmax& s = out.candidate;
  const auto exps = use_avx2() ? exp_avx2 : exp_plain;
  double total = 0;
  std::array<float, block> ec;
  for (size_t at = 0; at < c.size(); at += block) {
    const size_t n = std::min(block, c.size() - at);
    exps(c.data() + at, s.max, n, ec.data());
    for (size_t i = 0; i < n; ++i) {
      s.sum += double(ec[i]);
      total += double(e[at + i]) * (double(l[at + i] - r.max) - double(c[at + i] - s.max));
    }
  }
  s.log_sum = exact_log(s.sum);
  out.kld = total / r.sum - r.log_sum + s.log_sum;
  return out;
}

}  // namespace bw::quality
