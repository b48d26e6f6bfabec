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

std::vector<Specials::Match> Specials::find(std::string_view text,
                                            const std::function<bool(int32_t, size_t, size_t)>& meant) const {
  std::vector<Match> all;
  for (size_t begin = 0; begin < text.size(); ++begin) {
    if (!starts_[static_cast<unsigned char>(text[begin])]) continue;
    int32_t node = 0;
    for (size_t end = begin; end < text.size();) {
      node = child(node, static_cast<unsigned char>(text[end++]));
      if (node < 0) break;
      const int32_t token = nodes_[static_cast<size_t>(node)].token;
      if (token >= 0 && meant(token, begin, end)) all.push_back({begin, end, token});
    }
  }
  std::sort(all.begin(), all.end(), [](const Match& a, const Match& b) {
    const size_t la = a.end - a.begin, lb = b.end - b.begin;
    if (la != lb) return la > lb;
    return a.token != b.token ? a.token < b.token : a.begin < b.begin;
  });
  std::map<size_t, Match> kept;  // by begin
  for (const Match& m : all) {
    const auto after = kept.lower_bound(m.begin);
    const bool free_right = after == kept.end() || after->second.begin >= m.end;
    const bool free_left = after == kept.begin() || std::prev(after)->second.end <= m.begin;
    if (free_right && free_left) kept.emplace(m.begin, m);
  }
  std::vector<Match> out;
  for (const auto& [begin, m] : kept) out.push_back(m);
  return out;
}

}  // namespace bw::text
