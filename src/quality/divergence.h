// Divergence in lock step: reference and candidates read the same tokens, and at each scored position the
// whole next-token distributions are compared. One pass, no file of logits. In: contexts over the same
// vocabulary, the tokens of a text. Out: Divergence a candidate. Convention of llama-perplexity
// --kl-divergence (llama.cpp tools/perplexity): the text is tokenised as a whole and cut into chunks of n_ctx
// = 512; each chunk starts from an empty cache, its first token replaced by BOS where the vocabulary adds
// one; scored are the logits at positions n_ctx/2 .. n_ctx - 2, each against the token that follows: 255 a
// chunk.
#pragma once
#include <atomic>
#include <functional>
#include <span>
#include <vector>

#include "engine/engine.h"
#include "quality/quality.h"

namespace bw::quality {

struct DivergenceOptions {
  uint32_t n_chunks = 8;
  uint32_t chunk = 512;
  uint32_t score_from = 256;  // first scored position of a chunk
  uint32_t n_rows = 32;       // scored rows a pass; 3 * n_rows * n_vocab floats are held (58 MB at 151,936)
  text::Token bos = -1;       // replaces the first token of each chunk; -1: it stays
  int n_threads = 2;          // for softmax and sums, between the passes; changes no bit
  double confidence = 0.95;   // of the intervals
  const std::atomic<bool>* cancel = nullptr;  // checked between passes: Error "interrupted"
  std::function<void(uint64_t done, uint64_t total)> progress = {};  // positions read by all contexts
};

// With p, q the softmax of the logits of reference and candidate at a position and t the token that follows:
//   KLD = sum_i p_i (log p_i - log q_i), natural logarithm; log p_i by BN1 section 8 (binary64, ids
//   ascending); PPL = exp(mean of -log p_t). Means: one binary64 chain per 256 tokens, chains added in order
//   (BN1 section 9).
// Quantiles interpolate linearly between order statistics (Hyndman, Fan 1996, type 7). Intervals of means
// come from the standard error clustered by chunk (stats/paired.h) and Student's t with chunks - 1 degrees of
// freedom. Contexts must be able to open one more sequence of `chunk` positions; it is dropped again. Fewer
// whole chunks in `tokens` than asked are used and show in n_positions; none is an error. Different n_vocab
// is an error (unsupported), other errors name the context they came from. The reference is computed once for
// all candidates. Where memory holds only two models at a time, call this once a candidate: the reference is
// computed again and gives the same bits.
Result<std::vector<Divergence>> divergence(engine::Context& reference,
                                           std::span<engine::Context* const> candidates,
                                           std::span<const text::Token> tokens,
                                           const DivergenceOptions& options);

// The first n tokens of `text`, as tokenising the whole would give them (BOS in front where the vocabulary
// adds one); reads no more of the text than that needs. Fewer where the text ends.
std::vector<text::Token> first_tokens(const text::Tokenizer& tokenizer, std::string_view text, size_t n);

}  // namespace bw::quality
