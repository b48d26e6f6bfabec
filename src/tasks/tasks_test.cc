// What production would take, what is true, when an output is complete, and that SNIPS asks fairly.
// Oracles: RFC 8259 cases by hand, field F1 by hand, and the raw data files read a second way.
#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>

#include "tasks/extraction.h"
#include "tasks/suite.h"

namespace {
using namespace bw;
using namespace bw::tasks;

const std::string kData = std::string(BITWORTH_SOURCE_DIR) + "/data";
const std::vector<std::string> kNames{"city", "state", "timeRange"};

std::string refusal(std::string_view output) {
  const auto r = parse_fields(output, kNames);
  return r ? "" : r.error().what;
}

TEST(Accept, one_object_of_known_text_fields_is_taken_with_or_without_a_fence) {
  for (const char* s : {R"({"city": "Oslo"})", "  {\"city\":\"Oslo\"}\n",
                        "```json\n{\"city\": \"Oslo\"}\n```", "```json\n{\"city\": \"Oslo\"}",
                        "```\n{\"city\": \"Oslo\"}```", "{\n  \"city\": \"\\u004fslo\"\n}"}) {
    const auto r = parse_fields(s, kNames);
    ASSERT_TRUE(r) << s << ": " << r.error().what;
    EXPECT_EQ(*r, (Fields{{"city", "Oslo"}})) << s;
  }
  EXPECT_TRUE(parse_fields("{}", kNames));
}

TEST(Accept, everything_a_program_could_not_read_is_refused_with_the_reason) {
  EXPECT_NE(refusal("Here it is: {\"city\": \"Oslo\"}"), "");
  EXPECT_NE(refusal("{\"city\": \"Oslo\"} I hope this helps"), "");
  EXPECT_NE(refusal("{\"city\": \"Oslo\""), "");
  EXPECT_NE(refusal("{\"city\": \"Oslo\",}"), "");
  EXPECT_NE(refusal("{'city': 'Oslo'}"), "");
  EXPECT_NE(refusal(""), "");
  EXPECT_NE(refusal("{\"city\": \"\xff\"}"), "") << "invalid UTF-8";
  EXPECT_NE(refusal("{\"city\": \"a\"}{\"city\": \"b\"}"), "");
  EXPECT_EQ(refusal("{\"town\": \"Oslo\"}"), "\"town\" is no field of this schema");
  EXPECT_EQ(refusal("{\"city\": 3}"), "the value of \"city\" is a number, not a string");
  EXPECT_EQ(refusal("{\"city\": null}"), "the value of \"city\" is null, not a string");
  EXPECT_EQ(refusal("{\"city\": [\"Oslo\"]}"), "the value of \"city\" is an array, not a string");
  EXPECT_EQ(refusal("{\"city\": {\"name\": \"Oslo\"}}"), "the value of \"city\" is an object, not a string");
  EXPECT_EQ(refusal("{\"city\": \"a\", \"city\": \"b\"}"), "\"city\" is given twice");
  EXPECT_EQ(refusal("[\"city\"]"), "the answer is an array, not an object");
  EXPECT_EQ(refusal("7"), "the answer is a number, not an object");
  EXPECT_NE(refusal(std::string(100000, '[')), "") << "deep nesting must not exhaust the stack";
}

TEST(Complete, the_object_ends_at_its_own_brace_and_not_at_one_inside_a_string) {
  EXPECT_EQ(object_end(R"({"a": "}"} tail)"), 10u);
  EXPECT_EQ(object_end(R"({"a": "\"}"})"), 12u);
  EXPECT_EQ(object_end(R"({"a": "\\"})"), 11u);
  EXPECT_EQ(object_end(R"(x {"a": {"b": "c"}} y)"), 19u);
  for (const char* open : {"", "no brace }", "{", R"({"a": "}")", R"({"a": {"b": 1})", "{\"a\": \"\\"})
    EXPECT_FALSE(object_closed(open)) << open;
}

TEST(Complete, an_answer_that_begins_with_prose_can_no_longer_be_taken) {
  for (const char* s : {"", "  \n", "{", "```json\n{", "`"}) EXPECT_TRUE(may_become_object(s)) << s;
  for (const char* s : {"The slots are", "[", "\"x", " I"}) EXPECT_FALSE(may_become_object(s)) << s;
}

