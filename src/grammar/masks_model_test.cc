// The vocabularies of real models: texts as models write them are read token by token, masks are timed, and
// what random walks write is a sentence. BITWORTH_SAY_TIMES=1 prints the figures.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <ctime>

#include "base/file.h"
#include "gguf/file.h"
#include "gguf/vocab.h"
#include "grammar/testing.h"

namespace bw::grammar {
namespace {
using text::Token;
using text::Tokenizer;

// A schema, and a text it allows.
struct Case {
  const char *name, *schema, *text;
};
const Case cases[] = {
    {"order",
     R"({"type":"object","properties":{"customer":{"type":"string"},"email":{"type":"string","format":"email"},
       "items":{"type":"array","items":{"type":"object","properties":{"sku":{"type":"string","pattern":"^[A-Z]{3}-[0-9]{4}$"},
       "quantity":{"type":"integer","minimum":1,"maximum":999},"price":{"type":"number","minimum":0}},
       "required":["sku","quantity","price"],"additionalProperties":false},"minItems":1,"maxItems":20},
       "status":{"enum":["open","paid","shipped","cancelled"]},"note":{"type":["string","null"],"maxLength":200},
       "placed":{"type":"string","format":"date-time"}},
       "required":["customer","email","items","status"],"additionalProperties":false})",
     R"({
  "customer": "Zoë Müller-Lüdenscheidt",
  "email": "zoe.mueller@example.org",
  "items": [
    {
      "sku": "ABC-1234",
      "quantity": 12,
      "price": 19.95
    },
    {
      "sku": "XYZ-0007",
      "quantity": 1,
      "price": 249
    }
  ],
  "status": "paid",
  "note": "Please leave the parcel with the neighbours at number 12; they are at home all day. 日本語でもいいです。",
  "placed": "2024-02-29T23:59:59Z"
})"},
    {"free", R"({"type":"object"})",
     R"({"title": "On masks", "year": 2024, "tags": ["grammar", "json", "speed"], "nested": {"a": {"b": {"c": [1, 2.5, -3e10, true, null, "\u00e9\n\ud83d\ude00 text"]}}}, "long": "The quick brown fox jumps over the lazy dog, again and again, until nobody counts any more."})"},
    {"tree",
     R"({"$defs":{"node":{"type":"object","properties":{"value":{"type":"string","maxLength":40},"children":{"type":"array",
       "items":{"$ref":"#/$defs/node"}}},"required":["value"],"additionalProperties":false}},"$ref":"#/$defs/node"})",
     R"({"value": "root", "children": [{"value": "left side of it"}, {"value": "right", "children": [{"value": "leaf one", "children": []}, {"value": "leaf two"}]}]})"},
    {"shape",
     R"({"type":"object","properties":{"shapes":{"type":"array","items":{"oneOf":[
       {"type":"object","properties":{"kind":{"const":"circle"},"radius":{"type":"number"}},"required":["kind","radius"],"additionalProperties":false},
       {"type":"object","properties":{"kind":{"const":"square"},"side":{"type":"number"}},"required":["kind","side"],"additionalProperties":false},
       {"type":"object","properties":{"kind":{"const":"label"},"text":{"type":"string","minLength":3,"maxLength":60}},"required":["kind","text"],"additionalProperties":false}]}}},
       "required":["shapes"],"additionalProperties":false})",
     R"({"shapes": [{"kind": "circle", "radius": 3.25}, {"kind": "square", "side": 12}, {"kind": "label", "text": "the corner of the room"}]})"},
};

