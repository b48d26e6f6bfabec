// What a Tokenizer holds. Inside src/text only. In: a Vocab, checked and put into tables by
// tokenizer_make.cc. Out: the tables that tokenizer.cc reads.
#pragma once
#include <array>
#include <functional>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "text/bpe.h"
#include "text/pretokenizer.h"
#include "text/specials.h"
#include "text/spm.h"
#include "text/tokenizer.h"

namespace bw::text {

// Tokens that no plain text may become.
inline bool controls(TokenKind k) {
  return k == TokenKind::control || k == TokenKind::unknown;
}

// The byte a token of kind byte stands for ("<0x0A>"), or -1.
int byte_of(std::string_view text);

struct Tokenizer::State {
  Vocab vocab;
  std::unordered_map<std::string_view, Token> by_text;  // views into vocab.tokens
  std::array<Token, 256> of_byte{};                     // -1: the vocabulary has none
  Specials specials;
  std::vector<bool> ends, strips_right;
  // Either these two or the third.
  std::optional<PreTokenizer> pre;
  Merges merges;
  std::optional<Spm> spm;

  explicit State(Vocab v) : vocab(std::move(v)) {}
  TokenKind kind(Token t) const {
    return vocab.kinds.empty() ? TokenKind::normal : vocab.kinds[static_cast<size_t>(t)];
  }
  Status fill_tokens();
  Status fill_bytes();
  Status fill_merges();
  Status fill_spm();
  Status check_ids() const;
  void plain(std::string_view text, std::vector<Token>& out) const;
  void plain_spm(std::string_view text, std::vector<Token>& out) const;
  std::vector<Token> encode(std::string_view text,
                            const std::function<bool(Token, size_t, size_t)>& meant) const;
  void append_piece(Token token, bool with_special, std::string& out) const;
};

}  // namespace bw::text
