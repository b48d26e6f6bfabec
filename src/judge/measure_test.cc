// The step measure: order of the sweeps, what the budget leaves out, resuming, failures. Oracle: the list of
// calls a fake measurement was given, on a fake clock.
#include <gtest/gtest.h>

#include <map>
#include <set>

#include "judge/costs.h"
#include "judge/run.h"
#include "speed/wire.h"

namespace bw::judge {
namespace {

constexpr uint64_t ms = 1'000'000;

struct Memory : quality::CaseStore {
  std::map<std::string, std::string> all;
  std::optional<std::string> find(const std::string& key) override {
    const auto at = all.find(key);
    return at == all.end() ? std::nullopt : std::optional(at->second);
  }
  Status save(const std::string& key, const std::string& json) override {
    all[key] = json;
    return {};
  }
};

speed::ChildAnswer answer(const speed::Load& load, engine::Token id) {
  speed::ChildAnswer a;
  uint64_t now = 0;
  for (uint32_t i = 0; i < load.n_requests; ++i) {
    speed::RequestSample r;
    r.sent_ns = now;
    for (uint32_t t = 0; t < load.output_tokens; ++t) r.token_ns.push_back(now += 100 * ms);
    a.samples.requests.push_back(r);
  }
  a.samples.end_ns = now;
  a.samples.first_output = {id};
  a.around = {1, 1, 1000, measured(1e9, "bytes/s")};
  a.peak_bytes = 5000;
  a.isa = "scalar";
  a.n_threads = 2;
  return a;
}

// A run over a reference, two candidates and a control, without files.
struct Measuring : testing::Test {
  Inputs inputs;
  Services services;
  Memory store;
  uint64_t now = 0;
  double seconds_each = 1;
  std::vector<std::string> calls;
  std::map<std::string, std::string> fails;  // path -> error
  std::function<engine::Token(size_t)> token = [](size_t) { return 7; };

