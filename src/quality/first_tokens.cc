// The beginning of a long text in tokens, without reading all of it.
#include "quality/divergence.h"

namespace bw::quality {

std::vector<text::Token> first_tokens(const text::Tokenizer& tokenizer, std::string_view text, size_t n) {
  using Tokenizer = text::Tokenizer;
  // A cut changes only tokens of the word it goes through; 64 tokens of room are more than any word here.
  for (size_t bytes = n * 6 + 4096;; bytes *= 2) {
    const bool whole = bytes >= text.size();
    std::vector<text::Token> ids =
        tokenizer.encode(text.substr(0, bytes), Tokenizer::Special::as_text, Tokenizer::Bos::as_declared);
    if (!whole && ids.size() < n + 64) continue;
    if (ids.size() > n) ids.resize(n);
    return ids;
  }
}

}  // namespace bw::quality
