// What the fuzzer does with one input, and the replay test with each file of fuzz/corpus/tokenizer: its first
// byte chooses the pre-tokenizer, the rest is text. Out: how many tokens it gave; a trap is the finding.
#pragma once
#include <string>
#include <string_view>

#include "text/bpe.h"
#include "text/tokenizer.h"

namespace bw::text::testing {

inline const Tokenizer& fuzz_tokenizer(size_t which) {
  static const std::vector<Tokenizer> all = [] {
    std::vector<Tokenizer> out;
    for (const char* pre : {"gpt-2", "llama-bpe", "qwen2", "smollm"}) {
      Vocab v;
      v.model = "gpt2";
      v.pre = pre;
      for (const std::string& s : byte_alphabet()) v.tokens.push_back(s);
      for (const char* s : {"aa", "ab", "aaaa", "\u0120a", "\u0120\u0120", "the", "\u0120the", "12"})
        v.tokens.emplace_back(s);
      v.merges = {"a a", "a b", "aa aa", "\u0120 a", "\u0120 \u0120", "1 2"};
      v.kinds.assign(v.tokens.size(), TokenKind::normal);
      for (const char* s : {"<|im_end|>", "<|im|>", "<|im_end|><|im|>", "|><|"}) {
        v.tokens.emplace_back(s);
        v.kinds.push_back(TokenKind::control);
      }
      v.tokens.emplace_back("<tool>");
      v.kinds.push_back(TokenKind::user_defined);
      auto t = Tokenizer::make(std::move(v));
      if (!t) __builtin_trap();
      out.push_back(std::move(*t));
    }
    return out;
  }();
  return all[which % all.size()];
}

inline size_t tokenize_one(std::string_view input) {
  if (input.empty()) return 0;
  const Tokenizer& t = fuzz_tokenizer(static_cast<unsigned char>(input[0]));
  const std::string_view text = input.substr(1);
  const auto plain = t.encode(text), parsed = t.encode(text, Tokenizer::Special::parse);
  if (t.decode(plain) != text || t.decode(parsed, true) != text) __builtin_trap();
  using Range = std::pair<size_t, size_t>;
  if (t.encode_marked(text, std::vector<Range>{}) != plain) __builtin_trap();
  if (t.encode_marked(text, std::vector<Range>{{0, text.size()}}) != parsed) __builtin_trap();
  for (const Token id : plain)
    if (t.vocab().kinds[static_cast<size_t>(id)] == TokenKind::control) __builtin_trap();
  return plain.size();
}

}  // namespace bw::text::testing
