#include "pilot/events.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "base/markup.h"
#include "base/strict_json.h"
#include "base/time.h"
#include "scenario/quantity.h"

namespace bw::pilot {
namespace {

using Json = nlohmann::json;

std::string text_in(const Json& j, const char* key) {
  const auto found = j.find(key);
  return found != j.end() && found->is_string() ? found->get<std::string>() : std::string();
}

Error not_so(const std::string& label, size_t number, const std::string& what, std::string next = {}) {
  return bad_input(fmt::format("{}:{}: {}", label, number, what), std::move(next));
}

// Keys of a line, each with its reader; what is left over is unknown.
Result<Line> line_of(const Plan& plan, const Json& j, const std::string& label, size_t number) {
  const auto wrong = [&](const std::string& what, std::string next = {}) {
    return not_so(label, number, what, std::move(next));
  };
  const std::vector<std::string> known{"time",     "case", "kind",  "measure", "value",
                                       "category", "note", "class", "who",     "replaces"};
  for (const auto& [key, value] : j.items()) {
    if (std::find(known.begin(), known.end(), key) == known.end()) {
      const std::string near = scenario::nearest(key, known);
      return wrong(fmt::format("unknown key {}{}", terminal_text(key),
                               near.empty() ? "" : "; the nearest known one is " + near));
    }
    const bool is_number = key == "value" || key == "replaces";
    if (is_number ? !value.is_number() : !value.is_string())
      return wrong(fmt::format("{}: expected a {}", key, is_number ? "number" : "text"));
    if (!is_number && value.get_ref<const std::string&>().size() > 4000)
      return wrong(key + ": longer than 4,000 bytes");
  }
  Line line;
  Event& e = line.event;
  line.number = number;
  const auto time = parse_rfc3339(text_in(j, "time"));
  if (!time) return wrong("time: " + time.error().what);
  e.at_ms = *time;
  e.case_id = text_in(j, "case");
  e.class_name = text_in(j, "class");
  e.who = text_in(j, "who");
  e.note = text_in(j, "note");
  if (e.case_id.empty() || e.case_id.size() > 200) return wrong("case: expected a name of up to 200 bytes");
  const std::string kind = text_in(j, "kind");
  if (kind == "failure") {
    e.kind = Event::Kind::failure;
    e.what = text_in(j, "category");
    for (const char* key : {"measure", "value", "replaces"})
      if (j.contains(key)) return wrong(fmt::format("{}: a failure has a category and perhaps a note", key));
    std::vector<std::string> names;
    for (const Failure& f : plan.failures) names.push_back(f.name);
    if (std::find(names.begin(), names.end(), e.what) == names.end()) {
      std::string all;
      for (const std::string& n : names) all += (all.empty() ? "" : ", ") + n;
      return wrong(fmt::format("category: the plan has no failure \"{}\"", terminal_text(e.what)),
                   "one of: " + all);
    }
    return line;
  }
  if (kind != "before" && kind != "after")
    return wrong("kind: expected \"before\", \"after\" or \"failure\"");
  e.kind = kind == "before" ? Event::Kind::before : Event::Kind::after;
  if (j.contains("category")) return wrong("category: only a failure has one");
  e.what = text_in(j, "measure");
  const auto m = std::find_if(plan.measures.begin(), plan.measures.end(),
                              [&](const Measure& x) { return x.name == e.what; });
  if (m == plan.measures.end())
    return wrong(fmt::format("measure: the plan has no measure \"{}\"", terminal_text(e.what)));
  if (m->from != "events") {
    if (e.kind == Event::Kind::after)
      return wrong(fmt::format("measure: {} is taken from {}, which the server measures", m->name, m->from));
    e.what = m->name;
  }
  if (!j.contains("value")) return wrong("value: missing");
  e.value = j["value"].get<double>();
  if (!std::isfinite(e.value) || e.value < 0) return wrong("value: expected a number of at least 0");
  if (m->unit == "share" && e.value != 0 && e.value != 1) return wrong("value: of a share, a case is 0 or 1");
  if (j.contains("replaces")) line.replaces = j["replaces"].get<double>();
  return line;
}

}  // namespace

Result<std::optional<Answer>> answer_of(std::string_view text) {
  const Json j = Json::parse(text, nullptr, false);
  if (!j.is_object()) return bad_input("an entry that is not a JSON object");
  if (text_in(j, "kind") != "answer") return std::optional<Answer>();
  Answer a;
  a.id = text_in(j, "id");
  const auto wrong = [&](std::string_view what) {
    return bad_input(fmt::format("the answer {}: {}", a.id.empty() ? "?" : terminal_text(a.id), what));
  };
  a.class_name = text_in(j, "class");
  a.outcome = text_in(j, "outcome");
  a.deployment = text_in(j, "deployment");
  a.output_sha256 = text_in(j, "output_sha256");
  a.reason = text_in(j, "reason");
  const auto time = parse_rfc3339(text_in(j, "time"));
  if (!time) return wrong("its time: " + time.error().what);
  a.at_ms = *time;
  if (a.id.empty()) return wrong("no id");
  const std::string_view outcomes[] = {"answered", "abstained", "person", "refused"};
  if (std::find(std::begin(outcomes), std::end(outcomes), a.outcome) == std::end(outcomes))
    return wrong(fmt::format("outcome \"{}\" is not known here", terminal_text(a.outcome)));
  if (j.contains("ms") && j["ms"].is_number()) a.ms = j["ms"].get<int64_t>();
  const auto attempts = j.find("attempts");
  if (attempts == j.end() || !attempts->is_array()) return wrong("no attempts");
  for (const Json& one : *attempts) {
    if (!one.is_object()) return wrong("an attempt that is not an object");
    Answer::Attempt t{text_in(one, "deployment"), text_in(one, "ending"), text_in(one, "output_sha256"), {}};
    if (const auto checks = one.find("checks"); checks != one.end() && checks->is_array())
      for (const Json& c : *checks)
        if (c.is_object() && c.contains("passed") && c["passed"] == false)
          t.failed.emplace_back(text_in(c, "name"), text_in(c, "reason"));
    a.attempts.push_back(std::move(t));
  }
  return std::optional(std::move(a));
}

std::vector<Event> events_of(const Answer& a, int64_t log_index) {
  bool escalated = false;
  for (const Answer::Attempt& t : a.attempts) escalated |= t.deployment != a.attempts.front().deployment;
  const std::pair<const char*, double> figures[] = {
      {"handed_over", a.outcome == "person"}, {"abstained", a.outcome == "abstained"},
      {"refused", a.outcome == "refused"},    {"escalated", escalated},
      {"retried", a.attempts.size() > 1},     {"attempts", double(a.attempts.size())},
      {"answer_seconds", double(a.ms) / 1000}};
  std::vector<Event> out;
  for (const auto& [what, value] : figures) {
    Event e;
    e.at_ms = a.at_ms;
    e.case_id = a.id;
    e.class_name = a.class_name;
    e.what = what;
    e.value = value;
    e.received_ms = a.at_ms;
    e.log_index = log_index;
    out.push_back(std::move(e));
  }
  return out;
}

std::vector<Event> events_of(const review::Item& i) {
  std::vector<Event> out;
  if (i.state == review::Item::State::waiting) return out;
  const auto add = [&](const char* what, double value) {
    Event e;
    e.at_ms = int64_t(i.decided_ms);
    e.case_id = i.answer_id;
    e.class_name = i.class_name;
    e.what = what;
    e.value = value;
    e.who = i.reviewer;
    e.note = i.reason;
    e.received_ms = e.at_ms;
    out.push_back(std::move(e));
  };
  add("corrected", i.state == review::Item::State::corrected);
  add("rejected", i.state == review::Item::State::rejected);
  if (i.timed) add("review_minutes", i.seconds / 60);
  return out;
}

Result<std::vector<Line>> read_lines(const Plan& plan, std::string_view text, const std::string& label) {
  std::vector<Line> out;
  size_t number = 0;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    ++number;
    if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
    if (line.find_first_not_of(" \t") == std::string_view::npos) continue;
    if (line.size() > 65'536) return not_so(label, number, "longer than 65,536 bytes");
    if (const auto fault = check_json(line, {.max_depth = 2})) return not_so(label, number, fault->message);
    const Json j = Json::parse(line, nullptr, false);
    if (!j.is_object()) return not_so(label, number, "expected a JSON object a line");
    BW_TRY(Line one, line_of(plan, j, label, number));
    out.push_back(std::move(one));
  }
  if (out.empty()) return bad_input(label + ": holds no event");
  return out;
}

}  // namespace bw::pilot
