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

TEST(Pipeline, a_model_against_itself_changes_nothing_and_an_interruption_loses_nothing) {
  const std::string model = cache_dir() + "/models/smollm2-135m.gguf";
  if (!std::filesystem::exists(model)) GTEST_SKIP() << model << " is missing: ./dev model smollm2";
  setenv("BITWORTH_DATA", BITWORTH_SOURCE_DIR "/data", 1);
  Inputs in;
  auto scenario = scenario::load("laptop");
  ASSERT_TRUE(scenario) << scenario.error().what;
  in.scenario = *scenario;
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

}  // namespace
}  // namespace bw::judge
