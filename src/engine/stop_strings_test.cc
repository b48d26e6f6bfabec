// StopStrings against std::string::find on the whole text, however the text is cut into pieces.
#include "engine/stop_strings.h"

#include <gtest/gtest.h>

#include <random>

#include "text/utf8.h"

namespace bw::engine {
namespace {

StopStrings stops(std::vector<std::string> stop) {
  auto s = StopStrings::make(std::move(stop));
  EXPECT_TRUE(s) << s.error().what;
  return std::move(*s);
}

// The definition: the smallest end of any occurrence, then the longest.
std::pair<std::string, int> plain(const std::string& text, const std::vector<std::string>& stop) {
  size_t end = std::string::npos, length = 0;
  int which = -1;
  for (size_t i = 0; i < stop.size(); ++i) {
    const size_t at = text.find(stop[i]);
    if (at == std::string::npos) continue;
    const size_t e = at + stop[i].size();
    if (e < end || (e == end && stop[i].size() > length)) {
      end = e;
      length = stop[i].size();
      which = int(i);
    }
  }
  return {which < 0 ? text : text.substr(0, end - length), which};
}

TEST(StopStrings, gives_the_text_before_the_first_complete_stop_string_however_it_is_cut) {
  std::mt19937 random(4);
  int n_stopped = 0;
  for (int round = 0; round < 20000; ++round) {
    const auto word = [&](size_t n) {
      std::string s;
      for (size_t i = 0; i < n; ++i)
        s += std::vector<std::string>{"a", "b", "é", "€", "🦀"}[random() % (round % 2 ? 2 : 5)];
      return s;
    };
    std::vector<std::string> stop(random() % 4);
    for (std::string& s : stop) s = word(1 + random() % 5);
    const std::string text = word(random() % 20);
    const auto [want, which] = plain(text, stop);
    StopStrings s = stops(stop);
    std::string got;
    for (size_t at = 0; at < text.size();) {
      size_t n = 0;  // whole characters
      for (size_t k = 1 + random() % 3; k > 0 && at + n < text.size(); --k)
        n += text::code_point(text, at + n).n_bytes;
      const std::string out = s.push(text.substr(at, n));
      at += n;
      // Never half a character, never more than may be shown in the end.
      ASSERT_EQ(text::find_invalid_utf8(out), std::string::npos);
      got += out;
      ASSERT_EQ(want.substr(0, got.size()), got);
    }
    EXPECT_EQ(s.which(), which);
    n_stopped += s.stopped();
    if (s.stopped()) {
      EXPECT_EQ(s.push("more"), "");
      EXPECT_EQ(s.n_held(), 0u);
    }
    got += s.finish();
    ASSERT_EQ(got, want) << text;
  }
  EXPECT_GT(n_stopped, 4000);
  EXPECT_LT(n_stopped, 16000);
}

TEST(StopStrings, holds_back_no_more_than_it_must) {
  StopStrings s = stops({"\n\nUser:", "END"});
  EXPECT_EQ(s.push("Hello"), "Hello");
  EXPECT_EQ(s.push("\n"), "");
  EXPECT_EQ(s.push("\n\nUse"), "\n");
  EXPECT_EQ(s.n_held(), 5u);
  EXPECT_EQ(s.push("ful E"), "\n\nUseful ");
  EXPECT_EQ(s.push("N"), "");
  EXPECT_EQ(s.finish(), "EN");
}

TEST(StopStrings, refuses_stop_strings_that_mean_nothing) {
  EXPECT_NE(StopStrings::make({"a", ""}).error().what.find("stop string 1: is empty"), std::string::npos);
  EXPECT_NE(StopStrings::make({"a\xC3"}).error().what.find("stop string 0: byte 1"), std::string::npos);
}

}  // namespace
}  // namespace bw::engine
