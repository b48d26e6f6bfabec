// SentencePiece on small vocabularies: order of merging, bytes, spaces, marks, refusals, long texts.
// Ids of whole real vocabularies are checked in src/gguf/tokenizer_test.cc.
#include "text/spm.h"

#include <gtest/gtest.h>

#include <ctime>
#include <map>
#include <nlohmann/json.hpp>
#include <random>

#include "base/file.h"
#include "text/text_stream.h"
#include "text/tokenizer.h"

namespace bw::text {
namespace {

using Ids = std::vector<Token>;
using Special = Tokenizer::Special;

// <unk> 0, <s> 1, </s> 2, 256 byte tokens from 3, then the pieces.
struct Draft {
  Vocab v;
  Draft() {
    v.model = "llama";
    v.add_space_prefix = true;
    add("<unk>", 0, TokenKind::unknown);
    add("<s>", 0, TokenKind::control);
    add("</s>", 0, TokenKind::control);
    for (int b = 0; b < 256; ++b) {
      char text[8];
      std::snprintf(text, sizeof text, "<0x%02X>", b);
      add(text, 0, TokenKind::byte);
    }
    v.bos = 1, v.eos = 2, v.unk = 0;
    add("\u2581", -1);
  }
  Token add(const std::string& text, float score, TokenKind kind = TokenKind::normal) {
    v.tokens.push_back(text);
    v.scores.push_back(score);
    v.kinds.push_back(kind);
    return static_cast<Token>(v.tokens.size() - 1);
  }
};
constexpr Token byte_0 = 3, space = 259;
Token byte(unsigned char b) {
  return byte_0 + b;
}

Tokenizer made(Vocab v) {
  auto t = Tokenizer::make(std::move(v));
  EXPECT_TRUE(t) << (t ? "" : t.error().what);
  return std::move(*t);
}

TEST(Spm, merges_by_score_then_from_the_left) {
  Draft d;
  d.v.add_space_prefix = false;
  const Token a = d.add("a", -9), b = d.add("b", -9), aa = d.add("aa", -3), aab = d.add("aab", -1);
  d.add("ab", -2);
  EXPECT_EQ(made(d.v).encode("aab"), Ids{aab});
  EXPECT_EQ(made(d.v).encode("aaab"), (Ids{a, aab}));  // "ab" first, then "aab" before "aa"
  EXPECT_EQ(made(d.v).encode("aaa"), (Ids{aa, a}));
  EXPECT_EQ(made(d.v).encode("ba"), (Ids{b, a}));
  EXPECT_EQ(made(d.v).encode(""), Ids{});
}

// Oracle: SentencePiece itself (data/vectors/tokenizer/README.md), on a vocabulary with unused pieces, equal
// scores and pieces that spell control and byte tokens.
TEST(Spm, a_small_vocabulary_with_unused_pieces_encodes_as_sentencepiece_does) {
  const auto file = read_text(std::string(BITWORTH_SOURCE_DIR) + "/data/vectors/tokenizer/spm_small.json");
  ASSERT_TRUE(file);
  const auto j = nlohmann::json::parse(*file);
  Vocab v;
  v.model = "llama";
  v.add_space_prefix = true;
  v.unk = 0;
  for (const auto& p : j.at("pieces")) {
    v.tokens.push_back(p[0]);
    v.scores.push_back(p[1]);
    v.kinds.push_back(static_cast<TokenKind>(p[2].get<int>()));
  }
  const Tokenizer t = made(v);
  size_t n = 0;
  for (const auto& c : j.at("cases")) {
    EXPECT_EQ(t.encode(c[0].get<std::string>()), c[1].get<Ids>()) << c[0];
    EXPECT_EQ(t.decode_text(c[1].get<Ids>()), c[0].get<std::string>());
    ++n;
  }
  EXPECT_EQ(n, 300u);
}

// Oracle: the textbook loop, which looks at every pair each time.
TEST(Spm, long_texts_merge_as_the_textbook_loop_does) {
  std::mt19937 rng(1);
  for (int round = 0; round < 100; ++round) {
    Draft d;
    d.v.add_space_prefix = false;
    std::vector<std::string> parts = {"a", "b", "\u00e9"};
    std::map<std::string, float> scores;
    for (const std::string& s : parts) scores[s] = -50;
    while (parts.size() < 20) {
      const std::string s = parts[rng() % parts.size()] + parts[rng() % parts.size()];
      if (scores.emplace(s, -static_cast<float>(rng() % 12)).second) parts.push_back(s);
    }
    for (const auto& [s, score] : scores) d.add(s, score);
    const Tokenizer t = made(d.v);
    std::vector<std::string> symbols;
    std::string text;
    for (size_t n = rng() % 200; n-- > 0;) text += symbols.emplace_back(parts[rng() % 3]);
    while (true) {
      size_t best = symbols.size();
      for (size_t i = 0; i + 1 < symbols.size(); ++i) {
        const auto found = scores.find(symbols[i] + symbols[i + 1]);
        if (found == scores.end()) continue;
        if (best == symbols.size() || found->second > scores[symbols[best] + symbols[best + 1]]) best = i;
      }
      if (best == symbols.size()) break;
      symbols[best] += symbols[best + 1];
      symbols.erase(symbols.begin() + static_cast<long>(best) + 1);
    }
    std::vector<std::string> got;
    for (const Token id : t.encode(text)) got.push_back(t.piece(id));
    EXPECT_EQ(got, symbols) << text;
  }
}

TEST(Spm, characters_without_a_piece_become_their_bytes_and_come_back) {
  Draft d;
  d.v.add_space_prefix = false;
  const Token a = d.add("a", -1);
  const Tokenizer t = made(d.v);
  EXPECT_EQ(t.encode("a\u00e9"), (Ids{a, byte(0xC3), byte(0xA9)}));
  for (const std::string& text :
       {std::string("a\xFF\xFE b"), std::string("\xE6\x97"), std::string("\xC0\x80x"),
        std::string("\xED\xA0\x80"), std::string("a\0b", 3), std::string("\xF0\x9F\x98")}) {
    EXPECT_EQ(t.decode(t.encode(text)), text);
    EXPECT_EQ(t.encode(text).size(), text.size());  // an ill-formed byte hides no character after it
  }
}

TEST(Spm, without_byte_tokens_a_strange_character_is_the_unknown_token_once) {
  Draft d;
  for (TokenKind& k : d.v.kinds)
    if (k == TokenKind::byte) k = TokenKind::unused;
  EXPECT_EQ(made(d.v).encode("\u00e9"), (Ids{space, 0}));
  d.v.unk = -1;
  const auto refused = Tokenizer::make(d.v);
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().what.find("none stands for byte 0"), std::string::npos) << refused.error().what;
}

TEST(Spm, an_unused_piece_stands_where_nothing_else_spells_it) {
  Draft d;
  const Token a = d.add("a", -1, TokenKind::unused);
  const Tokenizer t = made(d.v);
  EXPECT_EQ(t.encode("a"), (Ids{space, a}));
  EXPECT_EQ(t.decode_text(Ids{space, a}), "a");
}

TEST(Spm, a_space_comes_before_a_text_and_after_whole_tokens_and_goes_when_it_is_read) {
  Draft d;
  const Token a = d.add("a", -3), space_a = d.add("\u2581a", -2),
              tool = d.add("<tool>", 0, TokenKind::user_defined);
  const Tokenizer t = made(d.v);
  EXPECT_EQ(t.encode("a"), Ids{space_a});
  EXPECT_EQ(t.encode(""), Ids{});
  EXPECT_EQ(t.encode(" a"), (Ids{space, space_a}));
  EXPECT_EQ(t.encode("a<tool>a a", Special::as_text), (Ids{space_a, tool, space_a, space_a}));
  EXPECT_EQ(t.encode("<s>a</s>", Special::parse), (Ids{1, space_a, 2}));
  EXPECT_EQ(t.encode("aa"), (Ids{space_a, a}));
  for (const std::string text : {"a", " a", "a<tool>a a", "<tool>  a ", " ", "<s>a</s> <s>"}) {
    EXPECT_EQ(t.decode_text(t.encode(text, Special::parse), true), text);
    EXPECT_EQ(t.decode_text(t.encode(text), true), text);
  }
  EXPECT_EQ(t.decode(t.encode("a")), " a");  // decode() is the pieces, nothing less
  d.v.add_space_prefix = false;
  EXPECT_EQ(made(d.v).encode("a<s>a", Special::parse), (Ids{a, 1, a}));
  EXPECT_EQ(made(d.v).decode_text(Ids{space_a}), " a");
}

TEST(Spm, bos_comes_only_where_declared_and_asked_and_eos_never) {
  Draft d;
  d.v.add_bos = d.v.add_eos = true;
  const Tokenizer t = made(d.v);
  EXPECT_EQ(t.encode("", Special::as_text, Tokenizer::Bos::as_declared), Ids{1});
  EXPECT_EQ(t.encode(" ", Special::as_text, Tokenizer::Bos::as_declared), (Ids{1, space, space}));
  EXPECT_EQ(t.encode(" "), (Ids{space, space}));
}

TEST(Spm, white_space_after_tokens_that_say_so_is_dropped) {
  Draft d;
  const Token user = d.add("<|user|>", 0, TokenKind::control), a = d.add("a", -3);
  d.v.add_space_prefix = false;
  d.v.strips_right = {user};
  const Tokenizer t = made(d.v);
  EXPECT_EQ(t.encode("<|user|> \n\t\r\v\fa", Special::parse), (Ids{user, a}));
  EXPECT_EQ(t.encode("<|user|> \n<|user|>\n", Special::parse), (Ids{user, user}));
  EXPECT_EQ(t.encode("<s> a", Special::parse), (Ids{1, space, a}));
  EXPECT_EQ(t.encode("<|user|>\u00a0", Special::parse), (Ids{user, byte(0xC2), byte(0xA0)}));  // ASCII only
}

TEST(Spm, a_text_that_spells_control_or_byte_tokens_stays_text) {
  Draft d;
  d.v.add_space_prefix = false;
  for (const char* s : {"<", "s", ">", "s>", "<0", "<0x", "<0x0", "<0x0A", "0", "x", "A", "</", "</s"})
    d.add(s, -1);
  const Tokenizer t = made(d.v);
  for (const std::string text : {"<s>", "</s>", "<unk>", "<0x0A>", "a<s></s>"}) {
    const Ids ids = t.encode(text);
    for (const Token id : ids) EXPECT_NE(t.kind(id), TokenKind::control) << text;
    EXPECT_EQ(std::count(ids.begin(), ids.end(), byte(0x0A)), 0) << text;
    EXPECT_EQ(t.decode(ids), text);
    EXPECT_EQ(t.encode_marked(text, {}), ids);
  }
  using Range = std::pair<size_t, size_t>;
  EXPECT_EQ(t.encode_marked("<s><s>", std::vector<Range>{{0, 3}})[0], 1);
  EXPECT_NE(t.encode_marked("<s><s>", std::vector<Range>{{0, 3}})[1], 1);
  EXPECT_NE(t.encode_marked("<s>", std::vector<Range>{{0, 2}})[0], 1);
}

TEST(Spm, make_refuses_what_it_cannot_stand_by_and_says_which_entry) {
  const auto with = [](auto change) {
    Draft d;
    change(d.v);
    const auto t = Tokenizer::make(d.v);
    return t ? std::string("made") : t.error().what;
  };
  const auto has = [](const std::string& what, const char* part) {
    return what.find(part) != std::string::npos;
  };
  EXPECT_TRUE(has(with([](Vocab& v) { v.scores.pop_back(); }), "tokenizer.ggml.scores: expected 260"));
  EXPECT_TRUE(has(with([](Vocab& v) { v.scores[7] = NAN; }), "scores[7]"));
  EXPECT_TRUE(has(with([](Vocab& v) { v.kinds.clear(); }), "token_type"));
  EXPECT_TRUE(has(with([](Vocab& v) { v.tokens[4] = "<0x0G>"; }), "tokens[4]"));
  EXPECT_TRUE(has(with([](Vocab& v) { v.tokens[4] = "<0x0>>"; }), "tokens[4]"));
  EXPECT_TRUE(has(with([](Vocab& v) { v.unk = -1, v.tokens[4] = "<0x00>"; }), "is also token 3"));
  EXPECT_TRUE(has(with([](Vocab& v) { v.strips_right = {300}; }), "strips_right"));
  EXPECT_EQ(with([](Vocab&) {}), "made");
}

TEST(Spm, the_digest_changes_with_scores_and_spaces) {
  Draft d;
  const std::string base = made(d.v).digest();
  Draft other = d;
  other.v.scores[200] = -1;
  EXPECT_NE(made(other.v).digest(), base);
  other = d;
  other.v.add_space_prefix = false;
  EXPECT_NE(made(other.v).digest(), base);
  other = d;
  other.v.strips_right = {1};
  EXPECT_NE(made(other.v).digest(), base);
}

TEST(Spm, long_texts_cost_no_quadratic_time_or_memory) {
  Draft d;
  std::string run = "aa";
  for (float score = -1; run.size() < 64; run += run) d.add(run, score--);
  for (size_t n = 1; n <= 31; ++n) d.add(std::string(n, '\n'), 0, TokenKind::user_defined);
  const Tokenizer t = made(d.v);
  const auto seconds = [&](const std::string& text) {
    const std::clock_t start = std::clock();  // of this process: other work on the machine does not count
    EXPECT_EQ(t.decode_text(t.encode(text)), text);
    return static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
  };
  // Quadratic merging of 1 MiB would take hours; the bound only has to tell it from n log n on a busy
  // machine.
  EXPECT_LT(seconds(std::string(1 << 20, 'a')), 20);
  EXPECT_LT(seconds(std::string(1 << 20, ' ')), 20);
  EXPECT_LT(seconds(std::string(1 << 20, '\n')), 20);
  EXPECT_LT(seconds(std::string(1 << 20, '\xFF')), 20);
}

TEST(TextStream, shows_whole_characters_as_soon_as_they_are_whole) {
  Draft d;
  const Token hi = d.add("\u2581hi", -1);
  const Tokenizer t = made(d.v);
  TextStream s(t, 1);
  EXPECT_EQ(s.push(hi), "hi");   // after <s> the space is not the text's
  EXPECT_EQ(s.push(hi), " hi");  // after other text it is
  EXPECT_EQ(s.push(byte(0xF0)), "");
  EXPECT_EQ(s.push(byte(0x9F)), "");
  EXPECT_EQ(s.push(byte(0x98)), "");
  EXPECT_EQ(s.push(byte(0x80)), "\xF0\x9F\x98\x80");
  EXPECT_EQ(s.push(byte(0xE6)), "");
  EXPECT_EQ(s.push(hi), "\xE6 hi");  // cut by what follows: out it goes
  EXPECT_EQ(s.push(2), "");
  EXPECT_EQ(s.push(byte(0xE6)), "");
  EXPECT_EQ(s.push(byte(0x97)), "");
  EXPECT_EQ(s.finish(), "\xE6\x97");
  EXPECT_EQ(s.finish(), "");
  EXPECT_EQ(TextStream(t, hi).push(hi), " hi");
  EXPECT_EQ(TextStream(t, -1).push(hi), "hi");
}

// Oracle: every beginning of every character is kept, every byte that can begin none is not.
TEST(TextStream, keeps_back_exactly_what_can_still_become_a_character) {
  Draft d;
  const Tokenizer t = made(d.v);
  for (char32_t c :
       {U'\u0080', U'\u07FF', U'\u0800', U'\u0FFF', U'\uD7FF', U'\uE000', U'\uFFFF', U'\U00010000',
        U'\U0003FFFF', U'\U00040000', U'\U000FFFFF', U'\U00100000', U'\U0010FFFF'}) {
    std::string text;
    if (c < 0x800) {
      text = {static_cast<char>(0xC0 | (c >> 6)), static_cast<char>(0x80 | (c & 0x3F))};
    } else if (c < 0x10000) {
      text = {static_cast<char>(0xE0 | (c >> 12)), static_cast<char>(0x80 | ((c >> 6) & 0x3F)),
              static_cast<char>(0x80 | (c & 0x3F))};
    } else {
      text = {static_cast<char>(0xF0 | (c >> 18)), static_cast<char>(0x80 | ((c >> 12) & 0x3F)),
              static_cast<char>(0x80 | ((c >> 6) & 0x3F)), static_cast<char>(0x80 | (c & 0x3F))};
    }
    TextStream s(t, 5);
    for (size_t i = 0; i + 1 < text.size(); ++i)
      EXPECT_EQ(s.push(byte(static_cast<unsigned char>(text[i]))), "") << unsigned(c);
    EXPECT_EQ(s.push(byte(static_cast<unsigned char>(text.back()))), text) << unsigned(c);
  }
  for (const std::string never :
       {"\x80", "\xC0", "\xC1", "\xF5", "\xFF", "\xE0\x80", "\xE0\x9F", "\xED\xA0", "\xF0\x8F", "\xF4\x90"}) {
    TextStream s(t, 5);
    std::string shown;
    for (const char b : never) shown += s.push(byte(static_cast<unsigned char>(b)));
    EXPECT_EQ(shown, never);
  }
}

}  // namespace
}  // namespace bw::text
