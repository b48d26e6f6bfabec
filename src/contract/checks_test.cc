// Judging one answer: what passes, what does not and why, and that no answer costs more than it may.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cmath>
#include <filesystem>
#include <fstream>

#include "base/clock.h"
#include "base/file.h"
#include "contract/contract.h"
#include "contract/regex.h"
#include "sandbox/sandbox.h"

namespace bw::contract {
namespace {

Check schema_check(const std::string& schema) {
  Check c;
  c.kind = Check::Kind::schema;
  c.name = "schema";
  c.schema = schema;
  return c;
}
Check regex_check(const std::string& pattern) {
  Check c;
  c.kind = Check::Kind::regex;
  c.name = "regex";
  c.pattern = pattern;
  return c;
}
std::unique_ptr<Checks> make(std::vector<Check> checks, std::vector<std::string> unknown = {}) {
  Class of;
  of.name = "k";
  of.checks = std::move(checks);
  of.unknown.patterns = std::move(unknown);
  auto r = Checks::make(of);
  EXPECT_TRUE(r) << r.error().what;
  return r ? std::move(*r) : nullptr;
}
// "" where it passed, else the reason.
std::string why_not(const Checks& checks, const std::string& text) {
  for (const CheckResult& r : checks.run({text, {}, false}))
    if (!r.passed) return r.reason.empty() ? "no reason" : r.reason;
  return "";
}
bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

TEST(Checks, the_whole_answer_is_one_json_text) {
  const auto c =
      make({schema_check(R"({"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"],
                                        "additionalProperties": false})")});
  EXPECT_EQ(why_not(*c, R"({"a": 1})"), "");
  EXPECT_EQ(why_not(*c, " \n{\"a\": 1.0}\t\n"), "") << "1.0 is an integer, and white space around is nothing";
  EXPECT_EQ(why_not(*c, "```json\n{\"a\": 1}\n```"), "") << "one fence around the whole";
  for (const char* bad :
       {"", "Here it is: {\"a\": 1}", "{\"a\": 1} I hope this helps", "{\"a\": 1}{\"a\": 1}", "{\"a\": 1",
        "{a: 1}", "{\"a\": NaN}", "{\"a\": 01}", "text ```json\n{\"a\": 1}\n```", "{\"a\": \"\xff\"}"})
    EXPECT_TRUE(has(why_not(*c, bad), "not JSON")) << bad << ": " << why_not(*c, bad);
  EXPECT_TRUE(has(why_not(*c, R"({"a": 1, "a": 2})"), "stands twice"))
      << "readers differ in which one counts";
  EXPECT_TRUE(has(why_not(*c, R"({"a": "1"})"), "a")) << why_not(*c, R"({"a": "1"})");
  EXPECT_TRUE(
      has(why_not(*c, "{\"a\": " + std::string(1000, '[') + std::string(1000, ']') + "}"), "nested deeper"));
}

TEST(Checks, a_reason_names_the_place) {
  const auto c = make({schema_check(R"({"properties": {"when": {"items": {"format": "date"}}}})")});
  EXPECT_EQ(why_not(*c, R"({"when": ["2024-02-29"]})"), "");
  const std::string why = why_not(*c, R"({"when": ["2024-02-29", "2023-02-29"]})");
  EXPECT_EQ(why, "[when][1]: is no date");
}

TEST(Checks, a_recursive_schema_ends_where_the_answer_does) {
  const auto c = make({schema_check(R"({"$defs": {"tree": {"type": "object", "required": ["v"],
    "properties": {"v": {"type": "integer"}, "l": {"$ref": "#/$defs/tree"}, "r": {"$ref": "#/$defs/tree"}}}},
    "$ref": "#/$defs/tree"})")});
  EXPECT_EQ(why_not(*c, R"({"v": 1, "l": {"v": 2, "r": {"v": 3}}})"), "");
  EXPECT_NE(why_not(*c, R"({"v": 1, "l": {"v": 2, "r": {"v": "3"}}})"), "");
}

TEST(Checks, a_pattern_that_blows_up_is_stopped_and_not_passed) {
  const std::string text = std::string(5000, 'a') + "!";
  const uint64_t start = monotonic_ns();
  const auto c = make({regex_check("^(a+)+$")});
  EXPECT_TRUE(has(why_not(*c, text), "could not be told in 1000000 steps")) << why_not(*c, text);
  const auto s = make({schema_check(R"({"pattern": "^(a+)+$"})")});
  EXPECT_TRUE(has(why_not(*s, "\"" + text + "\""), "could not be told")) << why_not(*s, "\"" + text + "\"");
  const auto negated = make({schema_check(R"({"not": {"pattern": "^(a+)+$"}})")});
  EXPECT_TRUE(has(why_not(*negated, "\"" + text + "\""), "could not be told"))
      << "not knowing is no pass, negated or not";
  EXPECT_LT(monotonic_ns() - start, 10'000'000'000u);
  EXPECT_TRUE(make({}, {"^(a+)+$"})->says_unknown(text)) << "what cannot be told is not shown as an answer";
}

TEST(Checks, a_long_text_needs_no_stack) {
  // std::regex, which valijson would use, recurses once a character and dies of this.
  const auto c = make({schema_check(R"({"pattern": "^(a|b)*$", "propertyNames": {"pattern": "^(a|b)*$"}})")});
  EXPECT_EQ(why_not(*c, "\"" + std::string(50'000, 'a') + "\""), "");
  EXPECT_EQ(why_not(*c, "{\"" + std::string(4'000, 'b') + "\": 1}"), "");
  EXPECT_NE(why_not(*c, "{\"" + std::string(4'000, 'c') + "\": 1}"), "");
}

TEST(Checks, bytes_that_are_not_utf8_neither_match_nor_harm) {
  const auto c = make({regex_check("^.*x$")});
  EXPECT_EQ(why_not(*c, "ax"), "");
  EXPECT_NE(why_not(*c, "\xff\xfe\x80"), "");
  EXPECT_EQ(make({}, {"(?i)not know"})->says_unknown("\xff I do Not Know \xff"), true);
}

TEST(Checks, a_bound_on_the_mean_log_probability) {
  Check k;
  k.kind = Check::Kind::mean_log_prob;
  k.name = "sure";
  k.at_least = -1;
  const auto c = make({k});
  EXPECT_TRUE(c->run({"x", -1.0, false})[0].passed);
  EXPECT_FALSE(c->run({"x", -1.0001, false})[0].passed);
  EXPECT_FALSE(c->run({"x", std::nan(""), false})[0].passed);
  const auto none = c->run({"x", std::nullopt, false});
  EXPECT_FALSE(none[0].passed);
  EXPECT_TRUE(has(none[0].reason, "no log-probabilities"));
}

TEST(Checks, an_answer_that_was_cut_never_passes) {
  const auto c = make({regex_check("x")});
  const auto r = c->run({"x", {}, true});
  ASSERT_EQ(r.size(), 2u);
  EXPECT_EQ(r[0].name, "complete");
  EXPECT_FALSE(r[0].passed);
  EXPECT_TRUE(r[1].passed) << "the others are looked at all the same";
}

TEST(Checks, what_says_that_it_does_not_know) {
  const auto c = make({}, {"(?i)\\bnot sure\\b", "^unknown$"});
  EXPECT_TRUE(c->says_unknown("I am Not Sure."));
  EXPECT_TRUE(c->says_unknown("unknown"));
  EXPECT_FALSE(c->says_unknown("unknown territory"));
  EXPECT_FALSE(make({})->says_unknown("I do not know"));
}

class Commands : public ::testing::Test {
 protected:
  void SetUp() override {
    if (const Status s = sandbox::available(); !s) GTEST_SKIP() << s.error().what << "; " << s.error().next;
    char name[] = "/tmp/bitworth-contract-XXXXXX";
    folder_ = ::mkdtemp(name);
    std::filesystem::permissions(folder_, std::filesystem::perms(0755));
  }
  void TearDown() override {
    if (!folder_.empty()) std::filesystem::remove_all(folder_);
  }
  Check command(const std::string& script, uint64_t ms = 10'000) {
    const std::string path = folder_ + "/check.sh";
    std::ofstream(path) << "#!/bin/sh\n" << script << "\n";
    ::chmod(path.c_str(), 0755);
    Check c;
    c.kind = Check::Kind::command;
    c.name = "own";
    c.command = {path, "argument"};
    c.command_ms = ms;
    return c;
  }
  std::string folder_;
};

TEST_F(Commands, exit_code_0_accepts_and_the_first_line_is_the_reason) {
  const auto c = make({command(
      "read line; test \"$line\" = good && exit 0; echo \"$1 says $line is bad\"; echo more; exit 3")});
  EXPECT_EQ(why_not(*c, "good\n"), "");
  EXPECT_EQ(why_not(*c, "evil\n"), "argument says evil is bad");
  EXPECT_EQ(why_not(*make({command("exit 4")}), "x"), "the command ended with exit code 4");
  EXPECT_EQ(why_not(*make({command("kill -9 $$")}), "x"), "the command was ended by signal 9");
  EXPECT_EQ(why_not(*make({command("sleep 60", 300)}), "x"), "the command did not end within 300 ms");
  EXPECT_EQ(why_not(*make({command("printf '\\033[31mred\\377'; exit 1")}), "x"), "\uFFFD[31mred\uFFFD");
}

TEST_F(Commands, a_command_is_not_run_where_something_cheaper_has_refused) {
  const auto c = make({command("exit 0"), regex_check("^good$")});
  const auto refused = c->run({"evil", {}, false});
  ASSERT_EQ(refused.size(), 1u);
  EXPECT_EQ(refused[0].name, "regex");
  const auto passed = c->run({"good", {}, false});
  ASSERT_EQ(passed.size(), 2u);
  EXPECT_EQ(passed[1].name, "own");
  EXPECT_TRUE(passed[1].passed);
}

TEST_F(Commands, one_that_cannot_be_run_has_not_passed) {
  Check c = command("exit 0");
  c.command = {"no-such-command-anywhere"};
  EXPECT_TRUE(has(why_not(*make({c}), "x"), "no such command"));
  c.command = {folder_ + "/gone"};
  EXPECT_TRUE(has(why_not(*make({c}), "x"), "not among what the command may read"));
}

TEST_F(Commands, one_sees_the_paths_it_names_and_no_others) {
  std::ofstream(folder_ + "/list") << "good\n";
  std::ofstream(folder_ + "/secret") << "hunter2\n";
  Check c = command("grep -qx \"$(cat)\" \"$1\" || exit 1; test ! -e " + folder_ + "/secret || exit 2");
  c.command[1] = folder_ + "/list";
  EXPECT_EQ(why_not(*make({c}), "good"), "");
  EXPECT_EQ(why_not(*make({c}), "bad"), "the command ended with exit code 1");
  c.reads = {folder_ + "/secret"};
  EXPECT_EQ(why_not(*make({c}), "good"), "the command ended with exit code 2") << "what it reads is there";
}

}  // namespace
}  // namespace bw::contract
