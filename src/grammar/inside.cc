// One walk over the whole trie.
#include "grammar/inside.h"

#include <algorithm>

namespace bw::grammar {

Inside::Inside(const Trie& trie, const Dfa& dfa, size_t n_words) : all_(n_words) {
  struct State {
    int32_t state = 0;
    uint32_t n = 0;
  };
  std::vector<State> states(size_t(trie.n_most) + 1);
  std::string bytes;
  for (uint32_t i = 0; i < trie.nodes.size();) {
    const Trie::Node& node = trie.nodes[i];
    const State from = states[node.depth - 1u];
    const int32_t to = dfa.step(from.state, node.byte);
    if (to < 0 || dfa.ends[size_t(to)]) {
      if (to >= 0) quotes_.push_back({i, from.n, bytes.substr(0, node.depth - 1u)});
      i = node.end;
      continue;
    }
    bytes.resize(node.depth - 1u);
    bytes.push_back(char(node.byte));
    const State here = states[node.depth] = {to, from.n + (from.state == 0)};
    if (here.n >= by_size_.size()) by_size_.resize(here.n + 1);
    for (uint32_t t = trie.first[i]; t < trie.first[i + 1]; ++t) {
      const auto token = size_t(trie.tokens[t]);
      by_size_[here.n].push_back(trie.tokens[t]);
      all_[token / 64] |= uint64_t(1) << (token % 64);
    }
    ++i;
  }
}

void Inside::stay(uint32_t n_most, std::vector<uint64_t>& mask) const {
  // From whichever side there are fewer to touch; the short ones are few.
  if (n_most < std::min<size_t>(4, by_size_.size())) {
    for (size_t n = 0; n <= n_most; ++n)
      for (const Token t : by_size_[n]) mask[size_t(t) / 64] |= uint64_t(1) << (t % 64);
    return;
  }
  for (size_t w = 0; w < mask.size(); ++w) mask[w] |= all_[w];
  for (size_t n = size_t(n_most) + 1; n < by_size_.size(); ++n)
    for (const Token t : by_size_[n]) mask[size_t(t) / 64] &= ~(uint64_t(1) << (t % 64));
}

}  // namespace bw::grammar
