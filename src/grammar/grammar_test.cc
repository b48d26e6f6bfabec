// What grammars accept beyond the official suite: white space, names given twice, every way to write a
// string, bounds together; what is refused, with its pointer; limits.
#include "grammar/grammar.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "grammar/json.h"
#include "grammar/strings.h"
#include "grammar/testing.h"

namespace bw::grammar {
namespace {

std::shared_ptr<const Grammar> made(const std::string& schema) {
  auto g = Grammar::from_schema(schema);
  EXPECT_TRUE(g) << schema << "\n" << (g ? "" : g.error().what);
  return g ? *g : nullptr;
}
void expect(const std::string& schema, const std::vector<std::string>& in,
            const std::vector<std::string>& out) {
  const auto g = made(schema);
  ASSERT_TRUE(g);
  for (const std::string& s : in) EXPECT_TRUE(g->accepts(s)) << schema << "\n" << s;
  for (const std::string& s : out) EXPECT_FALSE(g->accepts(s)) << schema << "\n" << s;
}

TEST(Grammar, white_space_comes_where_models_write_it_and_ends) {
  const std::string tabs(17, '\t'), wide(65, ' ');
  expect(R"({"type":"object","properties":{"a":{"type":"integer"},"b":{"type":"array"}}})",
         {R"({"a":1,"b":[1,2]})", R"({"a": 1, "b": [1, 2]})",
          "{\n  \"a\": 1,\n  \"b\": [\n    1,\n    2\n  ]\n}", "{\n\t\"a\": 1,\n\t\"b\": []\n}",
          R"({ "a": 1 })", "{ }", "{\n}", "{\n" + wide.substr(1) + "\"a\":1}"},
         {R"( {"a":1})", R"({"a":1} )", R"({"a" :1})", R"({"a":1 ,"b":[]})", R"({"a":  1})", "{\n\n}",
          "{\r\n}", "{\t\"a\":1}", "{\n" + tabs + "\"a\":1}", "{\n" + wide + "\"a\":1}", "{\n \t\"a\":1}"});
}

TEST(Grammar, no_name_is_given_twice_however_it_is_spelled) {
  expect(R"({"type":"object"})", {R"({"a":1,"b":2,"ab":{"a":1,"b":2}})", R"({"a\"b":1,"a":2,"":3})"},
         {R"({"a":1,"a":1})", R"({"a":1,"b":{},"a":1})", R"({"a":1,"\u0061":1})", R"({"":1,"":2})",
          R"({"ä":1,"\u00e4":2})", R"({"a\/b":1})", R"({"\u000A":1})"});
  // A declared name comes in its place, once, and not as another name.
  expect(R"({"type":"object","properties":{"a":{"type":"integer"},"b":{"type":"string"}}})",
         {R"({"a":1,"b":"","c":null})", R"({"b":"","c":null})", R"({"c":null,"aa":0})", R"({})"},
         {R"({"c":null,"a":1})", R"({"b":"","a":1})", R"({"a":1,"a":2})", R"({"a":1,"c":1,"b":""})",
          R"({"\u0061":"x"})"});
  expect(R"({"type":"array","items":{"type":"object"}})", {R"([{"a":1},{"a":1}])"}, {R"([{"a":1,"a":1}])"});
}

TEST(Grammar, few_names_that_match_a_pattern_run_out) {
  const std::string schema =
      R"({"type":"object","patternProperties":{"^[ab]$":{"type":"integer"}},"additionalProperties":false})";
  expect(schema, {R"({})", R"({"a":1})", R"({"b":1,"a":2})"},
         {R"({"c":1})", R"({"a":1,"a":2})", R"({"a":""})"});
  // And where they have, no comma comes: whatever was read can be completed.
  std::mt19937_64 random(1);
  const text::Tokenizer t = *text::Tokenizer::make(testing::json_vocab(random, 300));
  Masks masks(t);
  const auto g = made(schema);
  size_t n_full = 0;
  for (int i = 0; i < 300; ++i) {
    const testing::Walked w = testing::walk(masks, g, t, testing::choose_by(random), 200);
    ASSERT_FALSE(w.error) << w.text << w.error->what;
    n_full +=
        w.ended && w.text.find("\"a\"") != std::string::npos && w.text.find("\"b\"") != std::string::npos;
  }
  EXPECT_GT(n_full, 10u);
  expect(
      R"({"type":"object","patternProperties":{"^[ab]$":{"type":"integer"}},"additionalProperties":false,"minProperties":2})",
      {R"({"b":1,"a":2})"}, {R"({})", R"({"a":1})"});
  EXPECT_FALSE(Grammar::from_schema(
      R"({"type":"object","patternProperties":{"^[ab]$":{}},"additionalProperties":false,"minProperties":3})"));
}

TEST(Grammar, counts_of_members_leave_room_for_what_is_required) {
  expect(
      R"({"type":"object","properties":{"a":{},"b":{},"c":{}},"required":["c"],"maxProperties":2,"additionalProperties":false})",
      {R"({"a":1,"c":1})", R"({"b":1,"c":1})", R"({"c":1})"},
      {R"({"a":1,"b":1})", R"({"a":1,"b":1,"c":1})", R"({"a":1})"});
  expect(
      R"({"type":"object","properties":{"a":{},"b":{},"c":{}},"minProperties":2,"additionalProperties":false})",
      {R"({"a":1,"c":1})", R"({"a":1,"b":1})", R"({"b":1,"c":1})", R"({"a":1,"b":1,"c":1})"},
      {R"({"c":1})", R"({"a":1})", R"({})"});
  expect(R"({"type":"object","minProperties":1,"maxProperties":2})", {R"({"x":1})", R"({"x":1,"y":2})"},
         {R"({})", R"({"x":1,"y":2,"z":3})"});
}

TEST(Grammar, strings_take_every_escape_and_only_well_formed_utf8) {
  expect(R"({"type":"string"})",
         {R"("")", R"("\"\\\/\b\f\n\r\t")", R"("\u0000\u001F\uABCD\uFFFF")", R"("\ud83d\ude00")",
          "\"é日😀\x7f\"", R"("\uD7FF\uE000")"},
         {"\"\n\"",
          "\"\t\"",
          std::string("\"\0\"", 3),
          R"("\x")",
          R"("\u12")",
          R"("\u12G4")",
          R"("\ud83d")",
          R"("\ude00")",
          R"("\ud83dx")",
          R"("\ud83d\u0041")",
          R"("\ud83d\n")",
          "\"\x80\"",
          "\"\xc3\"",
          "\"\xc0\x80\"",
          "\"\xe0\x80\x80\"",
          "\"\xed\xa0\x80\"",
          "\"\xf5\x80\x80\x80\"",
          "\"\xf4\x90\x80\x80\"",
          "\"\xff\"",
          R"(")",
          R"(''')"});
  expect(R"({"type":"string","minLength":2,"maxLength":3})",
         {R"("ab")", R"("é日😀")", R"("\ud83d\ude00\n")", R"("abc")"},
         {R"("a")", R"("abcd")", R"("\ud83d\ude00")", R"("😀")", R"("")"});
  // With a pattern a string has one spelling.
  expect(R"({"type":"string","pattern":"^[\\s\\S]{2}$"})",
         {R"("ab")", R"("\n\"")", R"("\\😀")", R"("\u0001é")"},
         {R"("\u0061b")", R"("\/a")", R"("\u000ab")", R"("\ud83d\ude00a")", R"("abc")"});
}

