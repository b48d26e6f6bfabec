// From an Ask's prompt to token ids, by the file's own vocabulary and chat template. In: messages, text or
// ids. Out: ids, or an Error that says what this file cannot do. Immutable: any thread.
#pragma once
#include <optional>
#include <vector>

#include "backend/backend.h"
#include "text/chat.h"

namespace bw::backend {

class Prompts {
 public:
  // A template that cannot be read fails the chats, not the file. n_vocab: rows of the model's head.
  Prompts(text::Tokenizer tokenizer, uint32_t n_vocab);
  const text::Tokenizer& tokenizer() const { return tokenizer_; }
  const std::vector<text::Token>& ends() const { return ends_; }  // ids that end a generation
  // May be empty, for an empty text.
  Result<std::vector<text::Token>> tokens(const Ask& ask) const;
  // engine::check(), and that every bias is of a token of this vocabulary.
  Status check(const engine::SamplerOptions& sampler) const;

 private:
  Result<std::vector<text::Token>> chat(const std::string& messages_json) const;

  text::Tokenizer tokenizer_;
  const uint32_t n_vocab_;
  std::vector<text::Token> ends_;
  std::optional<text::ChatTemplate> template_;
  Error no_template_;        // where there is none: why
  std::string context_end_;  // JSON after the messages: what the template may ask for beside them
};

}  // namespace bw::backend
