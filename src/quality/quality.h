// The degradation axis: what changes when a candidate replaces the reference, by category, honestly bounded.
// In: engines of reference and candidates, suites. Out: DegradationReport a candidate, every case kept.
// Method and formulas: docs/method.md.
#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/figure.h"
#include "base/result.h"
#include "text/tokenizer.h"

namespace bw::quality {

// Finished work outlives the process: keyed by digests of file, suite, item, options. src/record keeps it in
// SQLite.
class CaseStore {
 public:
  virtual ~CaseStore() = default;
  virtual std::optional<std::string> find(const std::string& key) = 0;  // JSON text saved under key
  virtual Status save(const std::string& key, const std::string& json) = 0;
};

struct Divergence {  // screen: alarm and map, never a verdict (quality/divergence.h)
  Figure kld_mean, kld_median, kld_p90, kld_p99, kld_max;  // nats, candidate from reference
  Figure same_top;  // share of positions with the same most likely token
  Figure reference_ppl, candidate_ppl;
  Figure ppl_ratio;           // candidate / reference, paired
  uint64_t n_positions = 0;   // scored
  uint64_t n_non_finite = 0;  // left out: a logit of either side was not finite
};
// For a CaseStore and the record.
std::string to_json(const Divergence& d);
Result<Divergence> divergence_from_json(const std::string& json);

enum class Equivalence { equivalent, worse, better, cannot_tell, not_measurable };
const char* name(Equivalence e);

struct CaseResult {  // one item under one deployment
  std::string id, category, group;
  std::string output;     // text, as generated
  bool accepted = false;  // what production can see
  bool truth = false;     // gold, exact
  double score = 0;       // graded truth in [0, 1] (field F1 for extraction)
  std::string detail;     // why not accepted, or what is wrong; empty if true
  uint32_t n_output_tokens = 0;
  std::vector<text::Token> tokens;  // of the output; a draft for whoever is compared
  uint32_t n_draft_accepted = 0;
  double seconds = 0;      // from the end of the case before it, in the same batch
  text::Token after = -1;  // the prompt's last token, which `output` goes on after
};

struct CategoryReport {
  std::string category;  // "extraction"
  Equivalence outcome = Equivalence::cannot_tell;
  std::string plain;  // the bound in plain words: "between 2 better and 9 worse in 100; ..."
  uint32_t n_items = 0;
  Figure reference_truth, candidate_truth;  // share exact
  Figure reference_score, candidate_score;  // mean graded truth
  Figure difference;     // candidate - reference of the deciding measure, paired, with interval
  std::string deciding;  // "field F1, paired" or "exact, paired"
  uint32_t flips_worse = 0, flips_better = 0;  // right -> wrong, wrong -> right (exact)
  Figure mcnemar_p;                            // two-sided exact
  Figure newcombe;                             // difference of exact shares, Newcombe-10 interval
  Figure margin;                               // the scenario's, declared
  Figure minimum_detectable;                   // printed before the run
  Figure silent_failures;                      // share accepted but not true, candidate
  Figure silent_failures_reference;
  Figure output_length_ratio;        // candidate / reference, mean tokens
  std::string warning;               // why these items say little (floor, ceiling); empty where they do
  uint64_t items_to_decide = 0;      // with how many items to go on, where that can help; else 0
  double seconds_to_decide = 0;      // of the tasks with so many, over all deployments; 0: unknown
  std::string first_silent_failure;  // id and text of the first, quoted; empty if none
  uint32_t more_failures_flip = 0;   // fragility: how many more failures change the outcome; 0 = none would
};

struct DegradationReport {
  std::optional<Divergence> divergence;
  std::string divergence_unknown;  // why, where it is absent: "other vocabulary"
  std::map<std::string, CategoryReport> categories;
  std::vector<CaseResult> cases;  // of the candidate, in suite order
  bool control_was_worse =
      false;  // the positive control came out `worse`: only then may `equivalent` be said
  std::string control_note;
};

}  // namespace bw::quality