// Oracle: the parser of another library, on what the automaton of strings says of random bytes.
TEST(Grammar, a_string_is_what_nlohmann_json_reads_as_one) {
  const auto g = made(R"({"type":"string"})");
  std::mt19937_64 random(9);
  static const char* const parts[] = {"a",       "\\",   "\"",           "u",           "d83d",     "de00",
                                      "0041",    "\xc3", "\xa9",         "\xf0\x9f",    "\x98\x80", "n",
                                      "\x01",    "\xed", "\xa0",         "\x80",        "\\u",      "\\ud83d",
                                      "\\udE00", "/",    "\xe6\x97\xa5", "\xef\xbf\xbf"};
  size_t n_in = 0;
  for (int i = 0; i < 200000; ++i) {
    std::string s = "\"";
    for (size_t n = random() % 6; n > 0; --n) s += parts[random() % std::size(parts)];
    s += "\"";
    const bool want = nlohmann::json::accept(s);
    ASSERT_EQ(g->accepts(s), want) << s;
    n_in += want;
  }
  EXPECT_GT(n_in, 10000u);
}

TEST(Grammar, of_alternatives_that_agree_for_long_all_are_followed) {
  expect(
      R"({"anyOf":[{"type":"object","properties":{"a":{"type":"string"}},"required":["a"],"additionalProperties":false},
                      {"type":"object","properties":{"a":{"type":"string","maxLength":2},"b":{"type":"null"}},"required":["a","b"],"additionalProperties":false},
                      {"type":"array","items":{"type":"integer"}}, {"const":{"a":7}}]})",
      {R"({"a":"long"})", R"({"a":"ab","b":null})", R"([1,2])", R"({"a":7})", R"({ "a": "x"})"},
      {R"({"a":"long","b":null})", R"({"a":8})", R"([""])", R"({ "a":7})"});
  expect(
      R"({"oneOf":[{"properties":{"k":{"const":1}},"required":["k"]},{"properties":{"k":{"enum":[2,3]}},"required":["k"]}],"type":"object"})",
      {R"({"k":1})", R"({"k":3,"x":0})"}, {R"({"k":4})", R"({})", R"(1)"});
  expect(
      R"({"oneOf":[{"type":"integer","maximum":3},{"type":"integer","exclusiveMinimum":3},{"type":"string","maxLength":2},{"type":"string","minLength":3}]})",
      {"3", "4", R"("ab")", R"("abc")"}, {"3.5", "null"});
}

