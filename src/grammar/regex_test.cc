// Patterns against PCRE2 (UTF), which searches where we walk an automaton; and what is outside of the subset.
#include "grammar/regex.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <gtest/gtest.h>
#include <pcre2.h>

#include <random>

#include "text/utf8.h"

namespace bw::grammar {
namespace {

struct Pcre {
  pcre2_code* code = nullptr;
  pcre2_match_data* data = nullptr;
  explicit Pcre(const std::string& pattern) {
    int error = 0;
    PCRE2_SIZE at = 0;
    code = pcre2_compile(reinterpret_cast<PCRE2_SPTR>(pattern.data()), pattern.size(),
                         PCRE2_UTF | PCRE2_ALT_BSUX | PCRE2_DOLLAR_ENDONLY | PCRE2_ALLOW_EMPTY_CLASS, &error,
                         &at, nullptr);
    if (code) data = pcre2_match_data_create_from_pattern(code, nullptr);
  }
  ~Pcre() {
    pcre2_match_data_free(data);
    pcre2_code_free(code);
  }
  Pcre(const Pcre&) = delete;
  bool found_in(const std::string& s) const {
    return pcre2_match(code, reinterpret_cast<PCRE2_SPTR>(s.data()), s.size(), 0, 0, data, nullptr) >= 0;
  }
};

class Random {
 public:
  explicit Random(uint64_t seed) : random_(seed) {}
  uint32_t below(uint32_t n) { return uint32_t(random_() % n); }
  std::string pattern(int depth) {
    std::string s = below(3) ? "" : "^";
    s += body(depth);
    return s + (below(3) ? "" : "$");
  }
  std::string subject() {
    static const char* const letters[] = {"a", "b",  "c", "1", "2", "-", " ",
                                          "é", "日", "😀", "_", "A", "x", "\t"};
    std::string s;
    for (uint32_t n = below(8); n > 0; --n) s += letters[below(14)];
    return s;
  }

 private:
  std::string body(int depth) {
    std::string s;
    for (uint32_t n = 1 + below(3); n > 0; --n) s += piece(depth);
    if (depth > 0 && below(4) == 0) s += "|" + body(depth - 1);
    return s;
  }
  std::string piece(int depth) {
    static const char* const atoms[] = {"a",    "b",      "c",      "1",      ".",      "\\d",     "\\w",
                                        "[ab]", "[^a]",   "[a-c1]", "é",      "[é-日]", "\\u00e9", "\\x61",
                                        "\\D",  "[\\d-]", "\\W",    "[^\\w]", "\\-",    "[a\\]]",  "\\s",
                                        "^",    "$",      "[]",     "[^]",    "\\.",    "😀",       "\\S"};
    std::string s = depth > 0 && below(3) == 0 ? std::string(below(2) ? "(" : "(?:") + body(depth - 1) + ")"
                                               : atoms[below(28)];
    if (s == "^" || s == "$" || s == "[]")
      return s;  // PCRE2 makes of [] one of its verbs, which repeat otherwise
    static const char* const repeats[] = {"*", "+", "?", "{2}", "{1,3}", "{2,}", "*?", "+?", "{0}", "{0,2}?"};
    return below(3) ? s : s + repeats[below(10)];
  }
  std::mt19937_64 random_;
};

TEST(Regex, finds_what_pcre2_finds_in_random_patterns_and_strings) {
  Random random(3);
  size_t n_patterns = 0, n_found = 0, n_not = 0;
  for (int i = 0; i < 3000; ++i) {
    const std::string pattern = random.pattern(2);
    const auto d = pattern_dfa(pattern, 2000);
    const Pcre pcre(pattern);
    ASSERT_TRUE(pcre.code) << pattern;
    if (!d) {  // rare: see n_patterns
      ASSERT_NE(d.error().what.find("more than 2000 states"), std::string::npos) << d.error().what;
      continue;
    }
    ++n_patterns;
    for (int k = 0; k < 30; ++k) {
      const std::string s = random.subject();
      ASSERT_EQ(d->accepts(s), pcre.found_in(s)) << "/" << pattern << "/ in \"" << s << "\"";
      ++(d->accepts(s) ? n_found : n_not);
    }
  }
  EXPECT_GT(n_patterns, 2500u);
  EXPECT_GT(n_found, 10000u);
  EXPECT_GT(n_not, 10000u);
}

TEST(Regex, what_is_outside_of_the_subset_is_refused_by_name_and_byte) {
  const auto refused = [](const char* pattern, const char* words) {
    const auto d = pattern_dfa(pattern, 1000);
    EXPECT_FALSE(d) << pattern;
    return !d && d.error().what.find(words) != std::string::npos;
  };
  EXPECT_TRUE(refused("a(?=b)", "byte 3: looking ahead"));
  EXPECT_TRUE(refused("a(?!b)", "looking ahead"));
  EXPECT_TRUE(refused("(?<=a)b", "looking behind"));
  EXPECT_TRUE(refused("(a)\\1", "byte 4: a back reference"));
  EXPECT_TRUE(refused("(?<n>a)\\k<n>", "a back reference"));
  EXPECT_TRUE(refused("\\bword", "a word boundary"));
  EXPECT_TRUE(refused("\\p{L}", "a Unicode property"));
  EXPECT_TRUE(refused("(?i)a", "a modifier"));
  EXPECT_TRUE(refused("a**", "nothing before '*'"));
  EXPECT_TRUE(refused("*", "nothing before '*'"));
  EXPECT_TRUE(refused("(a", "a '(' without its ')'"));
  EXPECT_TRUE(refused("a)", "a ')' without its '('"));
  EXPECT_TRUE(refused("[a", "a '[' without its ']'"));
  EXPECT_TRUE(refused("[b-a]", "a range whose end lies before its beginning"));
  EXPECT_TRUE(refused("a{3,2}", "a count whose end lies before its beginning"));
  EXPECT_TRUE(refused("a{100000}", "a count above"));
  EXPECT_TRUE(refused("\\ud83d", "half of a surrogate pair"));
  EXPECT_TRUE(refused("\\q", "an unknown escape"));
  EXPECT_TRUE(refused("(a|b)*a(a|b){20}", "more than 1000 states"));
  std::string deep;
  for (int i = 0; i < 10000; ++i) deep += "(";
  EXPECT_TRUE(refused(deep.c_str(), "groups nested deeper than"));
  EXPECT_TRUE(pattern_dfa("(?<year>\\d{4})-\\u{1F600}", 1000));
}

TEST(Regex, lengths_count_characters_and_products_are_exact) {
  const CharDfa pairs = *pattern_dfa("^(?:ab)*$", 100);
  const CharDfa d = *of_length(pairs, 3, 6, 100);
  EXPECT_FALSE(d.accepts("ab"));
  EXPECT_TRUE(d.accepts("abab") && d.accepts("ababab"));
  EXPECT_FALSE(d.accepts("abababab"));
  EXPECT_TRUE(of_length(pairs, 3, 3, 100)->empty());  // no pair has three characters
  const CharDfa two = *of_length(any_string(), 2, 2, 100);
  EXPECT_TRUE(two.accepts("😀é"));
  EXPECT_FALSE(two.accepts("😀"));
  const CharDfa contains = *both(*pattern_dfa("a", 100), *pattern_dfa("b", 100), 100);
  EXPECT_TRUE(contains.accepts("xbxax"));
  EXPECT_FALSE(contains.accepts("xbx"));
}

}  // namespace
}  // namespace bw::grammar
