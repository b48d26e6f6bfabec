// BN1 section 8: from logits to a token. Total order: logit descending, id ascending.
// In: logits [n_vocab], finite (the engine refuses others before they get here: a NaN has no place in a total
// order). Out: an id, or a log-probability; the same bits on every machine.
#pragma once
#include <cstdint>
#include <span>

#include "base/result.h"
#include "text/tokenizer.h"

namespace bw::engine {

// The filters act in this order, each on what the last one kept:
//   temperature  e_i = f64(exp(div(sub(l_i, max), T)))
//   top_k        the first k of the total order
//   top_p        walks the total order, cut before the first id whose predecessors already sum to top_p *
//   total min_p        cut before the first id whose e is below min_p * e of the first
// At least the first of the total order always stays.
struct SamplerOptions {
  float temperature = 0;  // 0: greedy
  uint32_t top_k = 0;     // 0: all
  float top_p = 1, min_p = 0;
  uint64_t seed = 0;  // Philox4x32-10 key
  uint32_t sample_index = 0;
};
// Error naming the option that is negative, not finite, or outside [0, 1].
Status check(const SamplerOptions& options);

text::Token greedy(std::span<const float> logits);
// `position` is the position the new token will take (Philox counter).
text::Token sample(std::span<const float> logits, const SamplerOptions& options, uint32_t position);
// Natural logarithm of the probability of `token` at temperature 1.
double log_probability(std::span<const float> logits, text::Token token);

}  // namespace bw::engine