TEST(Grammar, recursion_ends_where_the_schema_lets_it) {
  expect(
      R"({"$ref":"#/$defs/n","$defs":{"n":{"type":"object","properties":{"v":{"type":"integer"},"next":{"anyOf":[{"$ref":"#/$defs/n"},{"type":"null"}]}},
            "required":["v","next"],"additionalProperties":false}}})",
      {R"({"v":1,"next":null})", R"({"v":1,"next":{"v":2,"next":{"v":3,"next":null}}})"},
      {R"({"v":1})", R"({"v":1,"next":{"v":2}})"});
  std::string deep(500, '['), close(500, ']');
  EXPECT_TRUE(made("{}")->accepts(deep + close));
  EXPECT_FALSE(made("{}")->accepts(deep + close + "]"));
  // A value that must contain itself has no end.
  const auto endless_value =
      Grammar::from_schema(R"({"type":"object","properties":{"a":{"$ref":"#"}},"required":["a"]})");
  ASSERT_FALSE(endless_value);
  EXPECT_NE(endless_value.error().what.find("no value is valid"), std::string::npos);
}

TEST(Grammar, constants_are_checked_against_all_that_holds_beside_them) {
  expect(R"({"type":"string","enum":["a",1,"abc",null,"ab"],"maxLength":2})", {R"("a")", R"("ab")"},
         {"1", R"("abc")", "null"});
  expect(R"({"enum":[1.0,2,1e2,-0.0,12345678901234567890123],"type":"integer"})",
         {"1", "2", "100", "0", "1.2345678901234567890123e22"}, {"1.0", "1e2", "12345678901234567890124"});
  expect(R"({"allOf":[{"enum":[1,2,3]},{"enum":[2,3,4]}]})", {"2", "3"}, {"1", "4"});
  expect(R"({"const":{"a":[1,{"b":"x\n"}]}})", {"{\"a\":[1,{\"b\":\"x\\n\"}]}"},
         {R"({"a": [1,{"b":"x\n"}]})"});
}

