// A criterion against a figure: exact, sampled, unknown, of another host; a category; several into an axis.
// Oracle: the rules in evaluate.h, each row worked out by hand.
#include "judge/evaluate.h"

#include <gtest/gtest.h>

#include "judge/observe.h"

namespace bw::judge {
namespace {

using scenario::Axis;
using scenario::Bound;
using scenario::Criterion;

Figure open_above(double value, double low, int64_t n) {
  Figure f = measured(value, "ms", "p95 has no upper bound below n = 59");
  f.low = low;
  f.n = n;
  return f;
}

TEST(Evaluate, a_figure_against_its_bound) {
  const Criterion most{Axis::speed, "ttft_p50_ms", Bound::at_most, 100, "ms"};
  const Criterion tail{Axis::speed, "ttft_p95_ms", Bound::at_most, 100, "ms"};
  const Criterion least{Axis::speed, "decode_tokens_per_s", Bound::at_least, 100, "tokens/s"};
  const auto range = [](double v, double lo, double hi) {
    return with_interval(measured(v, "ms"), lo, hi, 60);
  };
  struct Row {
    const char* says;
    Criterion criterion;
    Figure figure;
    State state;
    State of_another_host;
  };
  const State yes = State::holds, no = State::fails, open = State::cannot_tell;
  const Row table[] = {
      {"exact, inside", most, derived(99, "ms"), yes, open},
      {"exact, on the bound", most, derived(100, "ms"), yes, open},
      {"exact, outside", most, derived(100.001, "ms"), no, no},
      {"interval inside", most, range(90, 80, 100), yes, open},
      {"interval across", most, range(90, 80, 101), open, open},
      {"interval across, value outside", most, range(110, 99, 120), open, open},
      {"interval outside", most, range(120, 101, 140), no, no},
      {"unknown", most, unknown("ms", "not run"), open, open},
      {"p95 without an upper bound, value inside", tail, open_above(50, 40, 8), open, open},
      {"p95 without an upper bound, surely outside", tail, open_above(150, 140, 8), no, no},
      {"p95 with no bounds at all", tail, measured(50, "ms"), open, open},
      {"at least, inside", least, derived(101, "tokens/s"), yes, open},
      {"at least, outside", least, derived(99, "tokens/s"), no, no},
      {"at least, interval inside", least, range(120, 100, 140), yes, open},
      {"at least, interval across", least, range(120, 99, 140), open, open},
      {"at least, interval outside", least, range(80, 70, 99), no, no},
  };
  for (const Row& r : table) {
    EXPECT_EQ(evaluate(r.criterion, r.figure).state, r.state) << r.says;
    EXPECT_EQ(evaluate(r.criterion, r.figure, Host::another).state, r.of_another_host)
        << r.says << ", elsewhere";
    EXPECT_FALSE(evaluate(r.criterion, r.figure).evidence.empty()) << r.says;
  }
}

TEST(Evaluate, a_category_holds_only_when_the_control_was_worse) {
  using enum quality::Equivalence;
  const scenario::Task task{"extraction", "snips", 42, 5};
  struct Row {
    quality::Equivalence outcome;
    bool control_was_worse;
    State state;
  };
  const Row table[] = {
      {equivalent, true, State::holds},
      {equivalent, false, State::cannot_tell},
      {better, false, State::holds},
      {worse, true, State::fails},
      {worse, false, State::fails},
      {cannot_tell, true, State::cannot_tell},
      {not_measurable, true, State::cannot_tell},
  };
  for (const Row& r : table) {
    quality::DegradationReport report;
    report.control_was_worse = r.control_was_worse;
    report.categories["extraction"].outcome = r.outcome;
    report.categories["extraction"].plain = "in plain words";
    EXPECT_EQ(evaluate(task, report).state, r.state) << quality::name(r.outcome) << r.control_was_worse;
  }
  EXPECT_EQ(evaluate(task, {}).state, State::cannot_tell) << "a category that was never run";
}

TEST(Join, an_axis_without_criteria_cannot_be_told) {
  const auto with = [](std::initializer_list<State> states) {
    std::vector<CriterionResult> all;
    for (State s : states) all.push_back({"x", "y", measured(1, ""), s, "z"});
    return join(all).state;
  };
  EXPECT_EQ(with({}), State::cannot_tell);
  EXPECT_EQ(with({State::holds, State::holds}), State::holds);
  EXPECT_EQ(with({State::holds, State::cannot_tell}), State::cannot_tell);
  EXPECT_EQ(with({State::cannot_tell, State::fails}), State::fails);
}

TEST(Observe, every_figure_a_scenario_may_name_is_one_the_judge_can_see) {
  const Candidate c;
  for (const scenario::KnownFigure& f : scenario::known_figures())
    EXPECT_EQ(observe(c, f.axis, std::string(f.name)).reason.find("no figure"), std::string::npos) << f.name;
  EXPECT_NE(observe(c, Axis::speed, "nonsense").reason.find("no figure"), std::string::npos);
}

TEST(Observe, the_plan_stands_for_a_peak_that_was_not_measured_and_says_so) {
  Candidate c;
  c.memory.report.planned = derived(100, "bytes");
  c.memory.report.peak = unknown("bytes", "not run");
  EXPECT_EQ(observe(c, Axis::memory, "peak").value, 100);
  EXPECT_EQ(observe(c, Axis::memory, "peak").birth, Birth::derived);
  c.memory.report.peak = measured(103, "bytes");
  EXPECT_EQ(observe(c, Axis::memory, "peak").value, 103);
}

TEST(Memory, what_is_saved_compares_peak_with_peak_or_plan_with_plan) {
  MemoryFindings ref, c;
  ref.report.planned = derived(1000, "bytes");
  ref.report.peak = measured(1100, "bytes");
  c.report.planned = derived(600, "bytes");
  c.report.peak = unknown("bytes", "not run");
  c.report.limit = measured(2000, "bytes");
  finish_memory(c, &ref);
  EXPECT_EQ(c.saved.value, 400);
  EXPECT_EQ(c.share_of_limit.value, 0.3);
  c.report.peak = measured(650, "bytes");
  finish_memory(c, &ref);
  EXPECT_EQ(c.saved.value, 450);
  EXPECT_EQ(c.share_of_limit.value, 0.325);
  finish_memory(c, nullptr);
  EXPECT_FALSE(c.saved.known());
}

}  // namespace
}  // namespace bw::judge
