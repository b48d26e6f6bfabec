#include "review/diff.h"

#include <algorithm>
#include <cstdint>
#include <string>
#include <unordered_map>

namespace bw::review {
namespace {

// Edits followed at most: the trace takes 4 bytes x this squared, and steps x words are bounded beside it.
constexpr int64_t kMaxEdits = 1000;
constexpr int64_t kMaxSteps = 20'000'000;

int kind(char c) {
  const auto u = static_cast<unsigned char>(c);
  if (u >= 0x80 || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_')
    return 0;
  return c == ' ' || c == '\n' || c == '\t' || c == '\r' ? 1 : 2;
}

struct Word {
  size_t begin, end;
  int id;  // equal words, equal ids
};
using Ids = std::unordered_map<std::string_view, int>;

std::vector<Word> words(std::string_view text, Ids& ids) {
  std::vector<Word> out;
  for (size_t i = 0; i < text.size();) {
    const size_t begin = i;
    const int k = kind(text[i++]);
    while (k != 2 && i < text.size() && kind(text[i]) == k) ++i;
    const auto id = ids.emplace(text.substr(begin, i - begin), int(ids.size())).first->second;
    out.push_back({begin, i, id});
  }
  return out;
}

// Which words of a[0..n) and b[0..m) are common; false: more than kMaxEdits edits apart.
bool common(const Word* a, int64_t n, const Word* b, int64_t m, std::vector<bool>& in_a,
            std::vector<bool>& in_b) {
  const int64_t most = std::min({n + m, kMaxEdits, kMaxSteps / (n + m + 1)});
  std::vector<int32_t> v(size_t(2 * most + 2), 0);  // furthest x on diagonal k, at k + most
  std::vector<std::vector<int32_t>> trace;          // of each d: v on its diagonals before it, -d .. d
  const auto at = [&](int64_t k) -> int32_t& { return v[size_t(k + most)]; };
  for (int64_t d = 0; d <= most; ++d) {
    trace.emplace_back(v.begin() + (most - d), v.begin() + (most + d + 1));
    for (int64_t k = -d; k <= d; k += 2) {
      int64_t x = k == -d || (k != d && at(k - 1) < at(k + 1)) ? (d == 0 ? 0 : at(k + 1)) : at(k - 1) + 1;
      while (x < n && x - k < m && a[x].id == b[x - k].id) ++x;
      at(k) = int32_t(x);
      if (x < n || x - k < m) continue;
      // Back along the way that led here.
      int64_t y = x - k, diagonal = k;
      for (int64_t step = d; step > 0; --step) {
        const std::vector<int32_t>& before = trace[size_t(step)];
        const auto old = [&](int64_t q) { return int64_t(before[size_t(q + step)]); };
        const bool down = diagonal == -step || (diagonal != step && old(diagonal - 1) < old(diagonal + 1));
        const int64_t from = down ? diagonal + 1 : diagonal - 1, from_x = old(from), from_y = from_x - from;
        while (x > from_x && y > from_y) {
          in_a[size_t(--x)] = true;
          in_b[size_t(--y)] = true;
        }
        x = from_x;
        y = from_y;
        diagonal = from;
      }
      while (x > 0 && y > 0) {
        in_a[size_t(--x)] = true;
        in_b[size_t(--y)] = true;
      }
      return true;
    }
  }
  return false;
}

std::vector<Piece> pieces(const std::vector<Word>& words, const std::vector<bool>& same) {
  std::vector<Piece> out;
  for (size_t i = 0; i < words.size(); ++i)
    if (!out.empty() && out.back().differs == !same[i])
      out.back().end = words[i].end;
    else
      out.push_back({words[i].begin, words[i].end, !same[i]});
  return out;
}

}  // namespace

Diff diff(std::string_view ta, std::string_view tb) {
  Ids ids;
  const std::vector<Word> a = words(ta, ids), b = words(tb, ids);
  size_t front = 0, back = 0;
  const size_t least = std::min(a.size(), b.size());
  while (front < least && a[front].id == b[front].id) ++front;
  while (back < least - front && a[a.size() - 1 - back].id == b[b.size() - 1 - back].id) ++back;
  std::vector<bool> in_a(a.size(), false), in_b(b.size(), false);
  std::fill(in_a.begin(), in_a.begin() + int64_t(front), true);
  std::fill(in_b.begin(), in_b.begin() + int64_t(front), true);
  std::fill(in_a.end() - int64_t(back), in_a.end(), true);
  std::fill(in_b.end() - int64_t(back), in_b.end(), true);
  const size_t n = a.size() - front - back, m = b.size() - front - back;
  std::vector<bool> mid_a(n, false), mid_b(m, false);
  Diff out;
  if (n > 0 && m > 0) {
    out.coarse = !common(a.data() + front, int64_t(n), b.data() + front, int64_t(m), mid_a, mid_b);
    std::copy(mid_a.begin(), mid_a.end(), in_a.begin() + int64_t(front));
    std::copy(mid_b.begin(), mid_b.end(), in_b.begin() + int64_t(front));
  }
  out.a = pieces(a, in_a);
  out.b = pieces(b, in_b);
  return out;
}

}  // namespace bw::review
