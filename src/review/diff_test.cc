#include "review/diff.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>

namespace bw::review {
namespace {

std::string marked(std::string_view text, const std::vector<Piece>& pieces) {
  std::string out;
  for (const Piece& p : pieces) {
    const std::string s(text.substr(p.begin, p.end - p.begin));
    out += p.differs ? "[" + s + "]" : s;
  }
  return out;
}

TEST(Diff, marks_the_words_that_only_one_side_has) {
  const std::string a = "book a table in Rome for two", b = "book one table in Rome for two people";
  const Diff d = diff(a, b);
  EXPECT_EQ(marked(a, d.a), "book [a] table in Rome for two");
  EXPECT_EQ(marked(b, d.b), "book [one] table in Rome for two[ people]");
}

TEST(Diff, equal_texts_and_empty_ones) {
  EXPECT_EQ(marked("same", diff("same", "same").a), "same");
  EXPECT_EQ(marked("x", diff("x", "").a), "[x]");
  EXPECT_TRUE(diff("", "").a.empty());
}

TEST(Diff, letters_beyond_ascii_are_never_cut) {
  const std::string a = "città è", b = "città é";
  EXPECT_EQ(marked(a, diff(a, b).a), "città [è]");
}

// Longest common subsequence by the textbook table: Myers keeps exactly as many words.
int lcs(const std::vector<char>& a, const std::vector<char>& b) {
  std::vector<std::vector<int>> t(a.size() + 1, std::vector<int>(b.size() + 1));
  for (size_t i = 1; i <= a.size(); ++i)
    for (size_t j = 1; j <= b.size(); ++j)
      t[i][j] = a[i - 1] == b[j - 1] ? t[i - 1][j - 1] + 1 : std::max(t[i - 1][j], t[i][j - 1]);
  return t[a.size()][b.size()];
}
TEST(Diff, keeps_a_longest_common_subsequence_and_covers_both_texts) {
  std::mt19937 random(7);
  for (int round = 0; round < 2000; ++round) {
    std::vector<char> words[2];
    for (auto& side : words)
      for (uint32_t n = random() % 14; n > 0; --n) side.push_back("(),;"[random() % 4]);
    const std::string a(words[0].begin(), words[0].end()), b(words[1].begin(), words[1].end());
    SCOPED_TRACE(a + " | " + b);
    const Diff d = diff(a, b);
    std::string same_a, same_b;
    size_t at = 0;
    for (const Piece& p : d.a) {
      ASSERT_EQ(p.begin, at);
      at = p.end;
      if (!p.differs) same_a += a.substr(p.begin, p.end - p.begin);
    }
    ASSERT_EQ(at, a.size());
    for (const Piece& p : d.b)
      if (!p.differs) same_b += b.substr(p.begin, p.end - p.begin);
    ASSERT_EQ(same_a, same_b);
    ASSERT_EQ(int(same_a.size()), lcs(words[0], words[1]));
  }
}

TEST(Diff, a_megabyte_that_differs_everywhere_is_said_to_be_too_far_apart) {
  std::string a, b;
  for (int i = 0; i < 150'000; ++i) {
    a += "a" + std::to_string(i) + " ";
    b += "b" + std::to_string(i) + " ";
  }
  const Diff d = diff("same " + a, "same " + b);
  EXPECT_TRUE(d.coarse);
  ASSERT_EQ(d.a.size(), 3u);
  EXPECT_FALSE(d.a[0].differs);
  EXPECT_TRUE(d.a[1].differs);
}

}  // namespace
}  // namespace bw::review
