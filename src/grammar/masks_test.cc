// Masks against the definition: a token is allowed where its bytes, after what was read, begin a sentence;
// tried token by token, without a trie, a cache or a shortcut. And walks over masks at random against two
// validators that know nothing of grammars: valijson and Python's jsonschema.
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>
#define VALIJSON_USE_EXCEPTIONS 1
#include <valijson/adapters/nlohmann_json_adapter.hpp>
#include <valijson/schema.hpp>
#include <valijson/schema_parser.hpp>
#include <valijson/validator.hpp>

#include "base/file.h"
#include "grammar/automaton.h"
#include "grammar/compile.h"
#include "grammar/testing.h"

namespace bw::grammar {
namespace {
using text::Token;
using text::Tokenizer;

Tokenizer tokenizer_of(uint64_t seed, size_t n) {
  std::mt19937_64 random(seed);
  auto t = Tokenizer::make(testing::json_vocab(random, n));
  EXPECT_TRUE(t) << t.error().what;
  return *std::move(t);
}

// The definition, with the one exception that docs/json-schema.md makes: a token may not both begin and end a
// name that is not declared. no_name_from says so to the automaton, which is stepped here from the start.
std::vector<bool> by_definition(const Program& program, const Tokenizer& t, const std::string& text) {
  Automaton a(program);
  Stacks stacks{a.start()};
  for (const char c : text) {
    a.text.push_back(c);
    a.read(stacks);
  }
  std::vector<bool> allowed(t.size());
  for (Token token = 0; size_t(token) < t.size(); ++token) {
    if (t.ends_generation(token)) {
      allowed[size_t(token)] =
          std::any_of(stacks.begin(), stacks.end(), [&](const Frame* s) { return a.complete(s); });
      continue;
    }
    const size_t n_text = a.text.size(), n_used = a.used.size(), mark = a.frames.mark();
    a.no_name_from = n_text;
    Stacks after = stacks;
    const std::string piece = t.piece(token, false);
    for (const char c : piece) {
      a.text.push_back(c);
      a.read(after);
    }
    allowed[size_t(token)] = !piece.empty() && !after.empty();
    a.text.resize(n_text);
    a.used.resize(n_used);
    a.frames.release(mark);
  }
  return allowed;
}

TEST(Masks, equal_the_definition_on_every_token_of_random_schemas) {
  const Tokenizer t = tokenizer_of(1, 1500);
  Masks masks(t, 64u << 10);  // so small that masks go and come again
  std::mt19937_64 random(2);
  size_t n_schemas = 0, n_masks = 0;
  for (int i = 0; i < 300; ++i) {
    const std::string schema = testing::RandomSchema(testing::choose_by(random)).text();
    const auto g = Grammar::from_schema(schema);
    if (!g) continue;
    ++n_schemas;
    const Program program = *compile(schema, {});
    for (int k = 0; k < 2; ++k) {
      const auto compare = [&](const std::string& text, engine::TokenMask mask) {
        if (random() % 4) return;
        ++n_masks;
        const std::vector<bool> want = by_definition(program, t, text);
        for (Token token = 0; size_t(token) < t.size(); ++token)
          ASSERT_EQ(engine::allows(mask, token), want[size_t(token)])
              << schema << "\nafter " << text << "\ntoken " << t.piece(token, true);
      };
      testing::walk(masks, *g, t, testing::choose_by(random), 60, compare);
      if (HasFatalFailure()) return;
    }
  }
  EXPECT_GT(n_schemas, 100u);
  EXPECT_GT(n_masks, 1000u);
  EXPECT_GT(masks.stats().n_hits, 1000u);
  EXPECT_GT(masks.stats().n_evicted, 100u);
}

TEST(Masks, of_names_used_are_kept_by_the_names_not_by_how_many_or_how_long) {
  text::Vocab v;
  v.model = "gpt2";
  v.pre = "gpt-2";
  for (const std::string& b : text::byte_alphabet()) v.tokens.push_back(b);
  v.tokens.insert(v.tokens.end(), {"ab\"", "cd\"", "b\":", "ab", "<|im_end|>"});
  v.kinds.assign(v.tokens.size(), text::TokenKind::normal);
  v.kinds.back() = text::TokenKind::control;
  const Tokenizer t = *Tokenizer::make(std::move(v));
  Masks masks(t);
  const auto g = Grammar::any_object();
  // Which of ab" cd" b": ab may come after `text`.
  const auto allowed = [&](const std::string& text) {
    const auto c = masks.start(g);
    for (const char b : text) c->accept(Token(static_cast<unsigned char>(b)));
    const auto mask = *c->allowed();
    std::string out;
    for (Token id = 256; id < 260; ++id) out += engine::allows(mask, id) ? '1' : '0';
    return out;
  };
  // The byte alphabet lists bytes in their order, so a byte is its own id.
  ASSERT_EQ(t.piece('{', false), "{");
  EXPECT_EQ(allowed(R"({"ab":1,")"), "0111");
  EXPECT_EQ(allowed(R"({"cd":1,")"), "1011");
  EXPECT_EQ(allowed(R"({"ab":1,"cd":1,")"), "0011");
  EXPECT_EQ(allowed(R"({"ab":1,"a)"), "1101");
  EXPECT_EQ(allowed(R"({"cd":1,"a)"), "1111");
  EXPECT_EQ(allowed(R"({"ab":{"ab":1,"x":{},")"), "0111");
  EXPECT_EQ(allowed(R"({"ab":{")"), "1111");
}

struct Pair {
  std::string schema, output;
};
// Outputs that ended of themselves. Every one of them is a sentence of its grammar too.
std::vector<Pair> random_pairs(uint64_t seed, int n_schemas, bool portable) {
  const Tokenizer t = tokenizer_of(seed, 600);
  Masks masks(t);
  std::mt19937_64 random(seed);
  std::vector<Pair> out;
  size_t n_walks = 0;
  for (int i = 0; i < n_schemas; ++i) {
    testing::RandomSchema schemas(testing::choose_by(random));
    schemas.portable = portable;
    const std::string schema = schemas.text();
    const auto g = Grammar::from_schema(schema);
    if (!g) continue;
    for (int k = 0; k < 4; ++k) {
      const testing::Walked w = testing::walk(masks, *g, t, testing::choose_by(random), 400);
      EXPECT_FALSE(w.error) << schema << "\n" << w.text << "\n" << w.error->what;
      ++n_walks;
      if (!w.ended) continue;
      EXPECT_TRUE((*g)->accepts(w.text)) << schema << "\n" << w.text;
      out.push_back({schema, w.text});
    }
  }
  EXPECT_GT(out.size() * 10, n_walks * 9);
  return out;
}

TEST(Masks, what_a_random_walk_writes_is_valid_to_valijson) {
  size_t n = 0;
  for (const Pair& p : random_pairs(3, 400, true)) {
    const nlohmann::json schema = nlohmann::json::parse(p.schema),
                         output = nlohmann::json::parse(p.output, nullptr, false);
    ASSERT_FALSE(output.is_discarded()) << p.output;
    valijson::Schema parsed;
    valijson::adapters::NlohmannJsonAdapter schema_adapter(schema), output_adapter(output);
    valijson::SchemaParser().populateSchema(schema_adapter, parsed);
    valijson::Validator validator;
    valijson::ValidationResults results;
    EXPECT_TRUE(validator.validate(parsed, output_adapter, &results)) << p.schema << "\n" << p.output;
    ++n;
  }
  EXPECT_GT(n, 500u);
}

TEST(Masks, what_a_random_walk_writes_is_valid_to_pythons_jsonschema) {
  if (std::system("/usr/bin/python3 -c 'import jsonschema' 2>/dev/null") != 0)
    GTEST_SKIP() << "Python's jsonschema is not there: ./dev deps test";
  const std::string path = ::testing::TempDir() + "grammar_pairs.jsonl";
  std::string lines;
  const std::vector<Pair> pairs = random_pairs(4, 400, false);
  for (const Pair& p : pairs)
    lines += nlohmann::json{{"schema", p.schema}, {"output", p.output}}.dump() + "\n";
  ASSERT_GT(pairs.size(), 500u);
  ASSERT_TRUE(write_text(path, lines));
  const std::string command = "/usr/bin/python3 " BITWORTH_SOURCE_DIR "/tools/check_json_pairs.py " + path;
  EXPECT_EQ(std::system(command.c_str()), 0);
}

}  // namespace
}  // namespace bw::grammar