  void SetUp() override {
    inputs.scenario.load = {1, 64, 4, 256, 8, 2, 60, 2};
    inputs.scenario.budget_s = 1000;
    services.store = &store;
    services.clock = [this] { return now; };
    services.measure = [this](const std::string& path, const speed::Load& load,
                              const speed::Progress&) -> Result<speed::Measured> {
      calls.push_back(path + (load.output_tokens == 1 ? " probe " : " main ") +
                      std::to_string(load.n_requests));
      now += static_cast<uint64_t>(seconds_each * 1e9);
      if (const auto f = fails.find(path); f != fails.end()) return failed(f->second);
      speed::Measured m;
      m.raw = speed::to_json(answer(load, token(calls.size())));
      return m;
    };
  }
  judge::Run run() {
    judge::Run r(inputs, services);
    r.budget_s = inputs.scenario.budget_s;
    r.started_ns = now;
    r.judgement.reference.emplace();
    r.judgement.candidates.resize(3);
    const char* paths[] = {"ref", "a", "b", "control"};
    for (size_t i = 0; i < 4; ++i) {
      Subject s;
      s.input = {paths[i], paths[i], i == 3 ? Role::control : Role::candidate};
      s.is_reference = i == 0;
      s.sha256 = paths[i];
      r.subjects.push_back(std::move(s));
    }
    r.subjects[0].memory = &r.judgement.reference->memory;
    r.subjects[0].speed = &r.judgement.reference->speed;
    for (size_t i = 0; i < 3; ++i) {
      Candidate& c = r.judgement.candidates[i];
      r.subjects[i + 1].memory = &c.memory;
      r.subjects[i + 1].speed = &c.speed;
      r.subjects[i + 1].candidate = &c;
    }
    return r;
  }
  static bool says(const judge::Run& r, const std::string& words) {
    for (const std::string& s : r.judgement.limits_of_this_run)
      if (s.find(words) != std::string::npos) return true;
    return false;
  }
};

TEST_F(Measuring, goes_a_b_a_b_and_leaves_the_control_out) {
  judge::Run r = run();
  ASSERT_TRUE(measure(r));
  const std::vector<std::string> expected{"ref main 4", "a main 4",   "b main 4",   "a probe 30",
                                          "b probe 30", "a probe 30", "b probe 30", "ref main 4",
                                          "a main 4",   "b main 4"};
  EXPECT_EQ(calls, expected);
  const SpeedFindings& a = r.judgement.candidates[0].speed;
  EXPECT_EQ(a.report.ttft_p95_ms.n, 68) << "two rounds of 4 requests and of 30 probes";
  EXPECT_TRUE(a.report.ttft_p95_ms.high.has_value());
  EXPECT_EQ(a.report.e2e_p50_ms.n, 8);
  EXPECT_EQ(a.digests_differing.value, 0);
  EXPECT_EQ(r.judgement.candidates[0].memory.report.peak.value, 5000);
  EXPECT_EQ(r.judgement.candidates[2].speed.report.load_s.reason, "a control is never deployed");
  EXPECT_TRUE(says(r, "control: speed and peak were not measured"));
  EXPECT_EQ(r.judgement.host.isa, "scalar");
}

TEST_F(Measuring, leaves_out_what_the_budget_cannot_hold_and_says_how_to_go_on) {
  inputs.scenario.budget_s = 100;  // 45 s for this step
  seconds_each = 12;               // three files: 36 s a sweep
  judge::Run r = run();
  ASSERT_TRUE(measure(r));
  // After the first sweep 9 s are left: two probes of 31 x 100 ms, a load and a second, are guessed at 10.2
  // s.
  EXPECT_EQ(calls.size(), 3u);
  EXPECT_TRUE(says(r, "3 of 4 sweeps over the files were left out"));
  EXPECT_TRUE(says(r, "--resume --budget"));
  EXPECT_FALSE(r.judgement.candidates[0].speed.report.ttft_p95_ms.high.has_value())
      << "no bound from 4 requests";
  EXPECT_FALSE(r.judgement.candidates[0].speed.digests_differing.known()) << "one repeat shows nothing";
}

TEST_F(Measuring, a_resumed_run_measures_only_what_is_missing) {
  inputs.scenario.budget_s = 100;
  seconds_each = 12;
  judge::Run first = run();
  ASSERT_TRUE(measure(first));
  inputs.scenario.budget_s = 10000;
  calls.clear();
  judge::Run second = run();
  ASSERT_TRUE(measure(second));
  const std::vector<std::string> expected{"a probe 30", "b probe 30", "a probe 30", "b probe 30",
                                          "ref main 4", "a main 4",   "b main 4"};
  EXPECT_EQ(calls, expected);
  EXPECT_EQ(second.n_reused, 3u);
  calls.clear();
  judge::Run third = run();
  ASSERT_TRUE(measure(third));
  EXPECT_TRUE(calls.empty());
  EXPECT_EQ(third.judgement.candidates[1].speed.report.ttft_p95_ms.n, 68);
}

TEST_F(Measuring, what_was_saved_in_a_form_that_cannot_be_read_is_measured_again) {
  judge::Run first = run();
  ASSERT_TRUE(measure(first));
  const size_t n = calls.size();
  // An earlier version wrote the birth of a figure as a number.
  for (auto& [key, raw] : store.all) {
    const size_t at = raw.find("\"measured\"");
    ASSERT_NE(at, std::string::npos) << raw;
    raw.replace(at, 10, "0");
  }
  judge::Run second = run();
  ASSERT_TRUE(measure(second));
  EXPECT_EQ(calls.size(), 2 * n);
  EXPECT_EQ(second.n_reused, 0u);
  EXPECT_EQ(second.judgement.candidates[0].memory.report.peak.value, 5000);
}

TEST_F(Measuring, another_load_or_file_is_measured_again) {
  judge::Run first = run();
  ASSERT_TRUE(measure(first));
  const size_t n = calls.size();
  inputs.scenario.load.prompt_tokens = 65;
  judge::Run second = run();
  ASSERT_TRUE(measure(second));
  EXPECT_EQ(calls.size(), 2 * n);
  judge::Run third = run();
  third.subjects[1].sha256 = "other";
  ASSERT_TRUE(measure(third));
  EXPECT_EQ(calls.size(), 2 * n + 4) << "a: two rounds and two of probes";
}

TEST_F(Measuring, each_file_runs_with_its_own_type_of_cache_and_another_type_is_another_measurement) {
  std::map<std::string, std::set<engine::KvType>> seen;
  const auto measured = services.measure;
  services.measure = [&](const std::string& path, const speed::Load& load, const speed::Progress& told) {
    seen[path].insert(load.kv_type);
    return measured(path, load, told);
  };
  judge::Run first = run();
  ASSERT_TRUE(measure(first));
  const size_t n = calls.size();
  judge::Run second = run();
  second.subjects[1].kv_type = engine::KvType::q8;
  ASSERT_TRUE(measure(second));
  EXPECT_EQ(calls.size(), n + 4) << "a alone: two rounds and two of probes";
  EXPECT_EQ(seen["ref"], std::set{engine::KvType::f16});
  EXPECT_EQ(seen["b"], std::set{engine::KvType::f16});
  EXPECT_EQ(seen["a"], (std::set{engine::KvType::f16, engine::KvType::q8}));
}

TEST_F(Measuring, one_file_that_cannot_be_measured_does_not_stop_the_others) {
  fails["a"] = "a: the kernel killed the measuring process for lack of memory";
  judge::Run r = run();
  r.subjects[2].fits = false;
  r.subjects[2].memory->report.planned = derived(9e9, "bytes");
  r.subjects[2].memory->report.limit = measured(8e9, "bytes");
  ASSERT_TRUE(measure(r));
  const std::vector<std::string> expected{"ref main 4", "a main 4", "ref main 4"};
  EXPECT_EQ(calls, expected);
  EXPECT_NE(r.judgement.candidates[0].speed.report.load_s.reason.find("lack of memory"), std::string::npos);
  EXPECT_NE(r.judgement.candidates[1].speed.report.load_s.reason.find("does not fit"), std::string::npos);
  EXPECT_FALSE(r.judgement.candidates[0].memory.report.peak.known());
  EXPECT_TRUE(says(r, "speed of a: a: the kernel killed"));
}

TEST_F(Measuring, an_answer_that_changes_between_rounds_is_counted) {
  token = [](size_t call) { return call > 7 ? 8 : 7; };  // the last sweep answers otherwise
  judge::Run r = run();
  ASSERT_TRUE(measure(r));
  EXPECT_EQ(r.judgement.candidates[0].speed.digests_differing.value, 1);
}

TEST_F(Measuring, an_interruption_ends_it_with_the_way_on_and_keeps_what_was_finished) {
  std::atomic<bool> cancel{false};
  services.cancel = &cancel;
  token = [&](size_t call) {
    cancel = call == 2;
    return 7;
  };
  judge::Run r = run();
  const Status s = measure(r);
  ASSERT_FALSE(s);
  EXPECT_NE(s.error().next.find("--resume"), std::string::npos);
  EXPECT_EQ(calls.size(), 2u);
  EXPECT_GE(store.all.size(), 1u);
}

}  // namespace
}  // namespace bw::judge
