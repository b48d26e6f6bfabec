// What is shown of an output: never a byte of a stop string, never a token before its text. The oracle cuts
// the whole text by string search.
#include "backend/output_text.h"

#include <gtest/gtest.h>

#include <random>

#include "backend/testing.h"
#include "gguf/vocab.h"

namespace bw::backend {
namespace {
using text::Token;
using text::Tokenizer;

// Bytes as tokens, and some of several bytes, so that stop strings and characters lie across tokens.
Tokenizer bytes_and_words() {
  text::Vocab v;
  v.model = "llama";
  v.tokens = {"<unk>", "<s>", "</s>"};
  v.kinds = {text::TokenKind::unknown, text::TokenKind::control, text::TokenKind::control};
  for (int b = 0; b < 256; ++b) {
    char name[8];
    std::snprintf(name, sizeof name, "<0x%02X>", b);
    v.tokens.push_back(name);
    v.kinds.push_back(text::TokenKind::byte);
  }
  for (const char* word : {"ab", "ba", "aab", "x", "\xE2\x82\xAC", "a\xE2\x82\xAC"}) {
    v.tokens.push_back(word);
    v.kinds.push_back(text::TokenKind::normal);
  }
  v.scores.assign(v.tokens.size(), 0);
  v.unk = 0;
  v.bos = 1;
  v.eos = 2;
  auto t = Tokenizer::make(std::move(v));
  EXPECT_TRUE(t) << t.error().what;
  return *std::move(t);
}

struct Shown {
  std::string text;
  std::vector<std::string> tokens;
  bool stopped = false;
};
Shown show(const Tokenizer& t, const std::vector<Token>& tokens, const std::vector<std::string>& stop) {
  OutputText out(t, 1, *engine::StopStrings::make(stop), true);
  Shown all;
  const auto add = [&](const OutputText::Shown& s) {
    all.text += s.text;
    for (const TokenText& token : s.tokens) all.tokens.push_back(token.text);
  };
  for (const Token token : tokens) {
    engine::LogProbs p{{token, -1.0}, {}};
    add(out.push(token, &p));
    if (out.stopped()) break;
  }
  add(out.finish());
  all.stopped = out.stopped();
  return all;
}

TEST(OutputText, random_outputs_show_what_lies_before_the_first_stop_string_and_the_tokens_of_that) {
  const Tokenizer t = bytes_and_words();
  std::mt19937_64 random(20261124);
  const std::string stops[] = {"ab", "aba", "\xE2\x82\xAC", "b", "xx", "ba\xE2\x82\xAC", "aaaa"};
  const Token alphabet[] = {Token(3 + 'a'),
                            Token(3 + 'b'),
                            Token(3 + 0xE2),
                            Token(3 + 0x82),
                            Token(3 + 0xAC),
                            259,
                            260,
                            261,
                            262,
                            263,
                            264};
  size_t n_stopped = 0;
  for (int round = 0; round < 4000; ++round) {
    std::vector<std::string> stop;
    for (size_t i = random() % 3; i > 0; --i) stop.push_back(stops[random() % std::size(stops)]);
    std::vector<Token> tokens(random() % 12);
    for (Token& token : tokens) token = alphabet[random() % std::size(alphabet)];
    const Shown shown = show(t, tokens, stop);
    const std::string whole = t.decode(tokens);
    size_t cut = whole.size();
    // The stop string that is complete first; of several that end there, the longest.
    for (size_t end = 1; end <= whole.size() && cut == whole.size(); ++end)
      for (const std::string& s : stop)
        if (end >= s.size() && whole.compare(end - s.size(), s.size(), s) == 0)
          cut = std::min(cut, end - s.size());
    ASSERT_EQ(shown.text, whole.substr(0, cut));
    size_t at = 0, n = 0;
    for (const Token token : tokens) {
      const std::string piece = t.piece(token);
      if (at >= cut) break;
      ASSERT_LT(n, shown.tokens.size());
      ASSERT_EQ(shown.tokens[n], piece);
      at += piece.size();
      ++n;
    }
    ASSERT_EQ(shown.tokens.size(), n);
    n_stopped += shown.stopped;
  }
  EXPECT_GT(n_stopped, 1000u);
}

TEST(OutputText, a_token_is_not_told_while_its_text_may_be_part_of_a_stop_string) {
  const Tokenizer t = bytes_and_words();
  OutputText out(t, 1, *engine::StopStrings::make({"\xE2\x82\xAC!"}), true);
  const auto push = [&](int byte) {
    engine::LogProbs p{{Token(3 + byte), -1.0}, {}};
    return out.push(Token(3 + byte), &p);
  };
  for (const int byte : {0xE2, 0x82, 0xAC}) {
    const auto s = push(byte);
    EXPECT_EQ(s.text, "");
    EXPECT_TRUE(s.tokens.empty());
  }
  const auto s = push('?');
  EXPECT_EQ(s.text, "\xE2\x82\xAC?");
  EXPECT_EQ(s.tokens.size(), 4u);
}

TEST(OutputText, without_log_probabilities_no_token_is_kept) {
  const Tokenizer t = bytes_and_words();
  OutputText out(t, 1, *engine::StopStrings::make({}), false);
  EXPECT_EQ(out.push(261, nullptr).text, "aab");
  EXPECT_TRUE(out.push(261, nullptr).tokens.empty());
}

}  // namespace
}  // namespace bw::backend
