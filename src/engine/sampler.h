// BN1 section 8: from logits to a token. Total order: logit descending, id ascending.
#pragma once
#include <cstdint>
#include <span>

#include "text/tokenizer.h"

namespace bw::engine {

struct SamplerOptions {
  float temperature = 0;    // 0: greedy
  uint32_t top_k = 0;       // 0: all
  float top_p = 1, min_p = 0;
  uint64_t seed = 0;        // Philox4x32-10 key
  uint32_t sample_index = 0;
};

text::Token greedy(std::span<const float> logits);
// `position` is the position the new token will take (Philox counter).
text::Token sample(std::span<const float> logits, const SamplerOptions& options, uint32_t position);
// Natural logarithm of the probability of `token` at temperature 1.
double log_probability(std::span<const float> logits, text::Token token);

}  // namespace bw::engine
