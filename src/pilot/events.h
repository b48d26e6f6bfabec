// Where a pilot's events come from: answers in the audit log, decisions of the review queue, lines that
// people report. In: an entry, an item, a file's text. Out: events, or what is wrong with which line.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "pilot/pilot.h"
#include "review/queue.h"

namespace bw::pilot {

// What an entry of kind "answer" says (docs/log.md: id, class, outcome, deployment, ms, attempts).
struct Answer {
  std::string id, class_name, outcome, deployment, output_sha256, reason;
  int64_t at_ms = 0;
  int64_t ms = 0;  // from request to answer
  struct Attempt {
    std::string deployment, ending, output_sha256;
    std::vector<std::pair<std::string, std::string>> failed;  // check, reason
  };
  std::vector<Attempt> attempts;
};
// Nothing: an entry of another kind. Error: an answer without what this needs.
Result<std::optional<Answer>> answer_of(std::string_view entry_json);
// One event a figure of known_figures() that an answer has.
std::vector<Event> events_of(const Answer& answer, int64_t log_index);
// corrected, rejected, review_minutes (where timed), by the answer's id; a rejection is also told as a note.
// Nothing while it waits.
std::vector<Event> events_of(const review::Item& item);

// A line of `pilot event`: {"time", "case", "kind": "before" | "after" | "failure", "measure", "value"} with,
// of a failure, "category" for measure and value and perhaps "note"; also "class", "who", and "replaces":
// VALUE to put right what was reported wrongly. Unknown keys, measures and categories are refused.
struct Line {
  Event event;
  std::optional<double> replaces;
  size_t number = 0;  // in its file, from 1
};
// All of a file; the first wrong line refuses it whole. Empty lines are skipped. `label`: what errors call
// the file.
Result<std::vector<Line>> read_lines(const Plan& plan, std::string_view text, const std::string& label);

}  // namespace bw::pilot
