// Prefixes kept between requests: a radix tree over token ids whose nodes are KV pages, so that what two
// requests have in common is computed and kept once. In: sequences and the tokens they hold. Out: pages that
// hold a prefix. Every path from the root is the tokens of whole pages; a leaf may hold fewer than a page,
// the end of a request. The tree holds its pages (engine.h), so they outlive sequences until they are
// evicted, the one used longest ago first. Cf. Zheng et al. 2024 (SGLang's RadixAttention), here by page.
#pragma once
#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <vector>

#include "engine/engine.h"

namespace bw::engine {

inline uint32_t n_common(std::span<const Token> a, std::span<const Token> b) {  // leading tokens
  return uint32_t(std::mismatch(a.begin(), a.end(), b.begin(), b.end()).first - a.begin());
}

class PrefixTree {
 public:
  explicit PrefixTree(Context& context) : context_(context) {}
  ~PrefixTree();
  PrefixTree(const PrefixTree&) = delete;

  struct Match {
    uint32_t n = 0;  // positions
    std::vector<uint32_t> pages;
  };
  // The longest prefix of `tokens` that is kept; counts as use of it.
  Match find(std::span<const Token> tokens);
  // `seq` holds `tokens` from its position 0 on. Its full pages become part of the tree; where the tree has
  // the same tokens already, its page takes the place of the sequence's. With `tail`, also the page that is
  // not full: only for a sequence about to be dropped.
  void insert(int seq, std::span<const Token> tokens, bool tail);

  // Pages that evict() can make free: held by nobody else, nor anything below them.
  uint64_t n_evictable() const { return evictable(root_).n; }
  // Frees n pages, or all it can.
  void evict(uint64_t n);
  uint64_t n_pages() const { return n_pages_; }
  uint64_t n_evicted() const { return n_evicted_; }

 private:
  struct Less {
    using is_transparent = void;
    bool operator()(std::span<const Token> a, std::span<const Token> b) const;
  };
  struct Node;
  using Children = std::map<std::vector<Token>, std::unique_ptr<Node>, Less>;
  struct Node {
    uint32_t page = 0;
    uint64_t used = 0;
    Node* parent = nullptr;
    Children children;          // by the tokens of their pages
    Children::iterator here{};  // in parent->children
  };
  struct Evictable {
    uint64_t n = 0;
    bool all = true;
  };
  Evictable evictable(const Node& node) const;
  bool is_root(const Node& node) const { return &node == &root_; }
  Node& add(Node& parent, std::span<const Token> tokens, uint32_t page);
  void remove(Node& leaf);
  // Removes the child that holds a proper prefix of `tokens`, if any: what comes holds more.
  void remove_shorter(Node& parent, std::span<const Token> tokens);

  Context& context_;
  Node root_;
  uint64_t now_ = 0, n_pages_ = 0, n_evicted_ = 0;
};

}  // namespace bw::engine
