// What a request's output must obey, token by token: a grammar above the engine says which tokens may come
// next. In: the tokens chosen. Out: a bit a token. The sampler leaves out what is not allowed before anything
// else looks at the logits, so the choice is the one among allowed tokens (docs/bn1.md section 8).
#pragma once
#include <cstdint>
#include <span>

#include "base/result.h"
#include "text/tokenizer.h"

namespace bw::engine {

// Bit t % 64 of word t / 64: token t may come. A token beyond the words may not (a file may have more rows of
// logits than tokens), bits beyond the logits mean nothing. Empty: every token may.
using TokenMask = std::span<const uint64_t>;
inline size_t mask_words(size_t n_vocab) {
  return (n_vocab + 63) / 64;
}
inline bool allows(TokenMask mask, text::Token t) {
  return size_t(t) / 64 < mask.size() && (mask[size_t(t) / 64] >> (size_t(t) % 64)) & 1;
}

class Constraint {
 public:
  virtual ~Constraint() = default;
  Constraint() = default;
  Constraint(const Constraint&) = delete;
  // Of the next token, not empty; lives until accept(), and a second call before that gives the same. A token
  // that ends the generation is allowed only where the output may end. Error: nothing can follow (the request
  // ends with it).
  virtual Result<TokenMask> allowed() = 0;
  // One that allowed() allowed and that became part of the output: a stop token is not told.
  virtual void accept(text::Token token) = 0;
};

}  // namespace bw::engine
