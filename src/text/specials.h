// Tokens that are matched as whole texts before anything else: control, unknown and user-defined ones.
// In: their texts. Out: where they stand in a text, without overlaps, longest first.
#pragma once
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>
#include <vector>

namespace bw::text {

class Specials {
 public:
  struct Match {
    size_t begin = 0, end = 0;
    int32_t token = 0;
  };
  // `text` is not empty. Where two have the same text the later one is ignored.
  void add(std::string_view text, int32_t token);
  // Matches in order of position. Of overlapping ones the longer stays, then the lower id, then the left one.
  // `meant(token, begin, end)` says whether a candidate counts at all.
  // Cost: O(n log n) for n bytes, times the longest special text.
  using Meant = std::function<bool(int32_t token, size_t begin, size_t end)>;
  std::vector<Match> find(std::string_view text, const Meant& meant) const;

 private:
  struct Node {
    std::vector<std::pair<unsigned char, int32_t>> children;
    int32_t token = -1;
  };
  // The longest that counts, from `begin`, not past `limit`.
  std::optional<Match> longest(std::string_view text, size_t begin, size_t limit, const Meant& meant) const;
  int32_t child(int32_t node, unsigned char byte) const;
  std::vector<Node> nodes_ = std::vector<Node>(1);  // a trie; 0 is its root
  std::vector<bool> starts_ = std::vector<bool>(256, false);
};

}  // namespace bw::text