TEST(FieldF1, agrees_with_hand_counts) {
  const Fields gold{{"city", "Oslo"}, {"timeRange", "next week"}};
  EXPECT_EQ(field_f1({{"timeRange", " next \n week"}, {"city", "Oslo"}}, gold), 1);
  EXPECT_EQ(field_f1({{"city", "Oslo"}}, gold), 2.0 / 3);                 // 2 * 1 / (1 + 2)
  EXPECT_EQ(field_f1({{"city", "oslo"}}, gold), 0);                       // letters are kept
  EXPECT_EQ(field_f1({{"state", "Oslo"}, {"city", "Oslo"}}, gold), 0.5);  // 2 * 1 / (2 + 2)
  EXPECT_EQ(field_f1({{"city", "Oslo"}, {"state", ""}}, gold), 2.0 / 3);  // empty = not given
  EXPECT_EQ(field_f1({}, gold), 0);
  EXPECT_EQ(field_f1({}, {}), 1);
}

TEST(Check, accepted_but_wrong_is_a_silent_failure_and_refused_is_not) {
  const AcceptSpec accept{AcceptSpec::Kind::json_object, kNames};
  const TruthSpec truth{{{"city", "Oslo"}, {"timeRange", "now"}}};
  const Check right = check_extraction(R"({"timeRange": "now", "city": "Oslo"})", accept, truth);
  EXPECT_TRUE(right.accepted && right.truth && !right.silent_failure());
  EXPECT_EQ(right.score, 1);
  EXPECT_EQ(right.detail, "");
  const Check wrong = check_extraction(R"({"city": "Bergen", "state": "NE"})", accept, truth);
  EXPECT_TRUE(wrong.accepted && !wrong.truth && wrong.silent_failure());
  EXPECT_EQ(wrong.score, 0);
  EXPECT_EQ(wrong.detail,
            "wrong city \"Bergen\", gold \"Oslo\"; missing timeRange \"now\"; added state \"NE\"");
  const Check refused = check_extraction(R"({"city": "Oslo", "timeRange": "now"} done)", accept, truth);
  EXPECT_TRUE(!refused.accepted && !refused.truth && !refused.silent_failure());
  EXPECT_EQ(refused.score, 0);
}

std::unique_ptr<Suite> snips() {
  auto s = open_suite("snips", kData);
  EXPECT_TRUE(s) << s.error().what;
  return s ? std::move(*s) : nullptr;
}

TEST(Snips, every_prefix_of_the_list_is_balanced_over_the_intents) {
  const auto s = snips();
  ASSERT_TRUE(s);
  EXPECT_EQ(s->items().size(), 651u);
  EXPECT_EQ(s->default_items(), 42u);
  std::map<std::string, int> count;
  for (size_t i = 0; i < s->items().size(); ++i) {
    ++count[s->items()[i].group];
    int least = 1000, most = 0;
    for (const auto& [group, n] : count) least = std::min(least, n), most = std::max(most, n);
    if (i >= 6) {
      ASSERT_EQ(count.size(), 7u);
      ASSERT_LE(most - least, 1) << "after item " << i;
    }
  }
}

TEST(Snips, no_sentence_is_asked_twice_or_shown_as_an_example) {
  const auto s = snips();
  ASSERT_TRUE(s);
  std::set<std::string> asked;
  for (const Item& item : s->items()) {
    EXPECT_TRUE(asked.insert(item.group + item.input).second) << item.input;
    const auto m = s->prompt(item);
    ASSERT_EQ(m.size(), 11u);
    for (size_t i = 0; i + 1 < m.size(); ++i) {
      const std::string& c = m[i].content;
      const bool ends = c.size() >= item.input.size() && c.substr(c.size() - item.input.size()) == item.input;
      EXPECT_FALSE(ends && (c.size() == item.input.size() || c[c.size() - item.input.size() - 1] == '\n'))
          << item.id;
    }
  }
}

TEST(Snips, items_of_an_intent_share_all_but_the_last_message) {
  const auto s = snips();
  ASSERT_TRUE(s);
  std::map<std::string, std::string> prefix;
  for (const Item& item : s->items()) {
    std::string text;
    const auto m = s->prompt(item);
    for (size_t i = 0; i + 1 < m.size(); ++i) text += m[i].role + "\n" + m[i].content + "\n";
    EXPECT_EQ(m.back().role, "user");
    EXPECT_EQ(m.back().content, item.input);
    const auto [at, fresh] = prefix.emplace(item.group, text);
    EXPECT_EQ(at->second, text);
    EXPECT_LT(text.size(), 1600u) << item.group << ": the prompt is meant to be compact";
  }
  EXPECT_EQ(prefix.size(), 7u);
}

