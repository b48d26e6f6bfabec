// Text as a model writes it, token by token: what has come so far, never a part of a character.
// In: tokens. Out: the bytes that are whole UTF-8 characters, or can no longer become one.
#pragma once
#include <string>

#include "text/tokenizer.h"

namespace bw::text {

class TextStream {
 public:
  // `before`: the token that stands before the first one pushed, -1 at the start of a text. After it
  // SentencePiece vocabularies may have put a space that no text holds; it is taken away. The tokenizer
  // outlives the stream.
  TextStream(const Tokenizer& tokenizer, Token before, bool with_special = false);
  // What can be shown now; at most 3 bytes are kept back.
  std::string push(Token token);
  // What was kept back, a cut character.
  std::string finish();
  size_t n_held() const { return kept_.size(); }  // bytes kept back

 private:
  const Tokenizer& tokenizer_;
  Token before_;
  bool with_special_;
  std::string kept_;
};

}  // namespace bw::text
