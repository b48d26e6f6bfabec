// The plan that `pilot new` writes: every key, with what it is for, and an example where an answer is not a
// person's.
#include <fmt/format.h>

#include "base/clock.h"
#include "pilot/pilot.h"

namespace bw::pilot {
namespace {

constexpr const char* before_window =
    R"(# The plan of a pilot. What is empty is yours to fill; `bitworth pilot check FILE` says what is missing.
# Once started it is in the log, signed, and is not changed: another plan is another pilot.

name = ""
owner = ""                        # one person, who answers for it
friction = ""                     # what hurts today, in a sentence that somebody who feels it would sign

[scope]
in = ""                           # which cases
classes = []                      # classes of the contract, by name; none: all
out = []                          # what is out of it, so that nobody argues later: ["calls in dialect", "..."]
cases_per_day = 40

[baseline]                        # what is done now
what = ""
minutes_per_case = 4.0            # of a person
cost_per_case = 2.0
currency = "EUR"
from = ""                         # how these were got: "30 cases timed in November", "a guess"

[candidate]
contract = "contract.toml"        # what is tried, from this file's folder
deployment = ""                   # of the contract: the one that a trigger undoes or refuses

[fallback]
what = ""                         # what happens to the cases once it is stopped

[window]                          # moments with their offset
)";
constexpr const char* after_window = R"(
[evidence]
alpha = 0.05                      # of each claim, one-sided
power = 0.80
standard_at_most = "2 %"          # a class may go without a person when fewer of its cases need one

# Each measure: what is hoped for (gain), or must not get worse (guard). `margin` is the smallest difference that
# matters; from it, alpha, power and spread (of a share: before) follows how many cases are needed.
# from: handed_over, abstained, refused, escalated, retried, attempts, answer_seconds, corrected, rejected,
# review_minutes (measured by the server and its reviews), or "events" (reported with `pilot event`, by whom: `by`).
[measures.minutes]
says = "minutes of a person, a case, all in"
from = "events"
by = ""
unit = "min"
better = "lower"
role = "gain"
before = 4.0
before_from = ""
margin = 1.0
spread = 2.5                      # standard deviation, assumed

[measures.handed_over]
says = "cases that still go to a person"
from = "handed_over"
better = "lower"
role = "gain"
before = "100 %"
before_from = "today every case does"
margin = "20 %"

[measures.wrong]
says = "cases found wrong afterwards"
from = "events"
by = ""
unit = "share"
better = "lower"
role = "guard"
before = "3 %"
before_from = ""
margin = "3 %"

[failures]                        # ways to be wrong, as people will report them
wrong_value = "a field has another value than the request"
missing_value = "a field that the request has is not there"

# What ends it, or calls somebody. figure: as `from` above, a measure's name, "failure" or "failure:NAME" (share of
# cases), "failures" or "failures:NAME" (how many). over = the last so many cases, or within = "2 d".
# action: "undo" (the deployment goes back), "refuse" (its class takes no more), "notify" (the owner is told).
[triggers.wrong]
says = "more wrong than a person ever was"
figure = "failure"
above = "8 %"
over = 50
least = 25
action = "undo"

[triggers.burst]
says = "three of one kind in a day"
figure = "failures:wrong_value"
above = 2
within = "1 d"
action = "refuse"

[triggers.tired]
says = "people spend longer on reviewing than on doing it"
figure = "review_minutes"
above = 4.0
over = 30
least = 15
action = "notify"

[decisions]                       # what each would need, said now, while nobody knows
extend = ""                       # "gain shown, no guard failed, fewer than 2 % wrong, the owner of X agrees"
simplify = ""
stop = ""
)";

}  // namespace

std::string new_plan(int64_t now_ms) {
  constexpr int64_t day = 86'400'000;
  const std::string monday = rfc3339(uint64_t((now_ms / day + 7) * day + 8 * 3'600'000)).substr(0, 19) + "Z";
  const std::string end = rfc3339(uint64_t((now_ms / day + 21) * day + 18 * 3'600'000)).substr(0, 19) + "Z";
  return std::string(before_window) + fmt::format("# start = {}\n# end = {}\n", monday, end) + after_window;
}

}  // namespace bw::pilot
