// Two passes a row: its maximum, then blocks of exponentials feeding binary64 chains. The chains run in id
// order, as BN1 has it; they cost about as much as the exponentials do with AVX2.
#include "quality/softmax.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>

#include "base/exact_log.h"
#include "engine/exp_row.h"
#include "kernels/x86_target.h"

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

#if defined(BW_X86)
BW_TARGET_BEGIN_AVX2
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
BW_TARGET_END
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
  engine::exp_row(l.data(), s.max, 1, l.size(), e);
  for (size_t i = 0; i < l.size(); ++i) s.sum += double(e[i]);
  s.log_sum = exact_log(s.sum);
  return s;
}

Compared compare(std::span<const float> l, const Softmax& r, const float* e, std::span<const float> c) {
  Compared out;
  if (c.empty() || !begin(c, out.candidate) || !r.finite) return out;
  Softmax& s = out.candidate;
  double total = 0;
  std::array<float, block> ec;
  for (size_t at = 0; at < c.size(); at += block) {
    const size_t n = std::min(block, c.size() - at);
    engine::exp_row(c.data() + at, s.max, 1, n, ec.data());
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
