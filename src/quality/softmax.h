// Row arithmetic of the divergence: maxima, BN1 exponentials and the sums over a vocabulary, the same bits
// with and without AVX2. In: logits [n]. Out: what two distributions need to be compared.
#pragma once
#include <cstdint>
#include <span>

namespace bw::quality {

struct Softmax {
  float max = 0;
  uint32_t top = 0;     // id of the first in the total order
  double sum = 0;       // S = sum_i f64(exp(l_i - max)), ids ascending
  double log_sum = 0;   // log S, the binary64 nearest
  bool finite = false;  // every logit; nothing else is set otherwise
  // log p_i = f64(sub(l_i, max)) - log S
  double log_p(float logit) const { return double(logit - max) - log_sum; }
};

// The reference's row: its softmax, and e_i = exp(l_i - max) into e [n].
Softmax softmax(std::span<const float> logits, float* e);

struct Compared {
  Softmax candidate;
  double kld = 0;  // nats; set where both rows are finite
};
// KLD = (sum_i e_i (f64(l_i - max) - f64(c_i - max_c))) / S - log S + log S_c, ids ascending.
Compared compare(std::span<const float> reference, const Softmax& r, const float* e,
                 std::span<const float> candidate);

// For tests: false forces the plain path.
void allow_avx2(bool allowed);

}  // namespace bw::quality
