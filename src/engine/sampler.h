// BN1 section 8: from logits to a token. Total order: logit descending, id ascending.
// In: logits [n_vocab], finite (the engine refuses others before they get here: a NaN has no place in a total
// order), and what came before. Out: an id, what it was drawn from, log-probabilities; the same bits on every
// machine.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "base/result.h"
#include "engine/constraint.h"
#include "text/tokenizer.h"

namespace bw::engine {

struct LogitBias {
  text::Token token = 0;
  float bias = 0;  // added to the token's logit
};

// What changes the logits, in this order: bias, repeat_penalty (Keskar et al. 2019, CTRL), frequency_penalty,
// presence_penalty (both as OpenAI's API states them). Then the filters, each on what the last one kept:
//   temperature  e_i = f64(exp(div(sub(l_i, max), T)))
//   top_k        the first k of the total order
//   top_p        walks the total order, cut before the first id whose predecessors already sum to top_p *
//   total
//                (Holtzman et al. 2019)
//   min_p        cut before the first id whose e is below min_p * e of the first (Nguyen et al. 2024)
//   typical      as top_p, but in the order of |surprise - entropy|, ascending (Meister et al. 2022)
// At least the first of an order always stays.
struct SamplerOptions {
  float temperature = 0;  // 0: the first of the total order; filters and seed then have no say
  uint32_t top_k = 0;     // 0: all
  float top_p = 1, min_p = 0, typical = 1;
  uint64_t seed = 0;  // Philox4x32-10 key
  uint32_t sample_index = 0;
  std::vector<LogitBias> bias = {};  // each token once
  float repeat_penalty = 1;          // divides (a positive logit) or multiplies; above 1 discourages
  uint32_t repeat_window = 64;       // tokens of prompt and output, the latest, that it looks at
  float frequency_penalty = 0, presence_penalty = 0;  // subtracted by count in the output, and once

  bool changes_logits() const {
    return !bias.empty() || repeat_penalty != 1 || frequency_penalty != 0 || presence_penalty != 0;
  }
};
// Error naming the option that is negative, not finite, out of its range, or given twice.
Status check(const SamplerOptions& options);

// What a penalty looks at. `prompt` may be cut to its last repeat_window tokens.
struct History {
  std::span<const text::Token> prompt, output;
};

text::Token greedy(std::span<const float> logits);
// `position` is the position the new token will take (Philox counter). What `mask` does not allow takes no
// part: the choice is the one that a vocabulary of the allowed tokens alone would give. Error: a bias for a
// token outside the vocabulary, a mask that allows nothing.
Result<text::Token> sample(std::span<const float> logits, const SamplerOptions& options, uint32_t position,
                           const History& history = {}, TokenMask mask = {});

// What a draw is made from: the tokens every filter kept, by ascending id. temperature > 0.
struct Candidate {
  text::Token token = 0;
  double e = 0;  // in proportion to its probability
};
Result<std::vector<Candidate>> candidates(std::span<const float> logits, const SamplerOptions& options,
                                          const History& history = {}, TokenMask mask = {});

// Natural logarithms of probabilities at temperature 1, of the logits as the model gave them: no option and
// no mask changes them.
struct TokenLogProb {
  text::Token token = 0;
  double log_probability = 0;
};
struct LogProbs {
  TokenLogProb chosen;
  std::vector<TokenLogProb> top;  // the first of the total order
};
inline constexpr uint32_t max_top_log_probs = 20;  // what callers may ask for (OpenAI's bound)
double log_probability(std::span<const float> logits, text::Token token);
// n_top beyond the vocabulary gives the vocabulary.
LogProbs log_probs(std::span<const float> logits, text::Token chosen, uint32_t n_top);

}  // namespace bw::engine