struct Times {
  std::vector<double> us;
  double at(double share) {
    std::sort(us.begin(), us.end());
    return us[std::min(us.size() - 1, size_t(share * double(us.size())))];
  }
  double mean() const {
    double sum = 0;
    for (const double x : us) sum += x;
    return sum / double(us.size());
  }
};
// Of this thread: a crowded machine changes it little.
double now_us() {
  timespec t{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return double(t.tv_sec) * 1e6 + double(t.tv_nsec) / 1e3;
}

// Reads `text` as the model's own tokens; false: one is not allowed.
::testing::AssertionResult reads(Masks& masks, const std::shared_ptr<const Grammar>& g, const Tokenizer& t,
                                 const std::string& text, Times* times) {
  auto constraint = masks.start(g);
  std::vector<Token> tokens = t.encode(text);
  Token end = -1;
  for (Token id = 0; size_t(id) < t.size(); ++id)
    if (t.ends_generation(id)) end = id;
  tokens.push_back(end);
  std::string read;
  for (const Token token : tokens) {
    const double start = now_us();
    const auto mask = constraint->allowed();
    if (!mask) return ::testing::AssertionFailure() << mask.error().what;
    if (times) times->us.push_back((now_us() - start));
    if (!engine::allows(*mask, token))
      return ::testing::AssertionFailure() << "after " << read << " not \"" << t.piece(token) << "\"";
    read += t.piece(token);
    constraint->accept(token);
  }
  return ::testing::AssertionSuccess();
}

class RealVocabulary : public ::testing::TestWithParam<const char*> {};

TEST_P(RealVocabulary, texts_as_models_write_them_are_read_and_masks_are_quick) {
  const std::string path = cache_dir() + "/models/" + GetParam();
  const auto file = gguf::open(path);
  if (!file) GTEST_SKIP() << path << " is not there: ./dev model fetches it";
  auto vocab = gguf::vocab(*file);
  ASSERT_TRUE(vocab) << vocab.error().what;
  const Tokenizer t = *Tokenizer::make(std::move(*vocab));
  double start = now_us();
  Masks masks(t);
  const bool say = std::getenv("BITWORTH_SAY_TIMES") != nullptr;
  if (say) std::printf("%s, %zu tokens: tables %.0f ms\n", GetParam(), t.size(), (now_us() - start) / 1000);
  for (const Case& c : cases) {
    start = now_us();
    const auto g = Grammar::from_schema(c.schema);
    ASSERT_TRUE(g) << g.error().what;
    const double compiled = (now_us() - start);
    Times cold, warm;
    EXPECT_TRUE(reads(masks, *g, t, c.text, &cold)) << c.name;
    for (int i = 0; i < 3; ++i) EXPECT_TRUE(reads(masks, *g, t, c.text, &warm)) << c.name;
#ifndef __SANITIZE_ADDRESS__
    EXPECT_LT(warm.mean(), 50) << c.name;  // us a token; far from it, so that only a change of kind is seen
    EXPECT_LT(cold.at(1), 20'000) << c.name;
#endif
    if (say)
      std::printf(
          "  %-6s compile %5.1f ms; %3zu tokens; first time: mean %6.0f us, p50 %5.1f, p99 %6.0f, most "
          "%6.0f; again: mean %5.2f, p50 %5.2f, p99 %5.1f\n",
          c.name, compiled / 1000, cold.us.size(), cold.mean(), cold.at(0.5), cold.at(0.99), cold.at(1),
          warm.mean(), warm.at(0.5), warm.at(0.99));
  }
  // Other texts under the same schemas: what is kept is kept by state, not by text.
  std::mt19937_64 random(5);
  for (const Case& c : cases) {
    const auto g = *Grammar::from_schema(c.schema);
    for (int i = 0; i < 2; ++i) {
      const testing::Walked w = testing::walk(masks, g, t, testing::choose_by(random), 60);
      EXPECT_FALSE(w.error) << w.error->what;
      EXPECT_TRUE(!w.ended || g->accepts(w.text)) << w.text;
    }
  }
  const Masks::Stats s = masks.stats();
  if (say)
    std::printf("  %lu hits, %lu made in %.0f us each, %lu bytes\n", s.n_hits, s.n_made,
                double(s.ns_made) / 1000 / double(s.n_made), s.n_bytes);
}

INSTANTIATE_TEST_SUITE_P(Models, RealVocabulary,
                         ::testing::Values("qwen2.5-coder-0.5b.gguf", "smollm2-135m.gguf",
                                           "gemma3-270m.gguf"),
                         [](const auto& of) {
                           std::string name = of.param;
                           for (char& c : name)
                             if (!std::isalnum(static_cast<unsigned char>(c))) c = '_';
                           return name;
                         });

}  // namespace
}  // namespace bw::grammar
