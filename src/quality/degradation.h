// The degradation axis by tasks: plan, run the reference, run each candidate, decide. Each step needs one
// model in memory at most, so a caller loads them one after another:
//   plan_tasks -> run_suite(reference) -> run_suite(candidate, &reference) ... -> decide
// In: a suite, deployments, a store of finished cases. Out: DegradationReport a candidate
// (quality/quality.h).
#pragma once
#include <atomic>
#include <functional>
#include <limits>
#include <span>
#include <string>
#include <vector>

#include "engine/engine.h"
#include "quality/quality.h"
#include "tasks/suite.h"
#include "text/tokenizer.h"

namespace bw::quality {

// ---- plan: what the run can show, before a model is loaded
// -------------------------------------------------------

struct DecideOptions {
  double margin = 0.05;  // of the deciding measure, a share in (0, 1): the loss that would not matter
  double alpha = 0.05;   // one-sided, of each kind of claim, over all categories together (Holm)
  double power = 0.80;   // of the minimum detectable effect and of the items a firm answer needs
  double floor =
      0.05;  // a reference whose mean score is not above this, or not above the margin, shows nothing
  double assumed_sd = 0.25;             // of paired differences of a graded score, for the plan alone
  std::string score_name = "field F1";  // what a graded score is called
  // Items the suite holds in all and seconds one more costs over all deployments: for the advice in plain
  // words. 0: unknown, not said.
  size_t n_available = 0;
  double seconds_per_item = 0;
};

struct CategoryPlan {
  size_t n_items = 0, n_available = 0;
  Figure minimum_detectable;  // estimated, same unit as the margin
  Figure items_for_margin;    // estimated: to show equivalence where there is no difference
  bool resolvable = false;    // n_items reaches items_for_margin
  // "42 items can show a difference of 10 in 100; the margin of 5 in 100 needs about 215 where there is no
  // difference, at an assumed spread of 25 in 100 (the suite has 700)"
  std::string plain;
};
struct TaskPlan {
  size_t n_items = 0;
  std::map<std::string, CategoryPlan> categories;
};
// n_items 0: the suite's default. Error for a margin, alpha or power that is out of range.
Result<TaskPlan> plan_tasks(const tasks::Suite& suite, size_t n_items, const DecideOptions& options);

// ---- run
// -----------------------------------------------------------------------------------------------------------

// Text to tokens and back, as a deployment has it.
struct TextSide {
  std::function<Result<std::vector<text::Token>>(const std::vector<text::Message>&)> prompt;
  // `before`: the token that the text goes on after, the prompt's last (a space may belong to it)
  std::function<std::string(std::span<const text::Token>, text::Token before)> decode;
  std::function<std::vector<text::Token>(std::string_view)> encode;
  std::vector<text::Token> stop;
  std::string digest;  // equal digests: ids mean the same text
};
// By the file's own chat template. The tokenizer must outlive the result.
TextSide text_side(const text::Tokenizer& tokenizer);

struct Deployment {
  std::string name;    // for errors
  std::string digest;  // SHA-256 of the file, and of whatever else changes its bits (KV type)
  // Runs side by side as many items as it has sequences beyond one a group. May be null with a budget of 0.
  engine::Context* context = nullptr;
  TextSide text;
};

struct RunOptions {
  size_t n_items = 0;  // 0: the suite's default
  // No item and no pass over shared prompts starts later; 0: only what is in the store, without a context.
  double budget_seconds = std::numeric_limits<double>::infinity();
  const std::atomic<bool>* cancel = nullptr;  // Error "interrupted"; finished cases are in the store
  std::function<void(size_t done, size_t total)> progress;
  std::function<double()> seconds;  // the clock; empty: monotonic
  CaseStore* store = nullptr;       // looked up first, saved to as each case finishes; may be null
};

struct SuiteRun {
  std::string suite, deployment_digest, text_digest;
  std::vector<CaseResult> cases;  // finished ones, in suite order
  size_t n_asked = 0;             // items that should have been run
  size_t n_from_store = 0;
  bool out_of_time = false;  // the budget ended before n_asked
  std::string failure;       // why the engine ended it before that, by deployment and item; empty: it did not
  uint64_t n_draft_tokens = 0, n_draft_accepted = 0;  // of cases run now
};

// Greedy over the suite's first items. With a reference run: over the items that it finished, its outputs as
// drafts (verified, so the result is that of plain decoding; re-encoded where the vocabulary differs). A case
// is keyed by everything that decides it: case version, "BN1", deployment digest, suite name and digest,
// item, greedy, most tokens. An item
// the engine cannot finish ends the run, not the judgement: `failure`, which names deployment and item, and
// the cases finished before it. Error: a prompt that cannot be made, a store that fails, an interruption.
Result<SuiteRun> run_suite(const tasks::Suite& suite, const Deployment& deployment, const RunOptions& options,
                           const SuiteRun* reference = nullptr);

// The key and the saved form of a case, for who reads the store.
std::string case_key(const std::string& deployment_digest, const tasks::Suite& suite,
                     const tasks::Item& item);
std::string to_json(const CaseResult& c);
Result<CaseResult> case_from_json(const std::string& json, const TextSide& text);

// ---- decide
// ----------------------------------------------------------------------------------------------------------

struct CandidateRun {
  std::string name;
  const SuiteRun* run = nullptr;
  bool is_control = false;  // crushed on purpose: must come out `worse`
};

// Each candidate against the reference, paired by item id, category by category. The deciding measure of a
// category is the mean paired difference of the graded score, or, where every score is 0 or 1 and says what
// truth says, the difference of exact shares. With the two-sided interval at 1 - 2 alpha (stats/paired.h;
// Newcombe-10):
//   worse       it lies below -margin          better    above +margin
//   equivalent  it lies within +-margin (two one-sided tests), and the control came out worse in this
//   category not_measurable  the reference's own mean score is at its floor cannot_tell  everything else,
//   with the reason and what a firm answer needs
// Each claim's p-value is adjusted by Holm over the categories of the candidate. Reports stand in the order
// given. Without any finished pair a category is cannot_tell. Error: a margin out of range, a null run.
Result<std::vector<DegradationReport>> decide(const SuiteRun& reference,
                                              std::span<const CandidateRun> candidates, const TaskPlan& plan,
                                              const DecideOptions& options);

}  // namespace bw::quality
