// Codes 1, 6, 10, 15 of Q4_0, that is -7, -2, 2 and 7 times d. Their ratio, 3.5, is near the 3.34 at which
// four levels cost a normal distribution the least (Max 1960, "Quantizing for minimum distortion": 0.4528
// and 1.510 sigma), and d is searched a block, so the control is the best honest two-bit file in this
// container rather than noise: it must lose because of its levels, not because it was made badly.
#include "quantize/control.h"

#include <cmath>
#include <cstdint>
#include <cstring>

#include "quant/half.h"

namespace bw::quantize {
namespace {

constexpr int outer = 7, inner = 2;
constexpr float between = 4.5f;  // (7 + 2) / 2
constexpr int n_scales = 12;     // peak / 7 down to a little under half of it

int nearest(float v) {
  const int magnitude = std::fabs(v) < between ? inner : outer;
  return v < 0 ? -magnitude : magnitude;
}

float squared_error(const float* x, float d) {
  const float id = 1.0f / d;
  float sum = 0;
  for (int i = 0; i < 32; i++) {
    const float e = x[i] - d * static_cast<float>(nearest(x[i] * id));
    sum += e * e;
  }
  return sum;
}

}  // namespace

void encode_four_levels(const float* x, size_t n_blocks, std::byte* dst) {
  for (size_t b = 0; b < n_blocks; b++, x += 32, dst += 18) {
    float peak = 0;
    for (int i = 0; i < 32; i++) peak = std::fmax(peak, std::fabs(x[i]));
    float best = 0, least = 0;
    for (int s = 0; s < n_scales; s++) {
      // As the file will hold it: the error is that of what a reader gets.
      const float d = quant::half_to_float(
          quant::float_to_half(peak / static_cast<float>(outer) * (1.0f - 0.05f * static_cast<float>(s))));
      if (!(d > 0x1p-24f)) break;  // too small to divide by: the block becomes zeros
      const float error = squared_error(x, d);
      if (best == 0 || error < least) best = d, least = error;
    }
    const uint16_t d = quant::float_to_half(best);
    std::memcpy(dst, &d, sizeof d);
    const float id = best == 0 ? 0.0f : 1.0f / best;
    for (int j = 0; j < 16; j++) {
      const int low = nearest(x[j] * id) + 8, high = nearest(x[j + 16] * id) + 8;
      dst[2 + j] = static_cast<std::byte>(low | high << 4);
    }
  }
}

}  // namespace bw::quantize
