#include "model/rope.h"

#include <fmt/format.h>

#include <limits>

#include "base/exact_log.h"

namespace bw::model {
namespace {

#if defined(__x86_64__)
using Wide = __float128;  // 113 bits, software
#else
using Wide = long double;
static_assert(std::numeric_limits<long double>::digits == 113);
#endif

// pi/2 and ln 2 as sums of binary64 numbers, each nearest to what the ones before leave (161 bits).
constexpr double pio2[3] = {0x1.921fb54442d18p+0, 0x1.1a62633145c07p-54, -0x1.f1976b7ed8fbcp-110};
constexpr double ln2[3] = {0x1.62e42fefa39efp-1, 0x1.abc9e3b39803fp-56, 0x1.7b57a079a1934p-111};

// Nearest integer of |x| < 2^51, ties to even.
double nearest(double x) {
  volatile double shifted = x + 0x1.8p52;  // volatile: the sum must be rounded, not folded away
  return shifted - 0x1.8p52;
}

Wide wide_ln2() {
  return Wide(ln2[0]) + Wide(ln2[1]) + Wide(ln2[2]);
}

// ln x, x > 0 finite: x = m 2^k, m in [3/4, 3/2); 2 atanh((m - 1) / (m + 1)), |argument| <= 1/5.
Wide wide_log(Wide x) {
  int k = 0;
  for (; x >= 1.5; ++k) x /= 2;
  for (; x < 0.75; --k) x *= 2;
  const Wide z = (x - 1) / (x + 1), z2 = z * z;
  Wide sum = 0;
  for (int i = 27; i >= 0; --i) sum = sum * z2 + Wide(1) / Wide(2 * i + 1);  // 5^-56 < 2^-130
  return Wide(k) * wide_ln2() + 2 * z * sum;
}

// e^x, |x| < 1000: x = k ln 2 + r, |r| <= 0.35, Taylor.
Wide wide_exp(Wide x) {
  const double k = nearest(static_cast<double>(x / wide_ln2()));
  const Wide r = ((x - Wide(k) * Wide(ln2[0])) - Wide(k) * Wide(ln2[1])) - Wide(k) * Wide(ln2[2]);
  Wide sum = 1;
  for (int i = 30; i >= 1; --i) sum = 1 + sum * r / Wide(i);  // 0.35^31 / 31! < 2^-159
  for (int i = 0; i < k; ++i) sum *= 2;
  for (int i = 0; i > k; --i) sum /= 2;
  return sum;
}

// The T nearest to the true value, known to lie within `error` (relative) of x; false where two T are
// possible.
template <class T>
bool round_once(Wide x, Wide error, T& out) {
  const T low = static_cast<T>(x - x * error), high = static_cast<T>(x + x * error);
  out = low;
  return low == high;
}

// sin and cos of the angle k pi/2 + r from those of r.
template <class F>
void turn(uint64_t k, F s, F c, F& sin_a, F& cos_a) {
  switch (k & 3) {
    case 0:
      sin_a = s, cos_a = c;
      break;
    case 1:
      sin_a = c, cos_a = -s;
      break;
    case 2:
      sin_a = -s, cos_a = -c;
      break;
    default:
      sin_a = -c, cos_a = s;
      break;
  }
}

constexpr double quick_error = 0x1p-45;  // the evaluation below is within 2^-49 of the true value, relatively
const Wide slow_error = Wide(0x1p-90);   // within 2^-100

// 0 <= a <= 2^20. False where binary64 cannot decide the rounding.
bool quick_cos_sin(double a, double magnitude, float& cos_out, float& sin_out) {
  // pi/2 in pieces of 33, 33 and 53 bits: k * c1 and k * c2 are exact for k < 2^20 (Cody and Waite 1980).
  constexpr double c1 = 0x1.921fb544p+0, c2 = 0x1.0b4611a6p-34, c3 = 0x1.3198a2e037073p-69;
  const double k = nearest(a * 0x1.45f306dc9c883p-1);
  const double r = ((a - k * c1) - k * c2) - k * c3;
  if (r < 0x1p-30 && r > -0x1p-30 && a != 0) return false;  // cancellation has eaten too many bits
  const double z = r * r;
  double s = 0, c = 0;
  for (int i = 9; i >= 1;
       --i) {  // sum of (-1)^j r^2j / (2j+1)! and / (2j)!; the first left out is below 2^-60
    s = (1 + s) * -z / ((2.0 * i) * (2.0 * i + 1));
    c = (1 + c) * -z / ((2.0 * i) * (2.0 * i - 1));
  }
  double sin_a = 0, cos_a = 0;
  turn(static_cast<uint64_t>(k), r + r * s, 1 + c, sin_a, cos_a);
  const auto decided = [](double x, float& out) {
    out = static_cast<float>(x - x * quick_error);
    return out == static_cast<float>(x + x * quick_error);
  };
  const bool both = decided(sin_a * magnitude, sin_out);
  return decided(cos_a * magnitude, cos_out) && both;
}

bool slow_cos_sin(double a, double magnitude, float& cos_out, float& sin_out) {
  const double k = nearest(a * 0x1.45f306dc9c883p-1);
  // k has 20 bits, each piece 53: the products are exact in 113 bits.
  const Wide r = ((Wide(a) - Wide(k) * Wide(pio2[0])) - Wide(k) * Wide(pio2[1])) - Wide(k) * Wide(pio2[2]);
  const Wide z = r * r;
  Wide s = 0, c = 0;
  for (int i = 16; i >= 1; --i) {  // 0.79^33 / 33! < 2^-133
    s = (1 + s) * -z / Wide((2 * i) * (2 * i + 1));
    c = (1 + c) * -z / Wide((2 * i) * (2 * i - 1));
  }
  Wide sin_a = 0, cos_a = 0;
  turn(static_cast<uint64_t>(k), r + r * s, 1 + c, sin_a, cos_a);
  const bool both = round_once(sin_a * Wide(magnitude), slow_error, sin_out);
  return round_once(cos_a * Wide(magnitude), slow_error, cos_out) && both;
}

Status row(const RopeFrequencies& f, uint32_t position, float* cos_out, float* sin_out, bool quick) {
  for (size_t i = 0; i < f.inv.size(); ++i) {
    const double a = static_cast<double>(position) * f.inv[i];
    if (!(a >= 0 && a <= double(rope_max_position)))
      return failed(fmt::format("rope: angle {} at position {} is beyond {}", a, position, rope_max_position),
                    "choose a smaller context");
    if (quick && quick_cos_sin(a, f.magnitude, cos_out[i], sin_out[i])) continue;
    if (!slow_cos_sin(a, f.magnitude, cos_out[i], sin_out[i]))
      return failed(
          fmt::format(
              "rope: cos or sin of {:a} (position {}, pair {}) times {:a} lies too near to the middle of two "
              "binary32 numbers for 113-bit arithmetic to round it",
              a, position, i, f.magnitude),
          "report this angle: it is one in 2^65");
  }
  return {};
}

// YaRN changes inv [n_rot/2]: pairs that turn often within n_ctx_orig keep their angle, pairs that hardly
// turn are interpolated, a ramp over the pairs between. Peng et al. 2023, section 3.2, with the ramp as their
// code has it.
void yarn(const Rope& r, uint32_t n_rot, std::vector<double>& inv) {
  constexpr double two_pi = 0x1.921fb54442d18p+2;
  const double last = n_rot - 1.0, twice_log_base = 2 * exact_log(r.base);
  // The pair (a fraction of one) that makes `turns` turns within n_ctx_orig, held to 0 .. last.
  const auto pair_of = [&](double turns) {
    const double pair = n_rot * exact_log(r.n_ctx_orig / (turns * two_pi)) / twice_log_base;
    return pair < 0 ? 0 : pair > last ? last : pair;
  };
  const auto down = [](double x) { return static_cast<double>(static_cast<uint32_t>(x)); };
  const double low = down(pair_of(r.beta_fast)), up = pair_of(r.beta_slow);
  const double high = down(up) < up ? down(up) + 1 : up;
  const double width = high - low > 0.001 ? high - low : 0.001;
  for (uint32_t i = 0; i < inv.size(); ++i) {
    const double at = (i - low) / width, ramp = at < 0 ? 0 : at > 1 ? 1 : at;
    inv[i] = inv[i] / double(r.factor) * ramp + inv[i] * (1 - ramp);
  }
}

}  // namespace

Result<RopeFrequencies> rope_frequencies(const Rope& r, uint32_t n_rot) {
  RopeFrequencies f;
  std::vector<double>& inv = f.inv;
  inv.resize(n_rot / 2);
  const Wide ln_base = wide_log(Wide(r.base));
  for (uint32_t i = 0; i < inv.size(); ++i) {
    const Wide x = wide_exp(-(Wide(2 * i) / Wide(n_rot)) * ln_base);
    if (!round_once(x, Wide(0x1p-98), inv[i]))
      return failed(fmt::format("rope: {}^(-{}/{}) cannot be rounded to binary64 by 113-bit arithmetic",
                                r.base, 2 * i, n_rot),
                    "report this base");
    if (!r.freq_factors.empty()) inv[i] /= double(r.freq_factors[i]);
    if (r.scaling == RopeScaling::linear) inv[i] /= double(r.factor);
  }
  if (r.scaling == RopeScaling::yarn) {
    yarn(r, n_rot, inv);
    f.magnitude = double(r.attn_factor) * (r.factor > 1 ? 1 + 0.1 * exact_log(r.factor) : 1);
  }
  return f;
}

Status rope_row(const RopeFrequencies& f, uint32_t position, float* cos_out, float* sin_out) {
  return row(f, position, cos_out, sin_out, true);
}
Status rope_row_slow(const RopeFrequencies& f, uint32_t position, float* cos_out, float* sin_out) {
  return row(f, position, cos_out, sin_out, false);
}

}  // namespace bw::model
