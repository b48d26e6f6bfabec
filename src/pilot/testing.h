// What this layer's tests share: a plan, a log in memory, events by hand.
#pragma once
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/time.h"
#include "pilot/pilot.h"
#include "pilot/run.h"

namespace bw::pilot::testing {

inline const std::string kPlan = R"(name = "desk"
owner = "Maria Rossi"
friction = "bookings are typed twice"

[scope]
in = "bookings by mail"
classes = ["extract", "summarise"]
out = ["calls"]
cases_per_day = 40

[baseline]
what = "two people type them"
minutes_per_case = 4.0
cost_per_case = 2.0
from = "30 cases timed in November"

[candidate]
contract = "contract.toml"
deployment = "small"

[fallback]
what = "two people type them, as before"

[window]
start = 2026-12-01T08:00:00+01:00
end = 2026-12-15T18:00:00+01:00

[measures.minutes]
says = "minutes of a person"
from = "events"
by = "the desk, with a stopwatch"
unit = "min"
better = "lower"
role = "gain"
before = 4.0
before_from = "30 cases timed"
margin = 1.0
spread = 2.0

[measures.handed_over]
from = "handed_over"
before = "100 %"
before_from = "every case today"
margin = "20 %"

[measures.wrong]
says = "found wrong afterwards"
from = "events"
by = "the desk"
unit = "share"
role = "guard"
before = "3 %"
before_from = "complaints of 2025"
margin = "3 %"

[failures]
wrong_value = "a field has another value"
missing_value = "a field is not there"

[triggers.wrong]
figure = "failure"
above = "8 %"
over = 50
least = 20
action = "undo"

[triggers.burst]
figure = "failures:wrong_value"
above = 2
within = "1 d"
action = "refuse"

[triggers.tired]
figure = "review_minutes"
above = 4.0
over = 30
least = 10
action = "notify"

[decisions]
extend = "minutes shown, wrong holds"
simplify = "minutes shown for one class"
stop = "wrong fails"
)";

// The plan with one text in it replaced by another; the text must be there.
inline std::string with(const std::string& from, const std::string& to) {
  std::string text = kPlan;
  const size_t at = text.find(from);
  if (at == std::string::npos) return "not in the plan: " + from;
  return text.replace(at, from.size(), to);
}

// A log without a disk.
class Fake : public Journal {
 public:
  std::vector<std::string> entries;
  bool full = false;
  int n_signed = 0;
  Result<uint64_t> append(const std::string& json) override {
    if (full) return failed("no space");
    entries.push_back(json);
    return entries.size() - 1;
  }
  Result<std::string> sign() override {
    ++n_signed;
    return std::string("note");
  }
  uint64_t size() const override { return entries.size(); }
  Result<std::string> entry(uint64_t i) const override { return entries.at(i); }
  nlohmann::json json(size_t i) const { return nlohmann::json::parse(entries.at(i)); }
};

inline int64_t at(const char* rfc3339) {
  return *parse_rfc3339(rfc3339);
}

// An entry as a server writes it.
inline std::string answer(const std::string& id, int64_t ms, const std::string& outcome = "answered",
                          const std::string& of = "extract", int n_attempts = 1) {
  nlohmann::json j = {{"kind", "answer"},   {"time", rfc3339(uint64_t(ms))},
                      {"id", id},           {"class", of},
                      {"outcome", outcome}, {"ms", 1500}};
  j["attempts"] = nlohmann::json::array();
  for (int i = 0; i < n_attempts; ++i) {
    const bool last = i + 1 == n_attempts && outcome == "answered";
    nlohmann::json checks = nlohmann::json::array({{{"name", "schema"}, {"passed", last}}});
    if (!last) checks[0]["reason"] = "no field town";
    j["attempts"].push_back({{"deployment", i < 2 ? "small" : "careful"},
                             {"ending", last ? "passed" : "failed_checks"},
                             {"checks", checks},
                             {"output_sha256", "d" + id}});
  }
  return j.dump();
}

}  // namespace bw::pilot::testing
