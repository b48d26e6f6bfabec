// run_suite() over toy models and a toy suite: the store, drafts, budgets and cancellation change what is
// computed, never what is answered. And plan_tasks().
#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <set>

#include "engine/fake_context.h"
#include "engine/sampler.h"
#include "quality/degradation.h"

namespace bw::quality {
namespace {
using engine::FakeContext;
using text::Token;

// Letters a..l are the twelve tokens. Three groups with a long prompt each; an answer is complete at 'e'.
class ToySuite : public tasks::Suite {
 public:
  explicit ToySuite(size_t n) {
    for (size_t i = 0; i < n; ++i) {
      tasks::Item item;
      item.id = "toy/" + std::to_string(i);
      item.category = "toys";
      item.group = std::string(1, char('a' + i % 3));
      for (size_t k = i; k > 0; k /= 12) item.input += char('a' + k % 12);
      item.input += 'a';
      items_.push_back(item);
    }
  }
  std::string name() const override { return "toy"; }
  std::string digest() const override { return "toy digest"; }
  const std::vector<tasks::Item>& items() const override { return items_; }
  size_t default_items() const override { return 6; }
  std::vector<text::Message> prompt(const tasks::Item& item) const override {
    return {{"user", std::string(100, item.group[0]) + item.input}};
  }
  uint32_t max_output_tokens() const override { return 12; }
  bool complete(std::string_view out) const override { return out.find('e') != out.npos; }
  tasks::Check check(const tasks::Item&, std::string_view out) const override {
    return {complete(out), out.size() < 4, out.size() < 4 ? 1.0 : 0.5, out.size() < 4 ? "" : "long"};
  }

