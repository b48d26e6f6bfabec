// Where two answers differ, in words. In: two texts. Out: their pieces, each common or only in this one.
// Source: E. W. Myers 1986, "An O(ND) difference algorithm and its variations", Algorithmica 1:251-266.
#pragma once
#include <cstddef>
#include <string_view>
#include <vector>

namespace bw::review {

struct Piece {
  size_t begin = 0, end = 0;  // bytes
  bool differs = false;
};
struct Diff {
  std::vector<Piece> a, b;  // cover their text in order, without gaps
  bool coarse = false;      // too far apart to follow: all between the common beginning and end differs
};
// A word is a run of letters, digits and _ (any byte above 127 counts as a letter), a run of white space, or
// one other byte.
Diff diff(std::string_view a, std::string_view b);

}  // namespace bw::review
