// log x = k ln 2 + 2 atanh((m - 1) / (m + 1)), m in [sqrt 1/2, sqrt 2), summed in 113-bit arithmetic. Its
// error is below 2^-108 of the result, so the final rounding is wrong only where log x lies that near to the
// middle of two binary64 numbers, for which one argument in 2^54 would be a candidate.
#include "base/exact_log.h"

#include <cmath>
#include <limits>

namespace bw {
namespace {
#if defined(__x86_64__) || defined(__i386__)
using Wide = __float128;
#else
using Wide = long double;  // binary128 on AArch64
static_assert(std::numeric_limits<long double>::digits == 113);
#endif
// ln 2 = 0.693147180559945309417232121458176568..., as binary64 numbers each nearest to what the last ones
// leave.
Wide ln2() {
  return Wide(0x1.62e42fefa39efp-1) + Wide(0x1.abc9e3b39803fp-56) + Wide(0x1.7b57a079a1934p-111);
}
}  // namespace

double exact_log(double x) {
  if (!(x > 0) || x > std::numeric_limits<double>::max()) return std::numeric_limits<double>::quiet_NaN();
  int k = 0;
  double m = std::frexp(x, &k);  // exact: x = m 2^k, m in [1/2, 1)
  if (m < 0x1.6a09e667f3bcdp-1) {
    m *= 2;
    --k;
  }
  const Wide z = (Wide(m) - 1) / (Wide(m) + 1), z2 = z * z;  // |z| <= 0.1716
  Wide sum = 0;
  for (int i = 45; i >= 0; --i) sum = sum * z2 + Wide(1) / Wide(2 * i + 1);  // 0.1716^92 < 2^-233
  return static_cast<double>(Wide(k) * ln2() + 2 * z * sum);
}

}  // namespace bw
