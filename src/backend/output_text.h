// A request's output as it may be shown: text behind which no stop string can hide, and with it the tokens
// whose text has been shown. In: tokens as they are chosen. Out: pieces of text and TokenTexts, in order; at
// the end, what was held back and may be shown after all.
#pragma once
#include <deque>
#include <string>
#include <vector>

#include "backend/backend.h"
#include "engine/stop_strings.h"
#include "text/text_stream.h"

namespace bw::backend {

class OutputText {
 public:
  // `before`: the last token of the prompt. The tokenizer outlives it. `tells_tokens`: whether TokenTexts are
  // made.
  OutputText(const text::Tokenizer& tokenizer, text::Token before, engine::StopStrings stops,
             bool tells_tokens);

  struct Shown {
    std::string text;
    std::vector<TokenText> tokens;  // those of which the last byte is shown now
  };
  // `log_probs`: not null where tokens are told.
  Shown push(text::Token token, const engine::LogProbs* log_probs);
  // The output has ended, not by a stop string of this: the rest.
  Shown finish();
  bool stopped() const { return stops_.stopped(); }

 private:
  struct Waiting {
    TokenText token;
    size_t begin, end;  // its bytes in the text before stop strings
  };
  Shown show(std::string text);

  const text::Tokenizer& tokenizer_;
  text::TextStream characters_;
  engine::StopStrings stops_;
  const bool tells_tokens_;
  std::deque<Waiting> waiting_;
  size_t n_read_ = 0;   // bytes that came out of characters_
  size_t n_shown_ = 0;  // of those
};

// The chosen token and its rivals with their texts.
TokenText token_text(const text::Tokenizer& tokenizer, const engine::LogProbs& log_probs);

}  // namespace bw::backend
