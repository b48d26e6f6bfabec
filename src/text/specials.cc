#include "text/specials.h"

#include <algorithm>
#include <map>

namespace bw::text {

int32_t Specials::child(int32_t node, unsigned char byte) const {
  for (const auto& [b, next] : nodes_[static_cast<size_t>(node)].children)
    if (b == byte) return next;
  return -1;
}

void Specials::add(std::string_view text, int32_t token) {
  if (text.empty()) return;
  starts_[static_cast<unsigned char>(text[0])] = true;
  int32_t node = 0;
  for (const char c : text) {
    int32_t next = child(node, static_cast<unsigned char>(c));
    if (next < 0) {
      next = static_cast<int32_t>(nodes_.size());
      nodes_[static_cast<size_t>(node)].children.emplace_back(static_cast<unsigned char>(c), next);
      nodes_.emplace_back();
    }
    node = next;
  }
  if (nodes_[static_cast<size_t>(node)].token < 0) nodes_[static_cast<size_t>(node)].token = token;
}

std::optional<Specials::Match> Specials::longest(std::string_view text, size_t begin, size_t limit,
                                                 const Meant& meant) const {
  std::optional<Match> found;
  int32_t node = 0;
  for (size_t end = begin; end < limit;) {
    node = child(node, static_cast<unsigned char>(text[end++]));
    if (node < 0) break;
    const int32_t token = nodes_[static_cast<size_t>(node)].token;
    if (token >= 0 && meant(token, begin, end)) found = Match{begin, end, token};
  }
  return found;
}

std::vector<Specials::Match> Specials::find(std::string_view text, const Meant& meant) const {
  // The longest match of each position in a heap. One that a kept one overlaps gives way to the longest of
  // its position that still has room: those between are overlapped too, and stay so, as what is kept only
  // grows.
  const auto after = [](const Match& a, const Match& b) {
    const size_t la = a.end - a.begin, lb = b.end - b.begin;
    if (la != lb) return la < lb;
    return a.token != b.token ? a.token > b.token : a.begin > b.begin;
  };
  std::vector<Match> heap;
  for (size_t begin = 0; begin < text.size(); ++begin) {
    if (!starts_[static_cast<unsigned char>(text[begin])]) continue;
    if (const auto m = longest(text, begin, text.size(), meant)) heap.push_back(*m);
  }
  std::make_heap(heap.begin(), heap.end(), after);
  std::map<size_t, Match> kept;  // by begin
  while (!heap.empty()) {
    std::pop_heap(heap.begin(), heap.end(), after);
    const Match m = heap.back();
    heap.pop_back();
    const auto right = kept.lower_bound(m.begin);
    if (right != kept.begin() && std::prev(right)->second.end > m.begin) continue;
    const size_t limit = right == kept.end() ? text.size() : right->second.begin;
    if (m.end <= limit) {
      kept.emplace(m.begin, m);
    } else if (const auto shorter = longest(text, m.begin, limit, meant)) {
      heap.push_back(*shorter);
      std::push_heap(heap.begin(), heap.end(), after);
    }
  }
  std::vector<Match> out;
  out.reserve(kept.size());
  for (const auto& [begin, m] : kept) out.push_back(m);
  return out;
}

}  // namespace bw::text
