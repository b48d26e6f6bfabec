// Every word of a verdict and every precedence between them, and the exit code of several candidates.
// Oracle: the table of the design, written out by hand below.
#include "judge/verdict.h"

#include <gtest/gtest.h>

#include <functional>

#include "judge/answers.h"
#include "judge/evaluate.h"

namespace bw::judge {
namespace {

using scenario::Axis;
using scenario::Bound;

scenario::Scenario the_scenario() {
  scenario::Scenario s;
  s.name = "test";
  s.load.context = 512;
  s.load.streams = 2;
  s.criteria = {{Axis::memory, "peak", Bound::at_most, 1000, "bytes"},
                {Axis::speed, "ttft_p95_ms", Bound::at_most, 2000, "ms"}};
  s.tasks = {{"extraction", "snips", 100, 5}, {"code", "x", 100, 5}};
  return s;
}

CriterionResult criterion(const std::string& name, State state) {
  return {name, "at most 1000 bytes", measured(500, "bytes"), state, "because"};
}

// Everything speaks for it.
Candidate good() {
  Candidate c;
  c.name = "good";
  c.path = "good.gguf";
  c.smaller_than_reference = true;
  c.axis(Axis::format) = join({criterion("loads_here", State::holds)});
  c.axis(Axis::memory) = join({criterion("peak", State::holds)});
  c.axis(Axis::speed) = join({criterion("ttft_p95_ms", State::holds)});
  c.axis(Axis::degradation) =
      join({criterion("category extraction", State::holds), criterion("category code", State::holds)});
  cost::CostReport cost;
  cost.rule = cost::Rule::not_moved;
  cost.why = "1.0 in 100 items need 2 or more extra attempts, the limit is 5.0";
  cost.two_extra_share = with_interval(estimated(0.01, "share"), 0, 0.03, 100);
  c.cost = cost;
  return c;
}

void set(Candidate& c, Axis axis, std::vector<CriterionResult> all) {
  c.axis(axis) = join(std::move(all));
}
void fail(Candidate& c, Axis axis) {
  set(c, axis, {criterion("peak", State::fails)});
}
void open(Candidate& c, Axis axis) {
  set(c, axis, {criterion("peak", State::cannot_tell)});
}
void fire(Candidate& c) {
  c.cost->rule = cost::Rule::moved;
}

TEST(Verdict, every_word_and_every_precedence) {
  struct Row {
    const char* says;
    std::function<void(Candidate&)> change;
    Word word;
  };
  const Row table[] = {
      {"nothing against it", [](Candidate&) {}, Word::worth_it},
      {"format fails", [](Candidate& c) { fail(c, Axis::format); }, Word::not_worth_it},
      {"memory fails", [](Candidate& c) { fail(c, Axis::memory); }, Word::not_worth_it},
      {"speed fails", [](Candidate& c) { fail(c, Axis::speed); }, Word::not_worth_it},
      {"degradation fails", [](Candidate& c) { fail(c, Axis::degradation); }, Word::not_worth_it},
      {"the rule fires", [](Candidate& c) { fire(c); }, Word::moved},
      {"a criterion is open", [](Candidate& c) { open(c, Axis::speed); }, Word::cannot_tell},
      {"the rule cannot tell", [](Candidate& c) { c.cost->rule = cost::Rule::cannot_tell; },
       Word::cannot_tell},
      {"the rule could still fire", [](Candidate& c) { c.cost->open = true; }, Word::cannot_tell},
      {"no cost", [](Candidate& c) { c.cost.reset(); }, Word::cannot_tell},
      {"an axis without a criterion", [](Candidate& c) { set(c, Axis::memory, {}); }, Word::cannot_tell},
      {"no reference",
       [](Candidate& c) {
         c.smaller_than_reference.reset();
         open(c, Axis::degradation);
       },
       Word::cannot_tell},
      {"not smaller", [](Candidate& c) { c.smaller_than_reference = false; }, Word::not_worth_it},
      // precedence: fails > fires > open
      {"fails and fires",
       [](Candidate& c) {
         fail(c, Axis::speed);
         fire(c);
       },
       Word::not_worth_it},
      {"fails and open",
       [](Candidate& c) {
         fail(c, Axis::speed);
         open(c, Axis::memory);
       },
       Word::not_worth_it},
      {"fires and open",
       [](Candidate& c) {
         fire(c);
         open(c, Axis::memory);
       },
       Word::moved},
      {"not smaller and open",
       [](Candidate& c) {
         c.smaller_than_reference = false;
         open(c, Axis::speed);
       },
       Word::not_worth_it},
      {"all at once",
       [](Candidate& c) {
         fail(c, Axis::speed);
         fire(c);
         open(c, Axis::memory);
       },
       Word::not_worth_it},
      // a control is never worth it
      {"a control nothing speaks against", [](Candidate& c) { c.role = Role::control; }, Word::cannot_tell},
      {"a control that fails",
       [](Candidate& c) {
         c.role = Role::control;
         fail(c, Axis::degradation);
       },
       Word::not_worth_it},
      {"a control that fires",
       [](Candidate& c) {
         c.role = Role::control;
         fire(c);
       },
       Word::moved},
  };
  for (const Row& row : table) {
    Candidate c = good();
    row.change(c);
    const Verdict v = decide(c, the_scenario());
    EXPECT_EQ(v.word, row.word) << row.says << ": " << name(v.word);
    EXPECT_FALSE(v.why.empty()) << row.says;
    EXPECT_FALSE(v.fragile.empty()) << row.says;
    EXPECT_FALSE(v.by_category.empty()) << row.says;
  }
}

TEST(Verdict, the_first_line_speaks_by_category) {
  struct Row {
    std::function<void(Candidate&)> change;
    std::string line;
  };
  const auto categories = [](Candidate& c, State extraction, State code) {
    set(c, Axis::degradation,
        {criterion("category extraction", extraction), criterion("category code", code)});
  };
  const Row table[] = {
      {[](Candidate&) {}, "worth it for extraction, code"},
      {[&](Candidate& c) { categories(c, State::holds, State::fails); },
       "worth it for extraction; not worth it for code"},
      {[&](Candidate& c) { categories(c, State::holds, State::cannot_tell); },
       "worth it for extraction; cannot tell for code"},
      {[&](Candidate& c) { categories(c, State::fails, State::cannot_tell); },
       "not worth it for extraction; cannot tell for code"},
      {[](Candidate& c) { fail(c, Axis::memory); }, "not worth it for extraction, code"},
      {[](Candidate& c) { open(c, Axis::memory); }, "cannot tell for extraction, code"},
      {[](Candidate& c) { fire(c); }, "moved, not reduced for extraction, code"},
      {[&](Candidate& c) {
         categories(c, State::fails, State::holds);
         c.role = Role::control;
       },
       "control, made to fail: not worth it for extraction; cannot tell for code"},
  };
  for (const Row& row : table) {
    Candidate c = good();
    row.change(c);
    EXPECT_EQ(decide(c, the_scenario()).by_category, row.line);
  }
}

TEST(Verdict, says_what_decided_and_how_fragile_it_is) {
  Candidate c = good();
  c.degradation.categories["extraction"].more_failures_flip = 2;
  // 1 of 100 items moved, limit 5 %: the sixth exceeds it, so five more.
  Verdict v = decide(c, the_scenario());
  EXPECT_NE(v.fragile.find("2 more failures in extraction"), std::string::npos) << v.fragile;
  EXPECT_NE(v.fragile.find("5 more items"), std::string::npos) << v.fragile;
  c = good();
  CriterionResult near = criterion("peak", State::holds);
  near.observed = measured(980, "bytes");  // 2 % under 1000
  set(c, Axis::memory, {near});
  v = decide(c, the_scenario());
  EXPECT_NE(v.fragile.find("peak is within 5 % of its bound"), std::string::npos) << v.fragile;
  c = good();
  fail(c, Axis::memory);
  open(c, Axis::speed);
  v = decide(c, the_scenario());
  ASSERT_EQ(v.why.size(), 1u) << "only what decided";
  EXPECT_NE(v.why[0].find("memory: peak is 500.0 bytes measured, expected at most 1000 bytes"),
            std::string::npos)
      << v.why[0];
}

TEST(ExitCode, of_several_candidates) {
  const auto with = [](std::initializer_list<Word> words, bool control_first = false) {
    std::vector<Candidate> all;
    for (Word w : words) {
      Candidate c;
      c.verdict.word = w;
      c.role = control_first && all.empty() ? Role::control : Role::candidate;
      all.push_back(std::move(c));
    }
    return exit_code(all);
  };
  EXPECT_EQ(with({Word::worth_it}), 0);
  EXPECT_EQ(with({Word::not_worth_it}), 3);
  EXPECT_EQ(with({Word::moved}), 3);
  EXPECT_EQ(with({Word::cannot_tell}), 4);
  EXPECT_EQ(with({Word::not_worth_it, Word::cannot_tell, Word::worth_it}), 0);
  EXPECT_EQ(with({Word::not_worth_it, Word::cannot_tell}), 4);
  EXPECT_EQ(with({Word::not_worth_it, Word::moved}), 3);
  EXPECT_EQ(with({Word::cannot_tell, Word::not_worth_it}, true), 3) << "a control does not count";
  EXPECT_EQ(with({}), 3);
}

TEST(Answers, are_never_empty_and_quote_the_first_silent_failure) {
  Candidate c = good();
  Answers a = answers(c, std::nullopt);
  EXPECT_NE(a.gained.find("no reference"), std::string::npos);
  EXPECT_NE(a.control_needed.find("not known"), std::string::npos);
  EXPECT_NE(a.first_silent_failure.find("not known"), std::string::npos);
  quality::CategoryReport r;
  r.n_items = 42;
  r.silent_failures = measured(0.79, "share");
  r.silent_failures_reference = measured(0.75, "share");
  r.first_silent_failure = "snips/x/1: {\"a\": \"b\"}";
  c.degradation.categories["extraction"] = r;
  Reference ref;
  ref.format.file_bytes = 300 << 20;
  c.format.file_bytes = 200 << 20;
  c.memory.saved = derived(90 << 20, "bytes", "difference of measured peaks");
  a = answers(c, ref);
  EXPECT_EQ(a.first_silent_failure, "snips/x/1: {\"a\": \"b\"}");
  EXPECT_EQ(a.gained,
            "90 MiB less memory than the reference (difference of measured peaks), a file 100 MiB smaller");
  EXPECT_NE(a.control_needed.find("extraction: check that each value stands in the input text (79 in 100"),
            std::string::npos)
      << a.control_needed;
}

TEST(Answers, flags_for_other_runtimes_survive_a_shell_and_stand_for_the_load) {
  Candidate c = good();
  c.path = "/models/it's mine.gguf";
  const auto hints = run_without_bitworth(c, the_scenario());
  ASSERT_EQ(hints.size(), 2u);
  EXPECT_EQ(hints[0].text, "llama-server --model '/models/it'\\''s mine.gguf' --ctx-size 1024 --parallel 2");
  EXPECT_EQ(hints[1].text, "FROM /models/it's mine.gguf\nPARAMETER num_ctx 512\n");
  c.role = Role::control;
  EXPECT_TRUE(run_without_bitworth(c, the_scenario()).empty());
}

}  // namespace
}  // namespace bw::judge
