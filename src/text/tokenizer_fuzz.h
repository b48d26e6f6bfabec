// What the fuzzer does with one input, and the replay test with each file of fuzz/corpus/tokenizer: its first
// byte chooses the tokenizer (four pre-tokenizers, SentencePiece with and without a space before, two more),
// the rest is text. Out: how many tokens it gave; a trap is the finding.
#pragma once
#include <string>
#include <string_view>

#include "text/bpe.h"
#include "text/tokenizer.h"

namespace bw::text::testing {

inline Vocab fuzz_bpe(const char* pre) {
  Vocab v;
  v.model = "gpt2";
  v.pre = pre;
  for (const std::string& s : byte_alphabet()) v.tokens.push_back(s);
  for (const char* s : {"aa", "ab", "aaaa", "\u0120a", "\u0120\u0120", "the", "\u0120the", "12"})
    v.tokens.emplace_back(s);
  v.merges = {"a a", "a b", "aa aa", "\u0120 a", "\u0120 \u0120", "1 2"};
  v.kinds.assign(v.tokens.size(), TokenKind::normal);
  return v;
}

// Pieces that lead up to the control tokens and to a byte token's name, so that only their kind keeps them
// out.
inline Vocab fuzz_spm(bool prefix) {
  Vocab v;
  v.model = "llama";
  v.add_space_prefix = prefix;
  for (int b = 0; b < 256; ++b) {
    const char* hex = "0123456789ABCDEF";
    v.tokens.push_back(std::string("<0x") + hex[b / 16] + hex[b % 16] + ">");
    v.kinds.push_back(TokenKind::byte);
  }
  for (const char* s :
       {"\u2581", "a",         "b",      "<",     ">",     "|",  "im", "<|",   "<|im",    "<|im|",
        "|>",     "<0",        "<0x",    "<0x0",  "<0x0A", "aa", "ab", "aaaa", "\u2581a", "\u2581\u2581",
        "the",    "\u2581the", "\u00e9", "\u65e5"}) {
    v.tokens.emplace_back(s);
    v.kinds.push_back(TokenKind::normal);
  }
  v.tokens.emplace_back("aab");
  v.kinds.push_back(TokenKind::unused);
  v.scores.resize(v.tokens.size());
  for (size_t i = 256; i < v.scores.size(); ++i) v.scores[i] = -static_cast<float>(i * 7 % 11);
  return v;
}

inline const std::vector<Tokenizer>& fuzz_tokenizers() {
  static const std::vector<Tokenizer> all = [] {
    std::vector<Vocab> vocabs;
    for (const char* pre : {"gpt-2", "llama-bpe", "qwen2", "smollm"}) vocabs.push_back(fuzz_bpe(pre));
    for (const bool prefix : {true, false}) vocabs.push_back(fuzz_spm(prefix));
    for (const char* pre : {"tekken", "deepseek-v3"}) vocabs.push_back(fuzz_bpe(pre));
    std::vector<Tokenizer> out;
    for (Vocab& v : vocabs) {
      for (const char* s : {"<|im_end|>", "<|im|>", "<|im_end|><|im|>", "|><|"}) {
        v.tokens.emplace_back(s);
        v.kinds.push_back(TokenKind::control);
      }
      v.tokens.emplace_back("<tool>");
      v.kinds.push_back(TokenKind::user_defined);
      if (v.model == "llama") v.scores.resize(v.tokens.size());
      auto t = Tokenizer::make(std::move(v));
      if (!t) __builtin_trap();
      out.push_back(std::move(*t));
    }
    return out;
  }();
  return all;
}

// What comes back of `text`: U+2581 is how SentencePiece writes a space, so it comes back as one.
inline std::string fuzz_expected(const Tokenizer& t, std::string_view text) {
  if (t.vocab().model != "llama") return std::string(text);
  std::string out;
  for (size_t at = 0; at < text.size(); ++at)
    if (text.substr(at, 3) == "\u2581") {
      out += ' ';
      at += 2;
    } else {
      out += text[at];
    }
  return out;
}

inline size_t tokenize_one(std::string_view input) {
  if (input.empty()) return 0;
  const Tokenizer& t = fuzz_tokenizers()[static_cast<unsigned char>(input[0]) % fuzz_tokenizers().size()];
  const std::string_view text = input.substr(1);
  const std::string expected = fuzz_expected(t, text);
  const auto plain = t.encode(text), parsed = t.encode(text, Tokenizer::Special::parse);
  if (t.decode_text(plain) != expected || t.decode_text(parsed, true) != expected) __builtin_trap();
  using Range = std::pair<size_t, size_t>;
  if (t.encode_marked(text, std::vector<Range>{}) != plain) __builtin_trap();
  if (t.encode_marked(text, std::vector<Range>{{0, text.size()}}) != parsed) __builtin_trap();
  for (const Token id : plain)
    if (t.vocab().kinds[static_cast<size_t>(id)] == TokenKind::control) __builtin_trap();
  return plain.size();
}

}  // namespace bw::text::testing
