// Byte-level BPE and SentencePiece: text <-> token ids, exactly as the model was trained with.
// In: a Vocab (gguf/vocab.h fills it from a file). Out: ids, pieces, and what each special id is for.
// Sources: Sennrich et al. 2016 (BPE); GPT-2's byte alphabet; the pre-tokenizer regexes the models publish;
// Kudo and Richardson 2018 (SentencePiece).
#pragma once
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace bw::text {

using Token = int32_t;

// tokenizer.ggml.token_type values (GGUF specification).
enum class TokenKind : int32_t {
  normal = 1,
  unknown = 2,
  control = 3,
  user_defined = 4,
  unused = 5,
  byte = 6
};

struct Vocab {
  // tokenizer.ggml.model: "gpt2" = byte-level BPE, "llama" = SentencePiece; others are refused by name
  std::string model;
  std::string pre;  // tokenizer.ggml.pre: "gpt-2", "smollm", "qwen2", "llama-bpe", ...; BPE only
  std::vector<std::string> tokens;
  std::vector<TokenKind> kinds;     // same length as tokens, or empty (all normal)
  std::vector<std::string> merges;  // "left right", best first; BPE only
  std::vector<float> scores;        // one a token, higher merges first; SentencePiece
  bool add_space_prefix = false;    // SentencePiece: " " before a text
  std::vector<Token> strips_right;  // SentencePiece: ASCII white space after these tokens is dropped
  Token bos = -1, eos = -1, eot = -1, unk = -1, pad = -1;  // -1: the file names none
  bool add_bos = false, add_eos = false;
  std::string chat_template;  // Jinja source; empty for base models
};

class Tokenizer {
 public:
  // Validates the vocabulary (lengths, merges that name tokens, ids in range) and builds the tables.
  static Result<Tokenizer> make(Vocab vocab);
  Tokenizer(Tokenizer&&) noexcept;
  Tokenizer& operator=(Tokenizer&&) noexcept;
  ~Tokenizer();

  enum class Special { as_text, parse };  // parse: control tokens written in the text become their ids
  enum class Bos { none, as_declared };   // as_declared: prepend bos where the vocabulary says add_bos
  // Invalid UTF-8 is not an error: its bytes pass through the byte alphabet, or become byte tokens. A byte
  // the vocabulary has no token for gives none (as llama.cpp has it), in SentencePiece the unknown token
  // where one is named. User-defined tokens are matched also as_text; they control nothing. EOS is never
  // added, whatever add_eos says: what is encoded here is gone on with. SentencePiece puts a space before the
  // text and after each token matched whole, where the vocabulary says add_space_prefix. std::bad_alloc where
  // memory runs out.
  std::vector<Token> encode(std::string_view utf8, Special special = Special::as_text,
                            Bos bos = Bos::none) const;
  // The same where a control token is matched only if every byte of it lies in one of `trusted`: [begin, end)
  // byte ranges, in order, neither overlapping nor touching. Text on both sides of a range's edge is cut as
  // one text.
  std::vector<Token> encode_marked(std::string_view utf8,
                                   std::span<const std::pair<size_t, size_t>> trusted) const;
  // How many bytes of a text stand for nothing in these tokens, because the vocabulary has no token for them.
  size_t bytes_without_token(std::string_view utf8) const;
  // Bytes of the tokens, one after the other, which may end inside a UTF-8 sequence. Control tokens give
  // nothing unless `with_special`.
  std::string decode(std::span<const Token> tokens, bool with_special = false) const;
  std::string piece(Token token, bool with_special = true) const;
  // The text that encode() makes these tokens of: decode() without the spaces that encode() put there.
  // `before`: the token they go on after, -1 at the start of a text. Token by token: text_stream.h.
  std::string decode_text(std::span<const Token> tokens, bool with_special = false, Token before = -1) const;
  // Whether encode() puts a space before text that follows `token` (-1: at the start), so that a reader of
  // the tokens drops one there.
  bool space_follows(Token token) const;

  size_t size() const;
  const Vocab& vocab() const;
  TokenKind kind(Token token) const;        // unused for an id outside the vocabulary
  bool ends_generation(Token token) const;  // eos, eot and the end-of-turn control tokens of known families
  std::string digest()
      const;  // SHA-256 over tokens, kinds, merges, pre: equal digests = same ids mean the same text

 private:
  struct State;
  explicit Tokenizer(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace bw::text
