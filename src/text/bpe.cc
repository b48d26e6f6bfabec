#include "text/bpe.h"

#include <algorithm>
#include <queue>
#include <unordered_map>

#include "text/utf8.h"

namespace bw::text {

const std::array<std::string, 256>& byte_alphabet() {
  static const std::array<std::string, 256> table = [] {
    std::array<std::string, 256> t;
    char32_t next = 256;  // bytes that do not print get the code points from U+0100 on, in order
    for (unsigned b = 0; b < 256; ++b) {
      const bool prints = (b >= 0x21 && b <= 0x7E) || (b >= 0xA1 && b <= 0xAC) || b >= 0xAE;
      append_utf8(t[b], prints ? b : next++);
    }
    return t;
  }();
  return table;
}

std::string from_byte_alphabet(std::string_view text) {
  static const std::unordered_map<std::string_view, char> bytes = [] {
    std::unordered_map<std::string_view, char> m;
    for (unsigned b = 0; b < 256; ++b) m.emplace(byte_alphabet()[b], static_cast<char>(b));
    return m;
  }();
  std::string out;
  for (size_t at = 0; at < text.size();) {
    const std::string_view character = text.substr(at, code_point(text, at).n_bytes);
    if (const auto found = bytes.find(character); found != bytes.end())
      out += found->second;
    else
      out += character;
    at += character.size();
  }
  return out;
}

std::string to_byte_alphabet(std::string_view bytes) {
  std::string out;
  for (const char b : bytes) out += byte_alphabet()[static_cast<unsigned char>(b)];
  return out;
}

void Merges::reserve(size_t n) {
  size_t size = 16;
  while (size < 2 * n) size *= 2;
  slots_.assign(size, {});
}

size_t Merges::at(uint64_t pair) const {
  const size_t mask = slots_.size() - 1;
  size_t i = static_cast<size_t>((pair * 0x9E3779B97F4A7C15ull) >> 20) & mask;
  while (slots_[i].pair != empty && slots_[i].pair != pair) i = (i + 1) & mask;
  return i;
}

void Merges::add(int32_t left, int32_t right, int32_t merged) {
  if (slots_.size() < 2 * (static_cast<size_t>(n_) + 1)) {
    std::vector<Slot> old;
    old.swap(slots_);
    reserve(std::max<size_t>(16, old.size()));
    for (const Slot& s : old)
      if (s.pair != empty) slots_[at(s.pair)] = s;
  }
  const uint64_t pair =
      (static_cast<uint64_t>(static_cast<uint32_t>(left)) << 32) | static_cast<uint32_t>(right);
  Slot& slot = slots_[at(pair)];
  if (slot.pair == empty) slot = {pair, n_, merged};
  ++n_;
}

const Merges::Slot* Merges::find(int32_t left, int32_t right) const {
  if ((left | right) < 0 || slots_.empty()) return nullptr;  // a byte that has no token merges with nothing
  const Slot& s =
      slots_[at((static_cast<uint64_t>(static_cast<uint32_t>(left)) << 32) | static_cast<uint32_t>(right))];
  return s.pair == empty ? nullptr : &s;
}

void Merges::apply(std::vector<int32_t>& symbols) const {
  constexpr size_t n_short = 24;  // words; scanning for the lowest rank is faster there than keeping a heap
  symbols.size() <= n_short ? apply_short(symbols) : apply_long(symbols);
}

void Merges::apply_short(std::vector<int32_t>& s) const {
  std::array<const Slot*, 24> pairs{};  // pairs[i]: the merge of s[i] and s[i + 1]
  size_t n = s.size();
  for (size_t i = 0; i + 1 < n; ++i) pairs[i] = find(s[i], s[i + 1]);
  while (n > 1) {
    size_t best = n;
    for (size_t i = 0; i + 1 < n; ++i)
      if (pairs[i] && (best == n || pairs[i]->rank < pairs[best]->rank)) best = i;
    if (best == n) break;
    s[best] = pairs[best]->merged;
    for (size_t i = best + 1; i + 1 < n; ++i) {
      s[i] = s[i + 1];
      pairs[i] = pairs[i + 1];
    }
    --n;
    pairs[best] = best + 1 < n ? find(s[best], s[best + 1]) : nullptr;
    if (best > 0) pairs[best - 1] = find(s[best - 1], s[best]);
  }
  s.resize(n);
}

void Merges::apply_long(std::vector<int32_t>& s) const {
  // A doubly linked list over the symbols; a heap of pairs, checked against the list when they come up.
  struct Link {
    int32_t previous, next;
  };
  struct Pair {
    int32_t rank, left, right, left_id, right_id, merged;
    bool operator<(const Pair& o) const { return rank != o.rank ? rank > o.rank : left > o.left; }
  };
  constexpr int32_t none = -1, gone = -2;
  const auto n = static_cast<int32_t>(s.size());
  std::vector<Link> links(s.size());
  for (int32_t i = 0; i < n; ++i) links[i] = {i - 1, i + 1 < n ? i + 1 : none};
  std::priority_queue<Pair> heap;
  const auto push = [&](int32_t left, int32_t right) {
    if (left < 0 || right < 0) return;
    if (const Slot* m = find(s[left], s[right]))
      heap.push({m->rank, left, right, s[left], s[right], m->merged});
  };
  for (int32_t i = 0; i + 1 < n; ++i) push(i, i + 1);
  while (!heap.empty()) {
    const Pair p = heap.top();
    heap.pop();
    const bool stale = links[p.left].next != p.right || s[p.left] != p.left_id || s[p.right] != p.right_id;
    if (stale) continue;
    s[p.left] = p.merged;
    links[p.left].next = links[p.right].next;
    if (links[p.right].next >= 0) links[links[p.right].next].previous = p.left;
    links[p.right] = {gone, gone};
    push(links[p.left].previous, p.left);
    push(p.left, links[p.left].next);
  }
  size_t n_left = 0;
  for (int32_t i = 0; i != none; i = links[i].next) s[n_left++] = s[i];
  s.resize(n_left);
}

}  // namespace bw::text
