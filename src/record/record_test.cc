// The record: what the program emits validates against its schema, whatever is unknown; nothing else does.
// Oracle: data/schema/judgement.schema.json through valijson, an independent validator.
#include "record/record.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <valijson/adapters/nlohmann_json_adapter.hpp>
#include <valijson/schema.hpp>
#include <valijson/schema_parser.hpp>
#include <valijson/validator.hpp>

#include "judge/answers.h"
#include "judge/costs.h"
#include "judge/evaluate.h"
#include "judge/verdict.h"

namespace bw::record {
namespace {

using nlohmann::json;

json from_file(const std::string& path) {
  std::ifstream in(std::string(BITWORTH_SOURCE_DIR) + path);
  return json::parse(in);
}

// Empty: valid. Else the first complaint.
std::string complaint(const json& document) {
  static const valijson::Schema* schema = [] {
    static const json source = from_file("/data/schema/judgement.schema.json");
    static valijson::Schema s;
    valijson::SchemaParser().populateSchema(valijson::adapters::NlohmannJsonAdapter(source), s);
    return &s;
  }();
  valijson::ValidationResults results;
  const valijson::adapters::NlohmannJsonAdapter target(document);
  if (valijson::Validator().validate(*schema, target, &results)) return {};
  std::string out = "invalid";
  for (valijson::ValidationResults::Error e; results.popError(e);) {
    out += "\n";
    for (const std::string& part : e.context) out += part;
    out += ": " + e.description;
  }
  return out;
}

scenario::Scenario a_scenario() {
  scenario::Scenario s;
  s.name = "test";
  s.source = "built-in";
  s.sha256 = std::string(64, 'a');
  s.toml = "name = \"test\"\n";
  s.load = {1, 64, 16, 256, 8, 2, 60, 0};
  s.criteria = {{scenario::Axis::memory, "peak", scenario::Bound::at_most, 1e9, "bytes"},
                {scenario::Axis::format, "loads_here", scenario::Bound::at_least, 1, "yes"},
                {scenario::Axis::speed, "ttft_p95_ms", scenario::Bound::at_most, 2000, "ms"}};
  s.tasks = {{"extraction", "snips", 42, 5}};
  s.budget_s = 240;
  return s;
}

// The least a run can know: nothing was run, there is no reference, every figure is as it was born.
judge::Judgement bare() {
  judge::Judgement j;
  j.created = "2026-01-02T03:04:05Z";
  j.scenario = a_scenario();
  j.costs = *judge::declared_costs(j.scenario);
  judge::Candidate c;
  c.name = "small";
  c.path = "small.gguf";
  c.sha256 = std::string(64, 'b');
  c.cost_unknown = "no reference";
  j.candidates.push_back(c);
  j.steps.push_back({"inspect", 0.5, 0, ""});
  return j;
}

void decide(judge::Judgement& j) {
  for (judge::Candidate& c : j.candidates) {
    c.axis(scenario::Axis::degradation) = judge::join({judge::evaluate(j.scenario.tasks[0], c.degradation)});
    c.verdict = judge::decide(c, j.scenario);
    c.answers = judge::answers(c, j.reference);
    c.run_without_bitworth = judge::run_without_bitworth(c, j.scenario);
  }
}

judge::Judgement full() {
  judge::Judgement j = bare();
  judge::Reference r;
  r.name = "good", r.path = "good.gguf", r.sha256 = std::string(64, 'c');
  r.format.bits_per_weight = derived(6.16, "bits");
  r.cases.push_back({"snips/x/1", "extraction", "x", "{}", true, true, 1, "", 3, {1, 2, 3}, 0, 0.1});
  j.reference = r;
  judge::Candidate& c = j.candidates[0];
  c.smaller_than_reference = true;
  c.format.types.push_back({"Q4_0", 10, 1000, 562, 1.0, true});
  // Bytes that are no UTF-8, as a model that stops inside a character writes them, and a hostile text.
  c.degradation.cases.push_back(
      {"snips/x/1", "extraction", "x", "\xe4\xbd</script>\x01", true, false, 0.5, "wrong", 4, {}, 0, 0.1});
  quality::CategoryReport& e = c.degradation.categories["extraction"];
  e.outcome = quality::Equivalence::worse;
  e.n_items = 1;
  e.difference = with_interval(measured(-0.5, "share"), -1, std::numeric_limits<double>::infinity(), 1);
  c.cost = cost::CostReport{};
  c.cost->rule = cost::Rule::moved;
  c.cost->why = "because";
  judge::Candidate control = c;
  control.role = judge::Role::control;
  control.kv_type = engine::KvType::q8;
  j.candidates.push_back(control);
  j.exit_code = 3;
  return j;
}

TEST(Record, validates_when_nothing_is_known_and_when_all_is) {
  for (judge::Judgement j : {bare(), full()}) {
    decide(j);
    EXPECT_EQ(complaint(json::parse(to_json(j))), "");
  }
}

TEST(Record, the_example_of_the_documentation_validates) {
  EXPECT_EQ(complaint(from_file("/data/schema/example-judgement.json")), "");
}

TEST(Record, the_schema_refuses_a_merged_score_a_missing_axis_and_a_figure_without_birth) {
  judge::Judgement j = full();
  decide(j);
  const json good = json::parse(to_json(j));
  ASSERT_EQ(complaint(good), "");
  const auto refused = [&](const std::function<void(json&)>& change) {
    json bad = good;
    change(bad);
    return !complaint(bad).empty();
  };
  EXPECT_TRUE(refused([](json& x) { x["candidates"][0]["score"] = 0.7; }));
  EXPECT_TRUE(refused([](json& x) { x["score"] = 0.7; }));
  EXPECT_TRUE(refused([](json& x) { x["candidates"][0]["axes"]["overall"] = json::object(); }));
  EXPECT_TRUE(refused([](json& x) { x["candidates"][0]["verdict"]["score"] = 1; }));
  EXPECT_TRUE(refused([](json& x) { x["candidates"][0]["axes"].erase("speed"); }));
  EXPECT_TRUE(refused([](json& x) { x["reference"]["bits_per_weight"].erase("birth"); }));
  EXPECT_TRUE(refused([](json& x) { x["reference"]["bits_per_weight"]["birth"] = "unknown"; }));
  EXPECT_TRUE(refused([](json& x) { x["candidates"][1]["verdict"]["word"] = "worth it"; }));
  EXPECT_TRUE(refused([](json& x) { x["candidates"] = json::array(); }));
  EXPECT_TRUE(refused([](json& x) { x["candidates"][0]["kv_type"] = "q4"; }));
  EXPECT_TRUE(refused([](json& x) { x["reference"].erase("kv_type"); }));
  EXPECT_TRUE(refused([](json& x) { x["host"]["machine_secret"] = 1; }));
}

TEST(Record, holds_what_was_found_word_for_word) {
  judge::Judgement j = full();
  decide(j);
  const json x = json::parse(to_json(j));
  EXPECT_EQ(x["numerics"], "BN1");
  EXPECT_EQ(x["exit_code"], 3);
  EXPECT_EQ(x["candidates"][0]["verdict"]["word"], "not worth it");
  EXPECT_EQ(x["candidates"][0]["rule"]["state"], "fired");
  EXPECT_EQ(x["reference"]["kv_type"], "f16");
  EXPECT_EQ(x["candidates"][0]["kv_type"], "f16");
  EXPECT_EQ(x["candidates"][1]["kv_type"], "q8");
  EXPECT_EQ(x["candidates"][0]["cases"][0]["output"], "\xef\xbf\xbd</script>\x01");
  EXPECT_EQ(x["candidates"][0]["categories"]["extraction"]["outcome"], "worse");
  EXPECT_TRUE(x["candidates"][0]["categories"]["extraction"]["figures"]["difference"]["high"].is_null())
      << "JSON has no infinity";
  EXPECT_TRUE(x["candidates"][0]["axes"]["speed"]["figures"]["load_s"]["value"].is_null());
  bool cost_default = false;
  for (const json& v : x["scenario"]["values"])
    cost_default |= v["key"] == "cost.review_seconds" && v["default"] == true && v["value"].is_number();
  EXPECT_TRUE(cost_default) << "a cost nobody declared stands in the record with its default";
}

TEST(Record, is_written_whole_or_not_at_all) {
  judge::Judgement j = bare();
  decide(j);
  const std::string dir = testing::TempDir() + "/bitworth_record_test";
  std::filesystem::create_directories(dir);
  ASSERT_TRUE(write(j, dir + "/judgement.json"));
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(dir), {}), 1) << "no temporary is left";
  const Status s = write(j, dir + "/nowhere/judgement.json");
  ASSERT_FALSE(s);
  EXPECT_NE(s.error().what.find("nowhere"), std::string::npos);
  EXPECT_FALSE(s.error().next.empty());
  std::filesystem::remove_all(dir);
}

}  // namespace
}  // namespace bw::record
