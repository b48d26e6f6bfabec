// A vocabulary as a trie of its tokens' bytes, in the order of a walk that goes down first: what does not fit
// is passed over in one step. In: a tokenizer. Out: nodes; which tokens end a generation.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "text/tokenizer.h"

namespace bw::grammar {

using text::Token;

struct Trie {
  struct Node {
    uint32_t end = 0;    // the node behind this one's descendants
    uint16_t depth = 0;  // bytes from the root, 1 for its children (the root itself is no node)
    uint8_t byte = 0;
    bool has_token = false;
  };
  std::vector<Node> nodes;
  // Tokens whose bytes end at node i: tokens[first[i]] up to first[i + 1] (several may be spelled alike).
  std::vector<uint32_t> first;
  std::vector<Token> tokens;
  uint32_t n_most = 0;  // bytes of the longest

  // Tokens of text: not those that control, are unknown, unused or end a generation, nor, where the
  // tokenizer's reader drops a space after a token matched whole, user-defined ones: there the bytes of two
  // tokens are not those of one after the other.
  static Trie of(const text::Tokenizer& tokenizer);
};

}  // namespace bw::grammar