 private:
  std::vector<tasks::Item> items_;
};

TextSide letters() {
  TextSide s;
  s.encode = [](std::string_view text) {
    std::vector<Token> out;
    for (const char c : text) out.push_back(c - 'a');
    return out;
  };
  s.prompt = [s](const std::vector<text::Message>& m) -> Result<std::vector<Token>> {
    return s.encode(m[0].content);
  };
  s.decode = [](std::span<const Token> tokens, Token) {
    std::string out;
    for (const Token t : tokens) out += char('a' + t);
    return out;
  };
  s.stop = {11};
  s.digest = "letters";
  return s;
}

struct MemoryStore : CaseStore {
  std::map<std::string, std::string> saved;
  std::set<std::string> twice;
  size_t full_at = ~size_t(0);
  std::optional<std::string> find(const std::string& key) override {
    const auto f = saved.find(key);
    return f == saved.end() ? std::nullopt : std::optional(f->second);
  }
  Status save(const std::string& key, const std::string& json) override {
    if (saved.size() >= full_at) return failed("store: no space left");
    if (!saved.emplace(key, json).second) twice.insert(key);
    return {};
  }
};

struct Fixture {
  ToySuite suite{30};
  FakeContext context;
  MemoryStore store;
  Deployment d{"toy model", "digest 1", &context, letters()};
  RunOptions o;
  Fixture() {
    context.n_seq = 5;
    o.n_items = 30;
    o.store = &store;
  }
};
// Another model that mostly agrees: its logits differ at some histories.
void drift(std::span<const Token> history, std::span<float> l) {
  FakeContext::hash_model(history, l);
  if (history.size() % 5 == 0) l[size_t(history.back() + 3) % l.size()] += 2;
}
std::vector<std::string> outputs(const SuiteRun& r) {
  std::vector<std::string> out;
  for (const CaseResult& c : r.cases) out.push_back(c.id + "=" + c.output);
  return out;
}

TEST(RunSuite, answers_as_plain_decoding_would_and_checks_each_answer) {
  Fixture f;
  const auto run = run_suite(f.suite, f.d, f.o);
  ASSERT_TRUE(run) << run.error().what;
  ASSERT_EQ(run->cases.size(), 30u);
  for (size_t i = 0; i < 30; ++i) {
    const auto& item = f.suite.items()[i];
    std::vector<Token> history = f.d.text.encode(f.suite.prompt(item)[0].content);
    std::string want;
    std::vector<float> l(12);
    while (want.size() < 12 && !f.suite.complete(want)) {
      FakeContext::hash_model(history, l);
      const Token t = engine::greedy(l);
      if (t == 11) break;
      history.push_back(t);
      want += char('a' + t);
    }
    EXPECT_EQ(run->cases[i].id, item.id);
    EXPECT_EQ(run->cases[i].output, want);
    EXPECT_EQ(run->cases[i].truth, want.size() < 4);
    EXPECT_EQ(run->cases[i].n_output_tokens, want.size());
  }
  EXPECT_FALSE(run->out_of_time);
  EXPECT_EQ(f.context.n_alive(), 0u);
  EXPECT_LT(f.context.n_rows, 3 * 100 + 30 * (3 + 12));  // each group's prompt once
}

TEST(RunSuite, groups_without_a_sequence_of_their_own_give_the_same_answers) {
  Fixture f, small;
  small.context.n_seq = 1;
  EXPECT_EQ(outputs(*run_suite(f.suite, f.d, f.o)), outputs(*run_suite(small.suite, small.d, small.o)));
  small.context.n_seq = 2;
  small.d.digest = "digest 2";
  EXPECT_EQ(outputs(*run_suite(f.suite, f.d, f.o)), outputs(*run_suite(small.suite, small.d, small.o)));
}

TEST(RunSuite, what_is_in_the_store_is_not_run_again_and_reads_back_the_same) {
  Fixture f;
  const auto first = run_suite(f.suite, f.d, f.o);
  const size_t passes = f.context.n_passes;
  const auto second = run_suite(f.suite, f.d, f.o);
  ASSERT_TRUE(second) << second.error().what;
  EXPECT_EQ(f.context.n_passes, passes);
  EXPECT_EQ(second->n_from_store, 30u);
  for (size_t i = 0; i < 30; ++i) EXPECT_EQ(to_json(second->cases[i]), to_json(first->cases[i]));
  EXPECT_TRUE(f.store.twice.empty());
  f.d.digest = "digest 2";  // another file: nothing of the old one counts
  EXPECT_EQ(run_suite(f.suite, f.d, f.o)->n_from_store, 0u);
  f.store.saved.begin()->second = "{}";
  f.store.saved.rbegin()->second = "{}";
  for (auto& [key, json] : f.store.saved) json = "{}";
  EXPECT_NE(run_suite(f.suite, f.d, f.o).error().what.find("saved case cannot be read"), std::string::npos);
}

TEST(RunSuite, the_references_outputs_as_drafts_change_the_cost_and_not_the_answers) {
  Fixture reference, with, without, other_text;
  const auto r = run_suite(reference.suite, reference.d, reference.o);
  for (Fixture* f : {&with, &without, &other_text}) f->context.model = drift;
  other_text.d.text.digest = "same letters, another vocabulary";
  const auto a = run_suite(with.suite, with.d, with.o, &*r);
  const auto b = run_suite(without.suite, without.d, without.o);
  const auto c = run_suite(other_text.suite, other_text.d, other_text.o, &*r);
  EXPECT_EQ(outputs(*a), outputs(*b));
  EXPECT_EQ(outputs(*a), outputs(*c));
  EXPECT_NE(outputs(*a), outputs(*r));
  EXPECT_LT(with.context.n_passes, without.context.n_passes);
  EXPECT_GT(a->n_draft_accepted, 20u);
  EXPECT_EQ(c->n_draft_accepted, a->n_draft_accepted);
}

TEST(RunSuite, cancelling_keeps_finished_cases_and_resuming_runs_each_case_once) {
  Fixture f;
  std::atomic<bool> cancel = false;
  f.o.cancel = &cancel;
  f.o.progress = [&](size_t done, size_t) { cancel = done >= 11; };
  const auto stopped = run_suite(f.suite, f.d, f.o);
  ASSERT_FALSE(stopped);
  EXPECT_EQ(stopped.error().code, Code::failed);
  const size_t kept = f.store.saved.size();
  EXPECT_GE(kept, 11u);
  EXPECT_LT(kept, 30u);
  EXPECT_EQ(f.context.n_alive(), 0u);
  cancel = false;
  f.o.progress = {};
  const auto resumed = run_suite(f.suite, f.d, f.o);
  ASSERT_TRUE(resumed);
  EXPECT_EQ(resumed->n_from_store, kept);
  EXPECT_EQ(f.store.saved.size(), 30u);
  EXPECT_TRUE(f.store.twice.empty());
  Fixture whole;
  EXPECT_EQ(outputs(*resumed), outputs(*run_suite(whole.suite, whole.d, whole.o)));
}

TEST(RunSuite,
     a_budget_ends_between_items_in_suite_order_and_the_candidate_runs_what_the_reference_finished) {
  Fixture f;
  double now = 0;
  f.o.seconds = [&] { return now += 1; };
  f.o.budget_seconds = 25;
  const auto r = run_suite(f.suite, f.d, f.o);
  ASSERT_TRUE(r);
  EXPECT_TRUE(r->out_of_time);
  EXPECT_EQ(r->n_asked, 30u);
  ASSERT_GT(r->cases.size(), 3u);
  ASSERT_LT(r->cases.size(), 30u);
  for (size_t i = 0; i < r->cases.size(); ++i) EXPECT_EQ(r->cases[i].id, f.suite.items()[i].id);
  Fixture c;
  const auto candidate = run_suite(c.suite, c.d, c.o, &*r);
  EXPECT_EQ(candidate->n_asked, r->cases.size());
  EXPECT_EQ(candidate->cases.size(), r->cases.size());
  EXPECT_FALSE(candidate->out_of_time);
}

TEST(RunSuite, no_pass_over_a_shared_prompt_starts_after_the_budget_and_what_is_stored_needs_no_context) {
  Fixture f;
  double now = 0;
  f.o.seconds = [&] { return now += 1; };
  f.o.budget_seconds = 3.5;  // asked at 1 s, before each of three prompts at 2, 3 and 4 s
  const auto r = run_suite(f.suite, f.d, f.o);
  ASSERT_TRUE(r) << r.error().what;
  EXPECT_TRUE(r->out_of_time);
  EXPECT_TRUE(r->cases.empty());
  EXPECT_EQ(f.context.n_passes, 2u);

  Fixture first;
  first.o.n_items = 4;
  ASSERT_TRUE(run_suite(first.suite, first.d, first.o));
  first.o.n_items = 30;
  first.o.budget_seconds = 0;
  first.d.context = nullptr;
  const auto stored = run_suite(first.suite, first.d, first.o);
  ASSERT_TRUE(stored) << stored.error().what;
  EXPECT_EQ(stored->cases.size(), 4u);
  EXPECT_TRUE(stored->out_of_time);
}

TEST(RunSuite, a_full_store_and_a_failing_item_end_the_run_and_are_named) {
  Fixture f;
  f.store.full_at = 4;
  const auto full = run_suite(f.suite, f.d, f.o);
  ASSERT_FALSE(full);
  EXPECT_EQ(full.error().what, "store: no space left");
  EXPECT_EQ(f.store.saved.size(), 4u);
  Fixture g;
  g.context.n_ctx = 103;
  const auto failing = run_suite(g.suite, g.d, g.o);
  ASSERT_TRUE(failing) << failing.error().what;
  EXPECT_NE(failing->failure.find("toy model: toy/"), std::string::npos) << failing->failure;
  EXPECT_LT(failing->cases.size(), failing->n_asked);
  EXPECT_EQ(failing->cases.size(), g.store.saved.size());
  EXPECT_FALSE(failing->out_of_time) << "more time would not help";
}

TEST(RunSuite, a_case_survives_the_store_though_its_bytes_are_no_text) {
  CaseResult c;
  c.id = "x";
  c.tokens = {1, 2};
  c.output = "\xff{\x80";
  TextSide side;
  side.decode = [](std::span<const Token>, Token) { return std::string("\xff{\x80"); };
  const auto back = case_from_json(to_json(c), side);
  ASSERT_TRUE(back);
  EXPECT_EQ(back->output, c.output);
  EXPECT_EQ(back->n_output_tokens, 2u);
}

// What the prompt ends with decides whether a SentencePiece answer begins with a space; here it is the
// answer's first letter.
TEST(RunSuite, an_answer_is_read_after_the_last_token_of_its_prompt_from_the_store_too) {
  Fixture f;
  f.d.text.decode = [](std::span<const Token> tokens, Token before) {
    std::string out(1, char('A' + before));
    for (const Token t : tokens) out += char('a' + t);
    return out;
  };
  const auto fresh = run_suite(f.suite, f.d, f.o);
  ASSERT_TRUE(fresh) << fresh.error().what;
  for (size_t i = 0; i < fresh->cases.size(); ++i) {
    const std::string prompt = f.suite.prompt(f.suite.items()[i])[0].content;
    EXPECT_EQ(fresh->cases[i].output[0], char('A' + prompt.back() - 'a'));
  }
  const auto saved = run_suite(f.suite, f.d, f.o);
  ASSERT_TRUE(saved) << saved.error().what;
  EXPECT_EQ(saved->n_from_store, 30u);
  EXPECT_EQ(outputs(*saved), outputs(*fresh));
}

TEST(PlanTasks, says_what_can_be_shown_before_anything_runs) {
  const ToySuite suite(300);
  DecideOptions o;
  o.margin = 0.1;
  o.assumed_sd = 0.25;
  const auto p = plan_tasks(suite, 42, o);
  ASSERT_TRUE(p) << p.error().what;
  const CategoryPlan& c = p->categories.at("toys");
  EXPECT_EQ(c.n_items, 42u);
  EXPECT_EQ(c.n_available, 300u);
  // (t(0.95, 41) + t(0.80, 41)) 0.25 / sqrt(42), quantiles 1.682878, 0.850459 from tables
  EXPECT_NEAR(c.minimum_detectable.value, (1.682878 + 0.850459) * 0.25 / std::sqrt(42), 1e-6);
  // (z(0.95) + z(0.90))^2 0.25^2 / 0.1^2 = (1.644854 + 1.281552)^2 6.25 = 53.5
  EXPECT_EQ(c.items_for_margin.value, 54);
  EXPECT_FALSE(c.resolvable);
  EXPECT_EQ(c.plain,
            "42 items can show a difference of 9.8 in 100; the margin of 10 in 100 needs about 54 "
            "where there is no difference, at an assumed spread of 25 in 100 (the suite has 300)");
  EXPECT_TRUE(plan_tasks(suite, 54, o)->categories.at("toys").resolvable);
  EXPECT_EQ(plan_tasks(suite, 0, o)->n_items, 6u);
  EXPECT_FALSE(plan_tasks(suite, 42, {.margin = 0}));
  EXPECT_FALSE(plan_tasks(suite, 42, {.margin = NAN}));
  EXPECT_FALSE(plan_tasks(suite, 42, {.alpha = 0.7}));
}

}  // namespace
}  // namespace bw::quality
