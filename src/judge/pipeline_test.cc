// The whole pipeline on a real model against itself, which must change nothing; resumed after an interruption
// in the middle of the tasks, which must lose nothing and do nothing twice. Oracle: identity, and a store
// that counts.
#include "judge/pipeline.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <map>

#include "base/file.h"
#include "speed/wire.h"

namespace bw::judge {
namespace {

struct Counting : quality::CaseStore {
  std::map<std::string, std::string> all;
  std::map<std::string, int> saves;
  std::function<void()> on_save;
  std::optional<std::string> find(const std::string& key) override {
    const auto at = all.find(key);
    return at == all.end() ? std::nullopt : std::optional(at->second);
  }
  Status save(const std::string& key, const std::string& json) override {
    all[key] = json;
    ++saves[key];
    if (on_save) on_save();
    return {};
  }
};

// A measurement without a child: 50 tokens/s.
Result<speed::Measured> measured_by_fake(const std::string&, const speed::Load& load,
                                         const speed::Progress&) {
  speed::ChildAnswer a;
  uint64_t now = 0;
  for (uint32_t i = 0; i < load.n_requests; ++i) {
    speed::RequestSample r;
    r.sent_ns = now;
    for (uint32_t t = 0; t < load.output_tokens; ++t) r.token_ns.push_back(now += 20'000'000);
    a.samples.requests.push_back(r);
  }
  a.samples.end_ns = now;
  a.samples.first_output = {1};
  a.around = {0.5, 1, 1000, measured(1e9, "bytes/s")};
  a.peak_bytes = 150 << 20;
  a.isa = "fake";
  a.n_threads = 2;
  speed::Measured m;
  m.raw = speed::to_json(a);
  return m;
}

Inputs on_a_laptop() {
  setenv("BITWORTH_DATA", BITWORTH_SOURCE_DIR "/data", 1);
  Inputs in;
  auto scenario = scenario::load("laptop");
  if (!scenario) throw std::runtime_error(scenario.error().what);
  in.scenario = *scenario;
  return in;
}

TEST(Pipeline, a_model_against_itself_changes_nothing_and_an_interruption_loses_nothing) {
  const std::string model = cache_dir() + "/models/smollm2-135m.gguf";
  if (!std::filesystem::exists(model)) GTEST_SKIP() << model << " is missing: ./dev model smollm2";
  Inputs in = on_a_laptop();
  in.n_items = 8;
  in.budget_s = 600;
  in.reference = CandidateInput{model, "", Role::candidate};
  in.candidates = {{model, "itself", Role::candidate}};
  Counting store;
  std::atomic<bool> cancel{false};
  Services services;
  services.store = &store;
  services.cancel = &cancel;
  services.measure = measured_by_fake;
  services.utc_now = [] { return "2026-01-02T03:04:05Z"; };
  int n_first = 0;
  services.first_figures = [&](const Judgement& j) {
    ++n_first;
    EXPECT_TRUE(j.candidates.at(0).memory.report.planned.known());
    EXPECT_GT(j.candidates.at(0).format.bits_per_weight.value, 4);
    EXPECT_EQ(j.steps.size(), 2u) << "inspect and plan: before anything is run";
  };

  // Interrupted by the third case of the reference.
  int cases = 0;
  store.on_save = [&] {
    cases += store.saves.size() > 5;
    if (cases == 3) cancel = true;
  };
  auto interrupted = judge(in, services);
  ASSERT_FALSE(interrupted);
  EXPECT_EQ(interrupted.error().code, Code::failed);
  EXPECT_NE(interrupted.error().next.find("--resume"), std::string::npos) << interrupted.error().next;
  const auto kept = store.all;
  ASSERT_GE(kept.size(), 3u);

  cancel = false;
  store.on_save = {};
  auto j = judge(in, services);
  ASSERT_TRUE(j) << j.error().what;
  EXPECT_EQ(n_first, 2);
  for (const auto& [key, n] : store.saves) EXPECT_EQ(n, 1) << key << ": done twice";

  ASSERT_EQ(j->candidates.size(), 1u);
  const Candidate& c = j->candidates[0];
  EXPECT_EQ(c.sha256, j->reference->sha256);
  ASSERT_TRUE(c.degradation.divergence) << c.degradation.divergence_unknown;
  EXPECT_EQ(c.degradation.divergence->kld_mean.value, 0) << "BN1: the same file gives the same bits";
  EXPECT_EQ(c.degradation.divergence->same_top.value, 1);
  ASSERT_EQ(c.degradation.cases.size(), 8u);
  for (size_t i = 0; i < 8; ++i) {
    EXPECT_EQ(c.degradation.cases[i].output, j->reference->cases.at(i).output);
    EXPECT_FALSE(c.degradation.cases[i].output.empty());
  }
  const quality::CategoryReport& extraction = c.degradation.categories.at("extraction");
  EXPECT_EQ(extraction.difference.value, 0);
  EXPECT_EQ(extraction.flips_worse + extraction.flips_better, 0u);
  EXPECT_NE(extraction.outcome, quality::Equivalence::equivalent)
      << "eight items prove nothing, and no control ran";
  EXPECT_EQ(c.verdict.word, Word::not_worth_it) << "it is not smaller than its reference";
  EXPECT_EQ(j->exit_code, 3);
  EXPECT_EQ(j->steps.size(), 6u);

  // Once more with everything finished: nothing is run.
  const auto before = store.saves;
  auto again = judge(in, services);
  ASSERT_TRUE(again) << again.error().what;
  EXPECT_EQ(store.saves, before);
  EXPECT_EQ(again->candidates[0].degradation.cases.size(), 8u);
}

// Half the bytes a cached value needs: 64 values in q8 are 64 bytes and a scale of 4, in f16 128.
TEST(Pipeline, the_type_of_cache_reaches_plan_measurement_answers_and_hints_of_candidates_alone) {
  const std::string model = cache_dir() + "/models/smollm2-135m.gguf";
  if (!std::filesystem::exists(model)) GTEST_SKIP() << model << " is missing: ./dev model smollm2";
  Inputs in = on_a_laptop();
  in.scenario.load.kv = engine::KvType::q8;
  in.n_items = 2;
  in.budget_s = 600;
  in.reference = CandidateInput{model, "", Role::candidate};
  in.candidates = {{model, "itself", Role::candidate}};
  Counting store;
  Services services;
  services.store = &store;
  std::map<engine::KvType, int> n_measured;
  services.measure = [&](const std::string& path, const speed::Load& load, const speed::Progress& told) {
    ++n_measured[load.kv_type];
    return measured_by_fake(path, load, told);
  };
  auto j = judge(in, services);
  ASSERT_TRUE(j) << j.error().what;
  const Candidate& c = j->candidates.at(0);
  EXPECT_EQ(j->reference->kv_type, engine::KvType::f16);
  EXPECT_EQ(c.kv_type, engine::KvType::q8);
  EXPECT_EQ(n_measured[engine::KvType::f16], 2);
  EXPECT_EQ(n_measured[engine::KvType::q8], 4);
  EXPECT_NEAR(c.memory.report.kv.value / j->reference->memory.report.kv.value, 68.0 / 128, 0.01);
  ASSERT_TRUE(c.degradation.divergence) << c.degradation.divergence_unknown;
  EXPECT_GT(c.degradation.divergence->kld_mean.value, 0) << "the noise of the cache itself";
  EXPECT_NE(c.run_without_bitworth.at(0).text.find("--cache-type-k q8_0"), std::string::npos);
  std::string limits;
  for (const std::string& s : j->limits_of_this_run) limits += s + "\n";
  EXPECT_NE(limits.find("byte for byte; only the KV cache differs"), std::string::npos) << limits;

  // The command line's word counts before the scenario's, and f16 takes nothing of what q8 saved but the
  // reference's.
  in.kv_type = engine::KvType::f16;
  n_measured.clear();
  j = judge(in, services);
  ASSERT_TRUE(j) << j.error().what;
  EXPECT_EQ(j->candidates[0].kv_type, engine::KvType::f16);
  EXPECT_EQ(j->candidates[0].degradation.divergence->kld_mean.value, 0);
  EXPECT_EQ(n_measured[engine::KvType::q8], 0);
}

TEST(Pipeline, refuses_early_what_cannot_be_judged) {
  setenv("BITWORTH_DATA", BITWORTH_SOURCE_DIR "/data", 1);
  Counting store;
  Services services;
  services.store = &store;
  services.measure = measured_by_fake;
  Inputs in;
  auto scenario = scenario::load("laptop");
  ASSERT_TRUE(scenario);
  in.scenario = *scenario;
  auto none = judge(in, services);
  ASSERT_FALSE(none);
  EXPECT_NE(none.error().what.find("no candidate"), std::string::npos);

  in.candidates = {{"/nowhere/x.gguf", "", Role::candidate}};
  auto gone = judge(in, services);
  ASSERT_FALSE(gone);
  EXPECT_NE(gone.error().what.find("/nowhere/x.gguf"), std::string::npos) << gone.error().what;

  in.scenario.tasks[0].suite = "snps";
  auto suite = judge(in, services);
  ASSERT_FALSE(suite);
  EXPECT_EQ(suite.error().code, Code::bad_input);
  EXPECT_NE((suite.error().what + suite.error().next).find("snips"), std::string::npos) << suite.error().what;

  in.scenario.tasks[0] = {"code", "snips", 10, 5};
  auto category = judge(in, services);
  ASSERT_FALSE(category);
  EXPECT_NE(category.error().what.find("extraction"), std::string::npos) << category.error().what;

  in.budget_s = 0;
  EXPECT_FALSE(judge(in, services));
}

// Measuring one file takes a minute of a clock that only that moves; the budget is 20 s.
TEST(Pipeline, a_budget_too_short_for_all_is_exceeded_by_one_piece_of_work_and_the_rest_is_named) {
  setenv("BITWORTH_DATA", BITWORTH_SOURCE_DIR "/data", 1);
  const std::string models = cache_dir() + "/models/";
  for (const char* name : {"smollm2-135m", "qwen2.5-coder-0.5b"})
    if (!std::filesystem::exists(models + name + ".gguf"))
      GTEST_SKIP() << models << name << ".gguf is missing: ./dev model smollm2, ./dev model qwen0.5b";
  Inputs in;
  auto scenario = scenario::load("laptop");
  ASSERT_TRUE(scenario) << scenario.error().what;
  in.scenario = *scenario;
  in.n_items = 8;
  in.budget_s = 20;
  in.command = "bitworth judge --scenario laptop a.gguf";
  in.reference = CandidateInput{models + "qwen2.5-coder-0.5b.gguf", "", Role::candidate};
  in.candidates = {{models + "smollm2-135m.gguf", "small", Role::candidate}};
  Counting store;
  Services services;
  services.store = &store;
  uint64_t now = 0;
  int n_measured = 0;
  services.clock = [&] { return now; };
  services.measure = [&](const std::string& path, const speed::Load& load, const speed::Progress& progress) {
    ++n_measured;
    now += 60'000'000'000;
    return measured_by_fake(path, load, progress);
  };
  auto j = judge(in, services);
  ASSERT_TRUE(j) << j.error().what;
  EXPECT_EQ(n_measured, 1);
  EXPECT_EQ(now, 60'000'000'000u);
  std::string limits;
  for (const std::string& s : j->limits_of_this_run) limits += s + "\n";
  EXPECT_NE(
      limits.find("speed: 1 of 2 files were not measured for lack of time: --resume --items 8 --budget 5m"),
      std::string::npos)
      << limits;
  EXPECT_NE(limits.find("the budget of 20 s was exceeded by 40 s: what had begun was finished (measuring "
                        "qwen2.5-coder-0.5b, round 1 of 2)"),
            std::string::npos)
      << limits;
  EXPECT_EQ(j->go_on, "bitworth judge --scenario laptop a.gguf --items 8 --resume --budget 5m");
  EXPECT_EQ(j->candidates[0].speed.report.ttft_p50_ms.birth, Birth::unknown);
}

TEST(Pipeline, required_resolution_that_is_not_to_be_had_ends_before_anything_runs_and_says_one_thing) {
  setenv("BITWORTH_DATA", BITWORTH_SOURCE_DIR "/data", 1);
  const std::string vectors = std::string(BITWORTH_SOURCE_DIR) + "/data/vectors/bn1/";
  Inputs in;
  auto scenario = scenario::load("laptop");
  ASSERT_TRUE(scenario) << scenario.error().what;
  in.scenario = *scenario;
  in.n_items = 8;
  in.require_resolution = true;
  in.command = "bitworth judge --scenario laptop a.gguf";
  in.candidates = {{vectors + "baby-Q4_0.gguf", "", Role::candidate}};
  // A bound that the file breaks by its size alone: still nothing was judged.
  for (scenario::Criterion& c : in.scenario.criteria)
    if (c.figure == "peak") c.value = 1;
  Counting store;
  Services services;
  services.store = &store;
  services.measure = [](const std::string&, const speed::Load&,
                        const speed::Progress&) -> Result<speed::Measured> {
    ADD_FAILURE() << "something was measured";
    return failed("no");
  };
  int n_first = 0;
  services.first_figures = [&](const Judgement&) { ++n_first; };
  auto j = judge(in, services);
  ASSERT_TRUE(j) << j.error().what;
  EXPECT_EQ(j->exit_code, 5);
  EXPECT_EQ(n_first, 0);
  const Verdict& v = j->candidates[0].verdict;
  EXPECT_EQ(v.word, Word::cannot_tell);
  ASSERT_EQ(v.why.size(), 1u);
  EXPECT_NE(v.why[0].find("extraction: 8 items can show"), std::string::npos) << v.why[0];
  EXPECT_EQ(j->go_on, "bitworth judge --scenario laptop a.gguf --require-resolution --items 215");
}

}  // namespace
}  // namespace bw::judge