TEST(Grammar, what_is_not_enforced_is_refused_by_keyword_and_pointer) {
  const auto says = [](const char* schema, const char* pointer, const char* words) {
    const auto g = Grammar::from_schema(schema);
    ASSERT_FALSE(g) << schema;
    EXPECT_EQ(g.error().code, Code::bad_input);
    EXPECT_NE(g.error().what.find(std::string("schema: #") + pointer + ":"), std::string::npos)
        << g.error().what;
    EXPECT_NE(g.error().what.find(words), std::string::npos) << g.error().what;
  };
  for (const char* k : {"not",
                        "if",
                        "then",
                        "else",
                        "contains",
                        "minContains",
                        "maxContains",
                        "dependentRequired",
                        "dependentSchemas",
                        "dependencies",
                        "propertyNames",
                        "unevaluatedItems",
                        "unevaluatedProperties",
                        "$dynamicRef",
                        "$anchor",
                        "contentEncoding",
                        "contentMediaType",
                        "additionalItems",
                        "nullable",
                        "misspelled"})
    says((std::string(R"({"properties":{"a~/b":{")") + k + R"(":{}}}})").c_str(),
         (std::string("/properties/a~0~1b/") + k).c_str(),
         (std::string("the keyword \"") + k + "\" is not enforced").c_str());
  says(R"({"items":{"uniqueItems":true}})", "/items/uniqueItems", "not enforced");
  says(R"({"anyOf":[{},{"format":"uri"}]})", "/anyOf/1/format", "the format \"uri\"");
  says(R"x({"pattern":"a(?=b)"})x", "/pattern", "looking ahead");
  says(R"({"multipleOf":0.1})", "/multipleOf", "multipleOf of other than");
  says(R"({"$ref":"other.json"})", "/$ref", "outside of the schema");
  says(R"({"$ref":"#/$defs/none"})", "/$ref", "nothing stands at");
  says(R"({"$defs":{"a":{"$ref":"#/$defs/b"},"b":{"$ref":"#/$defs/a"}},"$ref":"#/$defs/a"})", "/$defs/a",
       "refers back to itself");
  says(R"({"items":[{}]})", "/items", "prefixItems");
  says(R"({"oneOf":[{"type":"string"},{"maxLength":3}]})", "/oneOf", "exclude each other: 0 and 1");
  says(R"({"oneOf":[{"type":"string","format":"date"},{"const":"never"}]})", "/oneOf",
       "exclude each other");  // a format may be unknown
  says(R"({"type":"strin"})", "/type", "expected null, boolean");
  says(R"({"minLength":-1})", "/minLength", "whole number");
  says(R"({"required":"a"})", "/required", "expected an array of names");
  says(R"({"exclusiveMinimum":true})", "/exclusiveMinimum", "expected a number");
  says(R"({"minimum":0.1234567890123456})", "", "more than 15 digits");
  says(R"({"properties":{"a":{"$id":"x"}}})", "/properties/a/$id", "$id of its own");
  says(R"({"$schema":"https://example.org/mine"})", "/$schema", "dialect");
}

TEST(Grammar, what_is_no_schema_or_too_large_says_so) {
  const auto what = [](const std::string& schema, const Limits& limits = {}) {
    const auto g = Grammar::from_schema(schema, limits);
    return g ? std::string("accepted") : g.error().what;
  };
  EXPECT_NE(what("{").find("schema: byte"), std::string::npos) << what("{");
  EXPECT_NE(what("[]").find("expected an object, true or false"), std::string::npos);
  EXPECT_NE(what(R"({"type":"string","type":"null"})").find("\"type\" is given twice"), std::string::npos);
  EXPECT_NE(what(R"({"title":"\ud800"})").find("schema: byte"), std::string::npos);
  EXPECT_NE(what("false").find("no value is valid"), std::string::npos);
  EXPECT_NE(what(std::string(300'000, ' ')).find("bytes: at most"), std::string::npos);
  std::string deep;
  for (int i = 0; i < 100; ++i) deep += "{\"items\":";
  EXPECT_NE(what(deep).find("nested deeper than 64"), std::string::npos);
  // Doubling: every level refers twice to the next, which costs nothing; combinations that multiply are
  // refused.
  std::string defs, ands;
  for (int i = 0; i < 30; ++i)
    defs += "\"d" + std::to_string(i) + "\":{\"properties\":{\"a\":{\"$ref\":\"#/$defs/d" +
            std::to_string(i + 1) + "\"},\"b\":{\"$ref\":\"#/$defs/d" + std::to_string(i + 1) + "\"}}},";
  EXPECT_EQ(what("{\"$defs\":{" + defs + "\"d30\":{\"type\":\"null\"}},\"$ref\":\"#/$defs/d0\"}"),
            "accepted");
  for (int i = 0; i < 30; ++i)
    ands += std::string(i ? "," : "") + R"({"anyOf":[{"minLength":)" + std::to_string(i) +
            "},{\"maxLength\":9}]}";
  EXPECT_NE(what("{\"allOf\":[" + ands + "]}").find("combinations of anyOf and oneOf"), std::string::npos);
  // Constants checked against branches that double at every level.
  std::string doubling =
      R"({"$defs":{"s":{"anyOf":[{"properties":{"a":{"$ref":"#/$defs/s"}}},{"properties":{"a":{"$ref":"#/$defs/s"}}}]}},"allOf":[{"$ref":"#/$defs/s"}],"const":)";
  std::string nested = "1";
  for (int i = 0; i < 50; ++i) nested = "{\"a\":" + nested + "}";
  EXPECT_EQ(what(doubling + nested + "}"), "accepted");
  // Many places, each little to write and much to compute.
  std::string many = R"({"$defs":{"x":{"pattern":"^[ab]{900}$","format":"date"}},"properties":{"z":{})";
  for (int i = 0; i < 3000; ++i) many += ",\"" + std::to_string(i) + "\":{\"$ref\":\"#/$defs/x\"}";
  EXPECT_NE(what(many + "}}").find("more than 100000 nodes and states"), std::string::npos);
  std::string words = "{\"enum\":[\"\"";
  for (int i = 0; i < 12000; ++i) words += ",\"word" + std::to_string(i * 7919) + "\"";
  EXPECT_NE(what(words + "]}").find("nodes and states"), std::string::npos);
  EXPECT_NE(what(R"({"pattern":"^(a|b)*a(a|b){14}$"})").find("more than 5000 states"), std::string::npos);
  EXPECT_NE(what(R"({"type":"object","properties":{"a":{"type":"string"}}})", {.max_nodes = 3})
                .find("more than 3 nodes"),
            std::string::npos);
}

TEST(Grammar, digests_name_what_it_was_made_of) {
  EXPECT_EQ(made("{}")->digest(),
            "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a");  // sha256sum
  EXPECT_EQ(Grammar::any_object()->digest(), made(R"({"type":"object"})")->digest());
  EXPECT_TRUE(Grammar::any_object()->accepts(R"({"a": [1, {"b": null}]})"));
  EXPECT_FALSE(Grammar::any_object()->accepts("[]"));
}

TEST(Masks, only_what_ends_the_generation_follows_a_whole_sentence_and_nothing_follows_that) {
  std::mt19937_64 random(1);
  const text::Tokenizer t = *text::Tokenizer::make(testing::json_vocab(random, 100));
  const auto end = text::Token(t.size() - 1), control = text::Token(t.size() - 2);
  Masks masks(t);
  auto c = masks.start(made(R"({"enum":[12,"a"]})"));
  const auto ids = [&] {
    std::vector<text::Token> out;
    const auto mask = *c->allowed();
    for (text::Token id = 0; size_t(id) < t.size(); ++id)
      if (engine::allows(mask, id)) out.push_back(id);
    return out;
  };
  for (const text::Token id : ids()) EXPECT_TRUE(id != end && id != control);
  c->accept('1');
  EXPECT_EQ(ids(), std::vector<text::Token>{'2'});  // "1" alone is not allowed to end
  c->accept('2');
  EXPECT_EQ(ids(), std::vector<text::Token>{end});
  c->accept(end);
  const auto after = c->allowed();
  ASSERT_FALSE(after);
  EXPECT_NE(after.error().what.find("can follow \"12\""), std::string::npos);
}

}  // namespace
}  // namespace bw::grammar
