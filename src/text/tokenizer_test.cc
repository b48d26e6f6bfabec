// Small vocabularies made here: what make() refuses, order of merges, special tokens, marks, hostile lengths.
// Ids of whole real vocabularies are checked in src/gguf/tokenizer_test.cc.
#include "text/tokenizer.h"

#include <gtest/gtest.h>

#include <ctime>
#include <nlohmann/json.hpp>
#include <random>
#include <sstream>

#include "base/file.h"
#include "text/bpe.h"
#include "text/pretokenizer.h"

namespace bw::text {
namespace {

using Ids = std::vector<Token>;

// 256 byte tokens, then "ab" (256), "abc" (257), "aa" (258), "aaaa" (259), then control and user-defined
// ones.
Vocab small(std::string pre = "gpt-2") {
  Vocab v;
  v.model = "gpt2";
  v.pre = std::move(pre);
  for (const std::string& s : byte_alphabet()) v.tokens.push_back(s);
  for (const char* s : {"ab", "abc", "aa", "aaaa"}) v.tokens.emplace_back(s);
  v.kinds.assign(v.tokens.size(), TokenKind::normal);
  v.merges = {"a b", "ab c", "a a", "aa aa"};
  for (const char* s : {"<|im_end|>", "<|im|>", "<|im_end|><|x|>"}) {
    v.tokens.emplace_back(s);
    v.kinds.push_back(TokenKind::control);
  }
  v.tokens.emplace_back("<tool>");
  v.kinds.push_back(TokenKind::user_defined);
  v.tokens.emplace_back("<spare>");
  v.kinds.push_back(TokenKind::unused);
  return v;
}
constexpr Token im_end = 260, im = 261, long_control = 262, tool = 263;

Tokenizer made(Vocab v) {
  auto t = Tokenizer::make(std::move(v));
  EXPECT_TRUE(t) << (t ? "" : t.error().what);
  return std::move(*t);
}
std::string refused(Vocab v) {
  auto t = Tokenizer::make(std::move(v));
  return t ? "" : t.error().what + " " + t.error().next;
}

TEST(Tokenizer, merges_by_rank_then_from_the_left) {
  const Tokenizer t = made(small());
  EXPECT_EQ(t.encode("abc"), Ids{257});
  EXPECT_EQ(t.encode("aab"), (Ids{'a', 256}));  // "a b" ranks before "a a"
  EXPECT_EQ(t.encode("aaa"), (Ids{258, 'a'}));  // leftmost of two equal pairs
  EXPECT_EQ(t.encode("aaaaaa"), (Ids{259, 258}));
  EXPECT_EQ(t.encode(""), Ids{});
}

// Oracle: the textbook loop on strings (Sennrich et al. 2016, algorithm 1), which knows no ids and no heap.
TEST(Tokenizer, short_and_long_pieces_merge_as_the_textbook_loop_does) {
  std::mt19937 rng(1);
  for (int round = 0; round < 300; ++round) {
    Vocab v = small();
    std::vector<std::pair<std::string, std::string>> rules;
    v.tokens.resize(256);
    v.kinds.clear();
    v.merges.clear();
    std::vector<std::string> parts = {"a", "b", "c"};
    while (rules.size() < 12) {
      const std::string l = parts[rng() % parts.size()], r = parts[rng() % parts.size()];
      if (std::find(rules.begin(), rules.end(), std::pair(l, r)) != rules.end()) continue;
      rules.emplace_back(l, r);
      v.merges.push_back(l + " " + r);
      if (std::find(v.tokens.begin(), v.tokens.end(), l + r) == v.tokens.end()) {
        v.tokens.push_back(l + r);
        parts.push_back(l + r);
      }
    }
    const Tokenizer t = made(v);
    for (const size_t n : {size_t{3}, size_t{23}, size_t{24}, size_t{25}, size_t{200}}) {
      std::string word;
      while (word.size() < n) word += "abc"[rng() % 3];
      std::vector<std::string> symbols;
      for (const char c : word) symbols.emplace_back(1, c);
      while (true) {
        size_t best_rule = rules.size();
        for (size_t i = 0; i + 1 < symbols.size(); ++i)
          for (size_t k = 0; k < best_rule; ++k)
            if (rules[k] == std::pair(symbols[i], symbols[i + 1])) best_rule = k;
        if (best_rule == rules.size()) break;
        std::vector<std::string> next;  // all of this rule, from the left
        for (size_t i = 0; i < symbols.size(); ++i) {
          if (i + 1 < symbols.size() && rules[best_rule] == std::pair(symbols[i], symbols[i + 1]))
            next.push_back(symbols[i] + symbols[i + 1]), ++i;
          else
            next.push_back(symbols[i]);
        }
        symbols = next;
      }
      std::vector<std::string> got;
      for (const Token id : t.encode(word)) got.push_back(t.piece(id));
      EXPECT_EQ(got, symbols) << word;
    }
  }
}

TEST(Tokenizer, control_tokens_in_text_stay_text_unless_parsing_is_asked) {
  const Tokenizer t = made(small());
  const std::string text = "a<|im_end|>b";
  EXPECT_EQ(t.encode(text, Tokenizer::Special::parse), (Ids{'a', im_end, 'b'}));
  const Ids plain = t.encode(text);
  for (const Token id : plain) EXPECT_LT(id, 260);
  EXPECT_EQ(t.decode(plain), text);
  EXPECT_EQ(t.decode(t.encode(text, Tokenizer::Special::parse)), "ab");
  EXPECT_EQ(t.decode(t.encode(text, Tokenizer::Special::parse), true), text);
}

TEST(Tokenizer, longer_special_tokens_win_and_user_defined_ones_match_always) {
  const Tokenizer t = made(small());
  EXPECT_EQ(t.encode("<|im_end|><|x|><|im|>", Tokenizer::Special::parse), (Ids{long_control, im}));
  EXPECT_EQ(t.encode("a<tool>b"), (Ids{'a', tool, 'b'}));
  EXPECT_EQ(t.decode(Ids{tool}), "<tool>");
  EXPECT_EQ(t.encode("<spare>", Tokenizer::Special::parse).size(), 7u);  // unused: plain bytes
}

TEST(Tokenizer, a_control_token_counts_only_where_every_byte_of_it_is_trusted) {
  const Tokenizer t = made(small());
  const std::string text = "<|im_end|>ab<|im_end|>c";
  using Range = std::pair<size_t, size_t>;
  const Ids both = {im_end, 256, im_end, 'c'};
  EXPECT_EQ(t.encode_marked(text, std::vector<Range>{{0, text.size()}}), both);
  EXPECT_EQ(t.encode_marked(text, std::vector<Range>{}), t.encode(text));
  EXPECT_EQ(t.encode_marked(text, std::vector<Range>{{0, 10}})[0], im_end);
  EXPECT_EQ(t.encode_marked(text, std::vector<Range>{{0, 9}}), t.encode(text));
  EXPECT_EQ(t.encode_marked(text, std::vector<Range>{{1, 23}}),
            t.encode_marked(text, std::vector<Range>{{12, 22}}));
  EXPECT_EQ(t.encode_marked("abc", std::vector<Range>{{0, 1}, {2, 3}}), Ids{257});  // edges do not cut text
}

TEST(Tokenizer, invalid_utf8_passes_through_unharmed) {
  const Tokenizer t = made(small());
  for (const std::string& text :
       {std::string("a\xFF\xFE b"), std::string("\xE6\x97"), std::string("\xC0\x80x"),
        std::string("\xED\xA0\x80"), std::string("a\0b", 3)})
    EXPECT_EQ(t.decode(t.encode(text)), text);
}

TEST(Tokenizer, a_byte_without_a_token_gives_none) {
  Vocab v = small();
  v.tokens['z'] = "replaced";
  EXPECT_EQ(made(v).encode("azb"), (Ids{'a', 'b'}));
  EXPECT_EQ(made(v).bytes_without_token("azbzz"), 3u);
  EXPECT_EQ(made(v).bytes_without_token("ab"), 0u);
}

TEST(Tokenizer, llama3_takes_a_piece_that_is_a_token_whole) {
  Vocab v = small("llama-bpe");
  v.tokens.emplace_back("bbb");  // no merge leads there
  v.kinds.push_back(TokenKind::normal);
  const Token whole = static_cast<Token>(v.tokens.size() - 1);
  EXPECT_EQ(made(v).encode("bbb"), Ids{whole});
  v.kinds.back() = TokenKind::control;  // but never a control token
  EXPECT_EQ(made(v).encode("bbb"), (Ids{'b', 'b', 'b'}));
  v.kinds.back() = TokenKind::normal;
  v.pre = "qwen2";
  EXPECT_EQ(made(v).encode("bbb"), (Ids{'b', 'b', 'b'}));
}

TEST(Tokenizer, make_refuses_what_it_cannot_stand_by_and_says_which_entry) {
  const auto with = [](auto change) {
    Vocab v = small();
    change(v);
    return refused(v);
  };
  const auto has = [](const std::string& what, const std::string& part) {
    return what.find(part) != std::string::npos;
  };
  std::string e = with([](Vocab& v) { v.model = "rwkv"; });
  EXPECT_TRUE(has(e, "rwkv") && has(e, "gpt2") && has(e, "llama")) << e;
  e = with([](Vocab& v) { v.pre = "bloom"; });
  EXPECT_TRUE(has(e, "bloom") && has(e, "known: gpt-2, phi-2") && has(e, "llama-bpe, llama3")) << e;
  for (const char* pre : {"", "default"}) {
    e = with([&](Vocab& v) { v.pre = pre; });
    EXPECT_TRUE(has(e, "does not say how its model cuts text")) << e;
  }
  e = with([](Vocab& v) { v.tokens.clear(), v.kinds.clear(); });
  EXPECT_TRUE(has(e, "at least one")) << e;
  e = with([](Vocab& v) { v.kinds.pop_back(); });
  EXPECT_TRUE(has(e, "expected 265") && has(e, "found 264")) << e;
  e = with([](Vocab& v) { v.kinds[3] = static_cast<TokenKind>(9); });
  EXPECT_TRUE(has(e, "token_type[3]")) << e;
  e = with([](Vocab& v) { v.tokens[5].clear(); });
  EXPECT_TRUE(has(e, "tokens[5]")) << e;
  e = with([](Vocab& v) { v.tokens[258] = "ab"; });
  EXPECT_TRUE(has(e, "tokens[258]") && has(e, "256")) << e;
  for (const char* merge : {"a", "", "a ", " a", "a zz", "zz a", "b a"}) {
    e = with([&](Vocab& v) { v.merges.insert(v.merges.begin() + 1, merge); });
    EXPECT_TRUE(has(e, "merges[1]")) << merge << ": " << e;
  }
  e = with([](Vocab& v) { v.kinds[257] = TokenKind::control; });
  EXPECT_TRUE(has(e, "merges[1]") && has(e, "control token")) << e;
  e = with([](Vocab& v) { v.kinds['a'] = TokenKind::control; });
  EXPECT_TRUE(has(e, "tokens[97]") && has(e, "control token")) << e;
  e = with([](Vocab& v) { v.eos = 265; });
  EXPECT_TRUE(has(e, "eos_token_id")) << e;
  e = with([](Vocab& v) { v.bos = -2; });
  EXPECT_TRUE(has(e, "bos_token_id")) << e;
  e = with([](Vocab& v) { v.add_bos = true; });
  EXPECT_TRUE(has(e, "add_bos")) << e;
  e = with([](Vocab& v) { v.tokens = {"hello"}, v.kinds.clear(), v.merges.clear(); });
  EXPECT_TRUE(has(e, "single byte")) << e;
}

TEST(Tokenizer, bos_comes_only_where_declared_and_asked) {
  Vocab v = small();
  v.bos = im;
  EXPECT_EQ(made(v).encode("a", Tokenizer::Special::as_text, Tokenizer::Bos::as_declared), Ids{'a'});
  v.add_bos = true;
  EXPECT_EQ(made(v).encode("a", Tokenizer::Special::as_text, Tokenizer::Bos::as_declared), (Ids{im, 'a'}));
  EXPECT_EQ(made(v).encode("a"), Ids{'a'});
}

TEST(Tokenizer, generation_ends_at_eos_eot_and_known_control_tokens_only) {
  Vocab v = small();
  v.eos = 'x';
  v.eot = 'y';
  const Tokenizer t = made(v);
  for (Token id = -2; id < static_cast<Token>(v.tokens.size()) + 2; ++id)
    EXPECT_EQ(t.ends_generation(id), id == 'x' || id == 'y' || id == im_end) << id;
  v.kinds[im_end] = TokenKind::normal;
  EXPECT_FALSE(made(v).ends_generation(im_end));
  for (const char* s : {"<|eom_id|>", "<|end_of_text|>", "<|return|>", "<|call|>", "<end_of_turn>"}) {
    v.tokens.emplace_back(s);
    v.kinds.push_back(TokenKind::control);
    EXPECT_TRUE(made(v).ends_generation(static_cast<Token>(v.tokens.size() - 1))) << s;
  }
}

TEST(Tokenizer, the_digest_changes_with_every_part_that_changes_meaning) {
  const std::string base = made(small()).digest();
  EXPECT_EQ(base, made(small()).digest());
  Vocab v = small();
  v.pre = "qwen2";
  EXPECT_NE(made(v).digest(), base);
  v = small();
  std::swap(v.merges[0], v.merges[2]);
  EXPECT_NE(made(v).digest(), base);
  v = small();
  std::swap(v.tokens[256], v.tokens[257]);
  EXPECT_NE(made(v).digest(), base);
  v = small();
  v.kinds[im] = TokenKind::normal;
  EXPECT_NE(made(v).digest(), base);
}

TEST(Tokenizer, long_words_cost_no_quadratic_time) {
  const Tokenizer t = made(small());
  const auto seconds = [&](const std::string& text) {
    const std::clock_t start = std::clock();  // of this process: other work on the machine does not count
    EXPECT_EQ(t.decode(t.encode(text, Tokenizer::Special::parse), true), text);
    return static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
  };
  // Quadratic merging of 4 MiB would take hours; the bound only has to tell it from n log n on a busy
  // machine.
  EXPECT_LT(seconds(std::string(4 << 20, 'a')), 20);
  EXPECT_LT(seconds(std::string(1 << 20, ' ') + "x"), 20);
  EXPECT_LT(seconds(std::string(1 << 20, '\n')), 20);
  EXPECT_LT(seconds(std::string(1 << 20, '<')), 20);
  std::string controls;
  while (controls.size() < (1 << 20)) controls += "<|im_end|>";
  EXPECT_LT(seconds(controls), 20);
}

TEST(PreTokenizer, pieces_cover_every_byte_for_every_known_name) {
  std::mt19937 rng(2);
  for (const char* name :
       {"gpt-2", "llama-bpe", "qwen2", "smollm", "dbrx", "qwen35", "tekken", "gpt-4o", "deepseek-v3"}) {
    auto pre = PreTokenizer::make(name);
    ASSERT_TRUE(pre);
    for (int round = 0; round < 2000; ++round) {
      std::string text;
      for (size_t n = rng() % 40; n-- > 0;)
        text += static_cast<char>(rng() % 3 ? " \n\r\t'sdE1a"[rng() % 10] : rng());
      std::string joined;
      for (const std::string_view piece : pre->split(text)) {
        EXPECT_FALSE(piece.empty());
        joined += piece;
      }
      EXPECT_EQ(joined, text);
    }
  }
}

// Oracle: Hugging Face's tokenizers on the regexes published (data/vectors/tokenizer/README.md).
TEST(PreTokenizer, cuts_stand_where_the_published_regexes_put_them) {
  const auto file =
      read_text(std::string(BITWORTH_SOURCE_DIR) + "/data/vectors/tokenizer/pretokenizer_goldens.jsonl");
  ASSERT_TRUE(file);
  std::istringstream in(*file);
  size_t n = 0;
  for (std::string line; std::getline(in, line);) {
    const auto row = nlohmann::json::parse(line);
    const auto text = row.at("text").get<std::string>();
    for (const char* name : {"qwen35", "tekken", "gpt-4o", "deepseek-v3"}) {
      auto pre = PreTokenizer::make(name);
      ASSERT_TRUE(pre);
      std::vector<size_t> lengths;
      for (const std::string_view piece : pre->split(text)) lengths.push_back(piece.size());
      EXPECT_EQ(lengths, row.at(name).get<std::vector<size_t>>()) << name << ": " << text;
      ++n;
    }
  }
  EXPECT_GT(n, 1700u);
}

TEST(PreTokenizer, models_that_cut_alike_share_a_row_and_names_are_whole_words) {
  for (const char* name : {"phi-2", "llama3", "pixtral", "deepseek-r1-qwen", "starcoder", "llama4", "dbrx"})
    EXPECT_TRUE(PreTokenizer::make(name)) << name;
  for (const char* name : {"gpt", "2", " ", "gpt-2 phi-2", "llama", "bloom"})
    EXPECT_FALSE(PreTokenizer::make(name)) << name;
  EXPECT_TRUE(PreTokenizer::make("tekken")->whole_words() && PreTokenizer::make("llama3")->whole_words());
  EXPECT_FALSE(PreTokenizer::make("dbrx")->whole_words() || PreTokenizer::make("gpt-4o")->whole_words());
  EXPECT_TRUE(PreTokenizer::begins_with_bos("tekken") && PreTokenizer::begins_with_bos("lfm2"));
  EXPECT_FALSE(PreTokenizer::begins_with_bos("qwen2") || PreTokenizer::begins_with_bos("") ||
               PreTokenizer::begins_with_bos("nosuch"));
}

TEST(PreTokenizer, digits_group_as_each_family_publishes) {
  const auto pieces = [](const char* name, const char* text) {
    auto pre = PreTokenizer::make(name);
    std::string out;
    for (const std::string_view p : pre->split(text)) out += (out.empty() ? "" : "|") + std::string(p);
    return out;
  };
  EXPECT_EQ(pieces("gpt-2", "x 12345"), "x| 12345");
  EXPECT_EQ(pieces("llama-bpe", "x 12345"), "x| |123|45");
  EXPECT_EQ(pieces("qwen2", "x 123"), "x| |1|2|3");
  EXPECT_EQ(pieces("smollm", "x 123"), "x| |1|2|3");
  EXPECT_EQ(pieces("qwen2", "IT'S"), "IT|'S");
  EXPECT_EQ(pieces("gpt-2", "IT'S"), "IT|'|S");
}

}  // namespace
}  // namespace bw::text
