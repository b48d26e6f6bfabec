#include "engine/prefix_tree.h"

#include <algorithm>
#include <queue>

namespace bw::engine {
bool PrefixTree::Less::operator()(std::span<const Token> a, std::span<const Token> b) const {
  return std::lexicographical_compare(a.begin(), a.end(), b.begin(), b.end());
}

PrefixTree::~PrefixTree() {
  const auto release = [&](const auto& self, const Node& node) -> void {
    for (const auto& [tokens, child] : node.children) {
      context_.release_page(child->page);
      self(self, *child);
    }
  };
  release(release, root_);
}

PrefixTree::Match PrefixTree::find(std::span<const Token> tokens) {
  Match m;
  Node* at = &root_;
  ++now_;
  for (;;) {
    const std::span<const Token> block =
        tokens.subspan(m.n).first(std::min<size_t>(page_positions, tokens.size() - m.n));
    if (block.empty()) return m;
    // In the order of their tokens, the child with most in common stands next to where `block` would.
    auto best = at->children.end();
    uint32_t n = 0;
    const auto above = at->children.lower_bound(block);
    const auto consider = [&](Children::iterator i) {
      const uint32_t c = n_common(block, i->first);
      if (c > n) {
        n = c;
        best = i;
      }
    };
    if (above != at->children.end()) consider(above);
    if (above != at->children.begin()) consider(std::prev(above));
    if (n == 0) return m;
    at = best->second.get();
    at->used = now_;
    m.n += n;
    m.pages.push_back(at->page);
    if (n < page_positions) return m;
  }
}

void PrefixTree::insert(int seq, std::span<const Token> tokens, bool tail) {
  Node* at = &root_;
  ++now_;
  for (size_t i = 0; i * page_positions < tokens.size(); ++i) {
    const std::span<const Token> rest = tokens.subspan(i * page_positions);
    const std::span<const Token> block = rest.first(std::min<size_t>(page_positions, rest.size()));
    const bool full = block.size() == page_positions;
    if (!full && !tail) return;
    const auto child = at->children.lower_bound(block);
    // Of a full page only itself begins with it; of another, whatever holds more serves as well.
    if (child != at->children.end() && n_common(block, child->first) == block.size()) {
      child->second->used = now_;
      if (!full) return;
      if (context_.pages(seq)[i] != child->second->page) context_.replace_page(seq, i, child->second->page);
      at = child->second.get();
      continue;
    }
    remove_shorter(*at, block);
    at = &add(*at, block, context_.pages(seq)[i]);
  }
}

PrefixTree::Node& PrefixTree::add(Node& parent, std::span<const Token> tokens, uint32_t page) {
  context_.hold_page(page);
  ++n_pages_;
  auto node = std::make_unique<Node>();
  node->page = page;
  node->used = now_;
  node->parent = &parent;
  const auto at =
      parent.children.emplace(std::vector<Token>(tokens.begin(), tokens.end()), std::move(node)).first;
  at->second->here = at;
  return *at->second;
}

void PrefixTree::remove(Node& leaf) {
  context_.release_page(leaf.page);
  --n_pages_;
  leaf.parent->children.erase(leaf.here);
}

void PrefixTree::remove_shorter(Node& parent, std::span<const Token> tokens) {
  auto i = parent.children.lower_bound(tokens);
  if (i == parent.children.begin()) return;
  --i;  // a prefix of `tokens` stands right before them: what lies between would begin with it too
  if (i->first.size() < tokens.size() && n_common(i->first, tokens) == i->first.size()) remove(*i->second);
}

PrefixTree::Evictable PrefixTree::evictable(const Node& node) const {
  Evictable e;
  for (const auto& [tokens, child] : node.children) {
    const Evictable c = evictable(*child);
    e.n += c.n;
    e.all &= c.all;
  }
  if (is_root(node)) return e;
  e.all &= context_.page_holders(node.page) == 1;
  e.n += e.all;
  return e;
}

void PrefixTree::evict(uint64_t n) {
  const auto later = [](const Node* a, const Node* b) { return a->used > b->used; };
  std::priority_queue<Node*, std::vector<Node*>, decltype(later)> leaves(later);
  const auto offer = [&](Node& node) {
    if (!is_root(node) && node.children.empty() && context_.page_holders(node.page) == 1) leaves.push(&node);
  };
  const auto gather = [&](const auto& self, Node& node) -> void {
    offer(node);
    for (const auto& [tokens, child] : node.children) self(self, *child);
  };
  gather(gather, root_);
  for (; n > 0 && !leaves.empty(); --n) {
    Node* const leaf = leaves.top();
    leaves.pop();
    Node* const parent = leaf->parent;
    remove(*leaf);
    ++n_evicted_;
    offer(*parent);
  }
}

}  // namespace bw::engine