TEST(Snips, the_gold_answer_is_accepted_and_true_and_every_example_obeys_its_own_rules) {
  const auto s = snips();
  ASSERT_TRUE(s);
  for (const Item& item : s->items()) {
    nlohmann::json gold = nlohmann::json::object();
    for (const auto& [name, value] : item.truth.fields) {
      gold[name] = value;
      EXPECT_NE(item.input.find(value), std::string::npos)
          << item.id << ": gold must be copied from the sentence";
    }
    const Check c = s->check(item, gold.dump());
    EXPECT_TRUE(c.accepted && c.truth) << item.id << ": " << c.detail;
    EXPECT_TRUE(s->complete(gold.dump()));
    for (const text::Message& m : s->prompt(item))
      if (m.role == "assistant") {
        EXPECT_TRUE(parse_fields(m.content, item.accept.fields)) << m.content;
      }
  }
}

TEST(Snips, examples_are_those_the_written_rule_picks_from_the_raw_files) {
  const auto s = snips();
  ASSERT_TRUE(s);
  std::set<std::string> done;
  for (const Item& item : s->items()) {
    if (!done.insert(item.group).second) continue;
    std::ifstream in(kData + "/tasks/snips/validate_" + item.group + ".json");
    const auto rows = nlohmann::json::parse(in)[item.group];
    std::set<std::string> shown;
    std::set<size_t> chosen;
    std::vector<std::string> sentences;
    while (chosen.size() < 5) {
      size_t best = rows.size(), best_new = 0, best_bytes = 0;
      for (size_t i = 0; i < rows.size(); ++i) {
        std::set<std::string> fresh;
        size_t bytes = 0;
        for (const auto& piece : rows[i]["data"]) {
          bytes += piece["text"].get<std::string>().size();
          if (piece.contains("entity") && !shown.count(piece["entity"])) fresh.insert(piece["entity"]);
        }
        if (chosen.count(i)) continue;
        if (best == rows.size() || fresh.size() > best_new ||
            (fresh.size() == best_new && bytes < best_bytes))
          best = i, best_new = fresh.size(), best_bytes = bytes;
      }
      if (best_new == 0) {
        shown.clear();
        continue;
      }
      chosen.insert(best);
      std::string sentence;
      for (const auto& piece : rows[best]["data"]) {
        sentence += piece["text"].get<std::string>();
        if (piece.contains("entity")) shown.insert(piece["entity"]);
      }
      sentences.push_back(normalised(sentence));
    }
    const auto m = s->prompt(item);
    for (size_t i = 0; i < 5; ++i) {
      const std::string& c = m[2 * i].content;
      EXPECT_EQ(c.substr(c.rfind('\n') == std::string::npos ? 0 : c.rfind('\n') + 1), sentences[i])
          << item.group;
    }
  }
}

TEST(Snips, order_and_digest_are_fixed) {
  // First two rounds, made by a second implementation of SplitMix64 and the shuffle, in Python.
  const std::vector<std::string> expected{"snips/AddToPlaylist/0",
                                          "snips/BookRestaurant/31",
                                          "snips/GetWeather/80",
                                          "snips/PlayMusic/9",
                                          "snips/RateBook/15",
                                          "snips/SearchCreativeWork/82",
                                          "snips/SearchScreeningEvent/97",
                                          "snips/AddToPlaylist/71",
                                          "snips/BookRestaurant/29",
                                          "snips/GetWeather/92",
                                          "snips/PlayMusic/8",
                                          "snips/RateBook/20",
                                          "snips/SearchCreativeWork/42",
                                          "snips/SearchScreeningEvent/34"};
  const auto a = snips(), b = snips();
  ASSERT_TRUE(a && b);
  for (size_t i = 0; i < expected.size(); ++i) EXPECT_EQ(a->items()[i].id, expected[i]);
  EXPECT_EQ(a->digest(), b->digest());
  EXPECT_EQ(a->digest().size(), 64u);
  for (size_t i = 0; i < a->items().size(); ++i) ASSERT_EQ(a->items()[i].id, b->items()[i].id);
}

TEST(Suites, what_is_unknown_missing_or_not_built_says_so) {
  const auto unknown = open_suite("snip", kData);
  ASSERT_FALSE(unknown);
  EXPECT_NE(unknown.error().what.find("snips"), std::string::npos);
  const auto missing = open_suite("snips", "/nonexistent");
  ASSERT_FALSE(missing);
  EXPECT_NE(missing.error().what.find("/nonexistent"), std::string::npos);
  const auto own = load_suite("mine.jsonl");
  ASSERT_FALSE(own);
  EXPECT_EQ(own.error().code, Code::unsupported);
  EXPECT_NE(own.error().what.find("not built yet"), std::string::npos);
}

TEST(Wikitext, the_text_is_the_published_one_and_a_missing_one_is_named) {
  const auto path = wikitext_path(kData);
  ASSERT_TRUE(path) << path.error().what;
  const auto missing = wikitext_path("/nonexistent");
  ASSERT_FALSE(missing);
  EXPECT_NE(missing.error().what.find("wiki.test.raw"), std::string::npos);
}
}  // namespace
