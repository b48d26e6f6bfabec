// Sorted by bytes, tokens stand in the order of the walk.
#include "grammar/trie.h"

#include <algorithm>

namespace bw::grammar {

Trie Trie::of(const text::Tokenizer& tokenizer) {
  struct Spelled {
    std::string bytes;
    Token token;
  };
  std::vector<Spelled> all;
  for (Token t = 0; size_t(t) < tokenizer.size(); ++t) {
    const text::TokenKind kind = tokenizer.kind(t);
    const bool says_text = kind == text::TokenKind::normal || kind == text::TokenKind::byte ||
                           (kind == text::TokenKind::user_defined && !tokenizer.vocab().add_space_prefix);
    if (!says_text || tokenizer.ends_generation(t)) continue;
    std::string bytes = tokenizer.piece(t, false);
    if (bytes.empty() || bytes.size() > 0xFFFF) continue;
    all.push_back({std::move(bytes), t});
  }
  std::sort(all.begin(), all.end(), [](const Spelled& a, const Spelled& b) {
    return a.bytes != b.bytes ? a.bytes < b.bytes : a.token < b.token;
  });
  Trie trie;
  std::vector<uint32_t> open;  // nodes on the way to the last one
  const auto close = [&](size_t depth) {
    for (; open.size() > depth; open.pop_back()) trie.nodes[open.back()].end = uint32_t(trie.nodes.size());
  };
  std::string_view before;
  for (const Spelled& s : all) {
    const auto [in_s, in_before] =
        std::mismatch(s.bytes.begin(), s.bytes.end(), before.begin(), before.end());
    const auto common = size_t(in_s - s.bytes.begin());
    close(common);
    for (size_t i = common; i < s.bytes.size(); ++i) {
      open.push_back(uint32_t(trie.nodes.size()));
      trie.nodes.push_back({0, uint16_t(i + 1), uint8_t(s.bytes[i]), false});
      trie.first.push_back(uint32_t(trie.tokens.size()));
    }
    // Of those spelled alike the second finds its node there.
    trie.tokens.push_back(s.token);
    trie.nodes.back().has_token = true;
    trie.n_most = std::max(trie.n_most, uint32_t(s.bytes.size()));
    before = s.bytes;
  }
  close(0);
  trie.first.push_back(uint32_t(trie.tokens.size()));
  return trie;
}

}  // namespace bw::grammar
