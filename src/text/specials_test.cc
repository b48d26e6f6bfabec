// Which of overlapping special tokens stays. Oracle: the rule itself, one token after the other over the text
// that is still free, as the runtimes that serve these vocabularies cut it.
#include "text/specials.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>

namespace bw::text {
namespace {

using Found = std::vector<std::pair<size_t, int32_t>>;  // begin, token

Found of(const std::vector<Specials::Match>& matches) {
  Found out;
  for (const auto& m : matches) out.emplace_back(m.begin, m.token);
  return out;
}

TEST(Specials, overlapping_ones_stay_as_if_the_text_were_cut_token_by_token) {
  std::mt19937 rng(5);
  size_t n_overlaps = 0;
  for (int round = 0; round < 3000; ++round) {
    std::vector<std::string> tokens;
    Specials s;
    for (size_t n = 1 + rng() % 8; tokens.size() < n;) {
      std::string t;
      for (size_t k = 1 + rng() % 5; k-- > 0;) t += "ab\n"[rng() % 3];
      if (std::find(tokens.begin(), tokens.end(), t) != tokens.end()) continue;
      s.add(t, static_cast<int32_t>(tokens.size()));
      tokens.push_back(t);
    }
    std::string text;
    for (size_t n = rng() % 40; n-- > 0;) text += "ab\n"[rng() % 3];
    // Some candidates do not count, which lets shorter ones through.
    const auto meant = [&](int32_t token, size_t begin, size_t) {
      return (static_cast<size_t>(token) * 7 + begin * 3 + static_cast<size_t>(round)) % 5 != 0;
    };
    std::vector<size_t> order(tokens.size());
    for (size_t i = 0; i < order.size(); ++i) order[i] = i;
    std::stable_sort(order.begin(), order.end(),
                     [&](size_t a, size_t b) { return tokens[a].size() > tokens[b].size(); });
    std::vector<bool> taken(text.size(), false);
    Found want;
    for (const size_t i : order)
      for (size_t at = 0; at + tokens[i].size() <= text.size(); ++at) {
        if (text.compare(at, tokens[i].size(), tokens[i]) != 0) continue;
        if (!meant(static_cast<int32_t>(i), at, at + tokens[i].size())) continue;
        const auto from = taken.begin() + static_cast<long>(at),
                   to = from + static_cast<long>(tokens[i].size());
        if (std::find(from, to, true) != to) {
          ++n_overlaps;
          continue;
        }
        std::fill(from, to, true);
        want.emplace_back(at, static_cast<int32_t>(i));
      }
    std::sort(want.begin(), want.end());
    EXPECT_EQ(of(s.find(text, meant)), want) << text;
  }
  EXPECT_GT(n_overlaps, 3'000u);
}

}  // namespace
}  // namespace bw::text
