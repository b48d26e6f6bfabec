// How a pilot stands: the four questions, its failures and triggers, the days left. In: what was gathered,
// what fired, the time. Out: Standing, every figure with its birth; and a report::Document of it, for
// terminal and page alike.
#pragma once
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "pilot/compare.h"
#include "pilot/run.h"
#include "report/document.h"

namespace bw::pilot {

struct ClassStatus {
  std::string name;
  int64_t n = 0;          // answers
  Figure first_time;      // share answered at the first attempt, by the first deployment
  Figure needs_person;    // share handed over, abstained, or found wrong
  Figure review_minutes;  // a reviewed answer; unknown where none was timed
  Figure saved_minutes;   // a case: baseline less what people spent on reviews, a case of this class
  enum class Word { standard, person, open } word = Word::open;
  std::string why;
};
struct FailureStatus {
  std::string name, says;
  Figure share;  // of all cases
  std::map<std::string, int64_t> by_class;
  Figure trend;        // share in the later half of the cases less that in the earlier
  bool rises = false;  // its interval lies above 0
  struct Case {
    std::string case_id, class_name, note, who, text;  // text: of the answer, where it was kept
    int64_t at_ms = 0;
  };
  std::vector<Case> cases;  // the latest first
};
struct TriggerStatus {
  Trigger trigger;
  std::optional<Kept> fired;
};
struct MeasureStatus {
  Measure measure;
  Comparison all;
  std::map<std::string, Comparison> by_class;  // where a class has cases after
};

struct Standing {
  Plan plan;
  Started started;
  int64_t now_ms = 0;
  int64_t n_cases = 0, expected = 0;
  size_t out_of_scope = 0, out_of_window = 0, waiting = 0;  // waiting: for a person
  std::vector<MeasureStatus> measures;
  std::vector<ClassStatus> classes;
  std::vector<FailureStatus> failures;
  std::vector<TriggerStatus> triggers;
  std::vector<std::pair<std::string, int64_t>> failing_checks,
      reasons;  // most often first: checks, reviewers' reasons
  double days_left = 0;
};

// `text_of`: the answer's text by its digest, where it was kept; may be empty.
using TextOf = std::function<std::optional<std::string>(const std::string& sha256)>;
Standing standing(const Running& pilot, const Gathered& gathered, const std::vector<Kept>& fired,
                  int64_t now_ms, const TextOf& text_of = {});

report::Document document(const Standing& standing);
// The decision's page: decision, reason, card, then the status it was taken on.
report::Document document(const Standing& standing, Decision decision, const std::string& why,
                          const Card& card);
// The figures of `document` as JSON, for --json.
std::string standing_json(const Standing& standing);

}  // namespace bw::pilot
