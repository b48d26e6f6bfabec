// The practical rule: if the memory gained forces reruns or more care for the output, the cost was moved, not
// reduced. In: first outcomes (or real retries) of the same items under both deployments, declared costs.
// Out: Figures and the decision, each input with its birth. Method: docs/method.md, "The practical rule".
#pragma once
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/figure.h"
#include "base/result.h"

namespace bw::cost {

// What a person declares. A field that nobody set is default_costs()'s, born `declared (default, not yours)`.
struct DeclaredCosts {
  std::string currency = "EUR";
  uint32_t max_attempts = 3;   // K: then the item is handed over to a person
  Figure max_moved_share;      // share of items
  Figure machine_per_hour;     // currency/h
  Figure person_per_hour;      // currency/h
  Figure review_seconds;       // s of a person for each attempt
  Figure hand_over_minutes;    // min of a person for an item handed over
  Figure wrong_answer;         // currency for an accepted answer that is not true
  Figure outputs_per_month;    // outputs/month
  Figure value_per_gib_month;  // currency/(GiB month): what a saved GiB of memory is worth
};
DeclaredCosts default_costs(const std::string& currency = "EUR");  // the amounts stay as they are
bool is_default(const Figure& f);                                  // nobody set it
// Refused: negative, not finite or unknown values, max_attempts outside 1..100, max_moved_share outside [0,
// 1].
Status validate(const DeclaredCosts& costs);

// One item's first attempt, in the same order for reference and candidate.
struct Outcome {
  bool accepted = false, truth = false;
};
// One item with real, seeded retries: attempts used (1..K), whether it was handed over after K, and if not,
// whether the answer taken was true.
struct Retried {
  uint32_t attempts = 1;
  bool handed_over = false, truth = false;
};

// Expected attempts until accepted, at most K of them, each accepted with probability q: (1 - (1-q)^K) / q; K
// at q = 0.
double expected_attempts(double q, uint32_t k);
// Chance that all K fail, so that a person takes over: (1-q)^K.
double hand_over_share(double q, uint32_t k);
// Chance that extra = a_c - a_r >= 2 for one item, given both first outcomes; later attempts are accepted
// with q_c and q_r, a hand-over counts K + 1. Both meet the same luck (one uniform number through both
// quantile functions), as real retries do that share their seeds: so a deployment compared with itself needs
// no extra attempt.
double chance_of_two_extra(bool candidate_first, bool reference_first, double q_c, double q_r, uint32_t k);

// What a deployment is, for the bill.
struct Deployment {
  std::vector<Outcome> first;    // one an item
  std::vector<Retried> retried;  // empty until real retries exist; else one an item
  Figure seconds_per_attempt;    // machine, end to end, or unknown
  Figure memory_gib;             // peak or planned
};

enum class Rule { moved, not_moved, cannot_tell };
const char* name(Rule rule);

struct CostReport {
  Figure attempts_reference, attempts_candidate;    // mean an item, at most K
  Figure hand_over_reference, hand_over_candidate;  // share of items
  Figure extra_attempts;   // mean of attempts(candidate) - attempts(reference), a hand-over counting K + 1
  Figure two_extra_share;  // share of items with extra >= 2, with a 90 % Wilson interval
  Figure silent_failures_reference, silent_failures_candidate;  // share of items delivered but not true
  Figure cost_reference, cost_candidate;                        // currency/output
  Figure added_cost_per_output, added_cost_per_month;
  Figure saved_gib, saved_value_per_month;
  // Break-even, shown before any money; unknown(reason) where no price would change the answer.
  Figure review_below;     // currency/review: worth it below this
  Figure gib_above;        // currency/(GiB month): worth it above this
  std::string break_even;  // the same as a sentence
  Rule rule = Rule::cannot_tell;
  bool open = false;          // the share's interval spans the limit: more items could turn the decision
  bool money_judged = false;  // false while a cost is a default or unknown: then only the share decides
  std::string why;            // one sentence for the report
};
// Cost of an output = (machine + review) x attempts + hand-over share x hand-over + silent share x wrong
// answer. moved: all of two_extra_share's interval > max_moved_share, or money_judged and added cost a month
// > saved value a month. cannot_tell: the reference is accepted on no item, so there is nothing that could
// move. Refused: an empty list, lists of different lengths, costs that validate() refuses.
Result<CostReport> price(const Deployment& reference, const Deployment& candidate,
                         const DeclaredCosts& costs);

}  // namespace bw::cost
