// Scenarios: what a good file becomes, and that every wrong one is refused at the right line and column.
// Oracle: lines and columns counted by hand in the texts below; the built-ins' own files.
#include "scenario/scenario.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>

#include "scenario/quantity.h"

namespace bw::scenario {
namespace {

struct DataHere : testing::Test {
  static void SetUpTestSuite() { setenv("BITWORTH_DATA", BITWORTH_SOURCE_DIR "/data", 1); }
};
using Scenarios = DataHere;

const char* kGood = R"(name = "mine"
[load]
streams = 2
prompt_tokens = 64
output_tokens = 16
context = 256
requests = 8
[format]
loads_here = true
[memory]
peak = { at_most = "1.5 GiB" }
[speed]
ttft_p95_ms = { at_most = "2 s" }
[tasks.extraction]
suite = "snips"
items = 100
[degradation.margin]
extraction = 5
[cost]
review_seconds = 20
[budget]
time = "3m"
)";

std::string replaced(const std::string& from, const std::string& to) {
  std::string s = kGood;
  const size_t at = s.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return s.replace(at, from.size(), to);
}

const Criterion* criterion(const Scenario& s, const std::string& figure) {
  for (const Criterion& c : s.criteria)
    if (c.figure == figure) return &c;
  return nullptr;
}

TEST_F(Scenarios, a_whole_file_is_read_with_units_and_knows_what_the_user_set) {
  auto r = parse(kGood, "mine.toml", false);
  ASSERT_TRUE(r) << r.error().what;
  const Scenario& s = *r;
  EXPECT_EQ(s.load.streams, 2u);
  EXPECT_EQ(s.load.kv, kernels::KvType::f16);
  ASSERT_NE(criterion(s, "peak"), nullptr);
  EXPECT_EQ(criterion(s, "peak")->value, 1.5 * 1024 * 1024 * 1024);
  EXPECT_EQ(criterion(s, "ttft_p95_ms")->value, 2000);
  EXPECT_EQ(describe(*criterion(s, "peak")), "at most 1536 MiB");
  EXPECT_EQ(s.budget_s, 180);
  EXPECT_EQ(s.tasks.at(0).margin_points, 5);
  EXPECT_EQ(s.costs.values.at("review_seconds"), 20);
  EXPECT_FALSE(s.is_default("load.streams"));
  EXPECT_FALSE(s.is_default("cost.review_seconds"));
  EXPECT_TRUE(s.is_default("rule.max_moved_share"));
  EXPECT_EQ(s.declared_figure("rule.max_moved_share", 0.05, "share").reason, "default, not yours");
  EXPECT_EQ(s.declared_figure("load.streams", 2, "streams").reason, "");
  EXPECT_EQ(s.toml, kGood);
}

TEST_F(Scenarios, a_type_of_cache_is_a_setting_of_the_load) {
  auto r = parse(replaced("streams = 2", "streams = 2\nkv = \"q8\""), "mine.toml", false);
  ASSERT_TRUE(r) << r.error().what;
  EXPECT_EQ(r->load.kv, kernels::KvType::q8);
  size_t n = 0;
  for (const Setting& x : settings(*r))
    if (x.key == "load.kv") {
      ++n;
      EXPECT_EQ(x.text, "q8");
      EXPECT_FALSE(x.is_default);
    }
  EXPECT_EQ(n, 1u);
}

TEST_F(Scenarios, every_setting_says_whether_anybody_declared_it) {
  auto r = parse(kGood, "mine.toml", false);
  ASSERT_TRUE(r) << r.error().what;
  int seen = 0;
  for (const Setting& x : settings(*r)) {
    EXPECT_EQ(x.is_default, r->given.count(x.key) == 0) << x.key;
    if (x.key == "cost.review_seconds") {
      ++seen;
      EXPECT_EQ(x.unit, "s");
    }
    if (x.key == "power.watts") {
      ++seen;
      EXPECT_FALSE(x.number.has_value());
    }
    if (x.key == "rule.attempts") {
      ++seen;
      EXPECT_TRUE(x.is_default);
    }
  }
  EXPECT_EQ(seen, 3);
}

TEST_F(Scenarios, what_is_wrong_is_named_with_line_and_column) {
  struct Bad {
    std::string text, where, says;
  };
  const Bad table[] = {
      {replaced("streams = 2", "streams = nan"),
       "t.toml:3:11:", "load.streams: expected a whole number from 1 to 256"},
      {replaced("streams = 2", "streams = -1"), "t.toml:3:11:", "found the whole number -1"},
      {replaced("streams = 2", "streams = 0"), "t.toml:3:11:", "from 1"},
      {replaced("streams = 2", "streams = \"2\""), "t.toml:3:11:", "found the text \"2\""},
      {replaced("streams = 2", "streams = 2\nkv = \"q4\""),
       "t.toml:4:6:", "load.kv: expected \"f16\" or \"q8\", found the text \"q4\""},
      {replaced("streams = 2", "streams = 2\nkv = 8"),
       "t.toml:4:6:", "load.kv: expected \"f16\" or \"q8\", found the whole number 8"},
      {replaced("streams = 2", "steams = 2"),
       "t.toml:3:1:", "load.steams: unknown key; the nearest known one is streams"},
      {replaced("[load]", "[laod]"), "t.toml:2:2:", "laod: unknown key; the nearest known one is load"},
      {replaced("peak = { at_most = \"1.5 GiB\" }", "peek = { at_most = 1 }"),
       "t.toml:11:1:", "memory.peek: unknown key; the nearest known one is peak"},
      {replaced("peak = { at_most = \"1.5 GiB\" }", ""), "t.toml:10:1:", "[memory] is empty"},
      {replaced("at_most = \"1.5 GiB\"", "at_most = nan"), "t.toml:11:20:", "expected a finite number"},
      {replaced("at_most = \"1.5 GiB\"", "at_most = inf"), "t.toml:11:20:", "expected a finite number"},
      {replaced("at_most = \"1.5 GiB\"", "at_most = -5"), "t.toml:11:20:", "of at least 0"},
      {replaced("at_most = \"1.5 GiB\"", "at_most = 0"), "t.toml:11:20:", "a number above 0"},
      {replaced("at_most = \"1.5 GiB\"", "at_most = \"1.5 XiB\""),
       "t.toml:11:20:", "one of B, bytes, KiB, MiB, GiB"},
      {replaced("at_most = \"1.5 GiB\"", "at_most = \"1.5\""), "t.toml:11:20:", "a number and one of B"},
      {replaced("at_most = \"1.5 GiB\"", "at_least = 5"), "t.toml:11:10:", "can only be bounded by at_most"},
      {replaced("at_most = \"1.5 GiB\"", "at_mots = 5"), "t.toml:11:10:", "the nearest known one is at_most"},
      {replaced("{ at_most = \"1.5 GiB\" }", "7"), "t.toml:11:8:", "memory.peak: expected { at_most = ... }"},
      {replaced("{ at_most = \"1.5 GiB\" }", "{}"),
       "t.toml:11:8:", "memory.peak: expected { at_most = ... }"},
      {replaced("loads_here = true", "loads_here = false"), "t.toml:9:14:", "cannot fail"},
      {replaced("loads_here = true", "on_label_share = { at_least = 1.2 }"), "t.toml:9:31:", "from 0 to 1"},
      {replaced("extraction = 5", "extraction = 0"), "t.toml:18:14:", "no test can show a margin of 0"},
      {replaced("extraction = 5", "extraction = -3"), "t.toml:18:14:", "from 0 to 100"},
      {replaced("extraction = 5", "extracton = 5"), "t.toml:18:1:", "the nearest known one is extraction"},
      {replaced("review_seconds = 20", "review_seconds = -1"), "t.toml:20:18:", "of at least 0"},
      {replaced("review_seconds = 20", "review_second = 1"), "t.toml:20:1:", "review_seconds"},
      {replaced("\"3m\"", "\"3 weeks\""), "t.toml:22:8:", "one of ms, s, m, min, h"},
      {replaced("name = \"mine\"", "name = \"mine"), "t.toml:1:13:", "not TOML"},
      {replaced("name = \"mine\"", "extends = \"desk\""), "t.toml:1:11:", "laptop, nas or server"},
  };
  for (const Bad& b : table) {
    auto r = parse(b.text, "t.toml", false);
    ASSERT_FALSE(r) << b.says;
    EXPECT_EQ(r.error().code, Code::bad_input);
    EXPECT_EQ(r.error().what.substr(0, b.where.size()), b.where) << r.error().what;
    EXPECT_NE(r.error().what.find(b.says), std::string::npos) << r.error().what;
  }
}

TEST_F(Scenarios, what_is_missing_is_named_with_an_example) {
  const std::pair<std::string, std::string> table[] = {
      {replaced("name = \"mine\"\n", ""), "name is missing"},
      {replaced("streams = 2\n", ""), "load.streams is missing"},
      {replaced("[format]\nloads_here = true\n", ""), "a criterion on the format axis is missing"},
      {replaced("[memory]\npeak = { at_most = \"1.5 GiB\" }\n", ""),
       "a criterion on the memory axis is missing"},
      {replaced("[speed]\nttft_p95_ms = { at_most = \"2 s\" }\n", ""),
       "a criterion on the speed axis is missing"},
      {replaced("[degradation.margin]\nextraction = 5\n", ""), "degradation.margin.extraction is missing"},
      {replaced("items = 100\n", ""), "tasks.extraction.items is missing"},
      {replaced("[tasks.extraction]\nsuite = \"snips\"\nitems = 100\n[degradation.margin]\nextraction = 5\n",
                ""),
       "degradation axis is missing"},
      {replaced("[budget]\ntime = \"3m\"\n", ""), "budget.time is missing"},
      {replaced("context = 256", "context = 79"), "at least prompt_tokens + output_tokens = 80, found 79"},
      {replaced("requests = 8", "requests = 8\nfirst_token_probes = 60"), "only with streams = 1"},
  };
  for (const auto& [text, says] : table) {
    auto r = parse(text, "t.toml", false);
    ASSERT_FALSE(r) << says;
    EXPECT_NE(r.error().what.find(says), std::string::npos) << r.error().what;
  }
}

TEST_F(Scenarios, built_ins_load_and_differ_in_kind) {
  std::vector<Scenario> all;
  for (const std::string& which : built_in_names()) {
    auto r = load(which);
    ASSERT_TRUE(r) << r.error().what;
    EXPECT_EQ(r->name, which);
    EXPECT_EQ(r->source, "built-in");
    EXPECT_TRUE(r->given.empty()) << "nobody declared what is built in";
    EXPECT_EQ(r->sha256.size(), 64u);
    all.push_back(std::move(*r));
  }
  EXPECT_EQ(all[0].load.streams, 1u);
  EXPECT_NE(criterion(all[0], "ttft_p95_ms"), nullptr);
  // A p95 has no upper bound below 59 observations, a p99 none below 299: a default that could never hold is
  // no use.
  EXPECT_GE(all[0].load.requests + all[0].load.first_token_probes, 59u);
  EXPECT_GE(all[1].load.streams, 2u);
  EXPECT_LE(all[1].load.streams, 4u);
  EXPECT_NE(criterion(all[1], "wh_per_accepted_output"), nullptr);
  EXPECT_FALSE(all[1].watts.has_value());
  for (const char* figure : {"e2e_p99_over_p50", "spread", "digests_differing", "load_s"})
    EXPECT_NE(criterion(all[2], figure), nullptr) << figure;
  EXPECT_GE(all[2].load.requests, 299u);
}

TEST_F(Scenarios, a_file_may_extend_a_built_in_and_only_its_own_keys_are_the_users) {
  auto r = parse(
      "extends = \"nas\"\nname = \"attic\"\n[power]\nwatts = 14\n[memory]\npeak = { at_most = \"1 GiB\" }\n",
      "attic.toml", false);
  ASSERT_TRUE(r) << r.error().what;
  EXPECT_EQ(r->name, "attic");
  EXPECT_EQ(r->load.streams, 3u);
  EXPECT_EQ(r->watts, 14);
  EXPECT_FALSE(r->is_default("power.watts"));
  EXPECT_TRUE(r->is_default("load.streams"));
  EXPECT_EQ(criterion(*r, "peak")->value, 1024.0 * 1024 * 1024);
  EXPECT_NE(criterion(*r, "share_of_limit"), nullptr) << "the rest of the built-in's criteria stay";
  EXPECT_EQ(std::count_if(r->criteria.begin(), r->criteria.end(), [](auto& c) { return c.figure == "peak"; }),
            1);
}

TEST_F(Scenarios, no_scenario_is_refused_with_the_reason) {
  auto none = load("");
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code, Code::bad_input);
  EXPECT_NE(none.error().what.find("no verdict without one"), std::string::npos);
  EXPECT_NE(none.error().next.find("laptop"), std::string::npos);
  auto typo = load("labtop");
  ASSERT_FALSE(typo);
  EXPECT_NE(typo.error().what.find("the nearest is laptop"), std::string::npos) << typo.error().what;
  auto gone = load("/nowhere/x.toml");
  ASSERT_FALSE(gone);
  EXPECT_NE(gone.error().what.find("/nowhere/x.toml"), std::string::npos);
}

TEST(Nearest, finds_a_swap_and_gives_up_on_nonsense) {
  const std::vector<std::string> names{"streams", "requests", "rounds"};
  EXPECT_EQ(nearest("stremas", names), "streams");
  EXPECT_EQ(nearest("request", names), "requests");
  EXPECT_EQ(nearest("zzzzzzzz", names), "");
}

}  // namespace
}  // namespace bw::scenario
