// What was gathered -> Standing: cases put together, then counted by class, failure and measure.
#include "pilot/standing.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <set>

#include "base/clock.h"
#include "base/figure_json.h"
#include "stats/paired.h"

namespace bw::pilot {
namespace {

struct Case {
  std::string id, class_name;
  int64_t at_ms = 0;
  const Answer* answer = nullptr;
  const review::Item* review = nullptr;
  std::set<std::string> failed;  // categories
  bool first_time() const { return answer && answer->outcome == "answered" && answer->attempts.size() == 1; }
  bool needs_person() const {
    return !failed.empty() || (answer && (answer->outcome == "person" || answer->outcome == "abstained"));
  }
};

std::string class_text(const std::string& name) {
  return name.empty() ? "(no class)" : name;
}

// Every case that the pilot saw, in order of its first event after the start.
std::vector<Case> cases_of(const Gathered& g) {
  std::vector<Case> out;
  std::map<std::string, size_t> at;
  const auto find = [&](const std::string& id, int64_t ms) -> Case& {
    const auto [place, fresh] = at.emplace(id, out.size());
    if (fresh) {
      out.push_back({});
      out.back().id = id;
      out.back().at_ms = ms;
    }
    return out[place->second];
  };
  for (const Answer& a : g.answers) {
    Case& c = find(a.id, a.at_ms);
    c.answer = &a;
    c.class_name = a.class_name;
  }
  for (const review::Item& i : g.reviews)
    if (const auto found = at.find(i.answer_id); found != at.end()) out[found->second].review = &i;
  for (const Event& e : g.events) {
    if (e.kind == Event::Kind::before) continue;
    Case& c = find(e.case_id, e.at_ms);
    if (c.class_name.empty()) c.class_name = e.class_name;
    if (e.kind == Event::Kind::failure) c.failed.insert(e.what);
  }
  std::stable_sort(out.begin(), out.end(), [](const Case& a, const Case& b) { return a.at_ms < b.at_ms; });
  return out;
}

Figure share(int64_t k, int64_t n, double alpha, const char* none = "no case") {
  if (n == 0) return unknown("share", none);
  const stats::Interval i = stats::wilson(k, n, alpha);
  return with_interval(measured(double(k) / double(n), "share", fmt::format("{} of {}", k, n)), i.low, i.high,
                       n);
}
Figure mean(const std::vector<double>& v, const std::string& unit, double alpha,
            const std::string& why_none) {
  if (v.empty()) return unknown(unit, why_none);
  double sum = 0;
  for (const double x : v) sum += x;
  Figure f = measured(sum / double(v.size()), unit);
  f.n = int64_t(v.size());
  if (const auto d = stats::mean_difference(v); d && d->sd > 0) {
    const stats::Interval i = stats::t_interval(*d, alpha);
    f = with_interval(std::move(f), i.low, i.high, int64_t(v.size()));
  }
  return f;
}

ClassStatus class_status(const Plan& p, const std::string& name, const std::vector<const Case*>& cases) {
  const double alpha = 2 * p.alpha;
  ClassStatus c;
  c.name = class_text(name);
  c.n = int64_t(cases.size());
  int64_t first = 0, person = 0, answers = 0, not_timed = 0;
  std::vector<double> reviewed, spent;  // minutes: of those reviewed; of every case
  for (const Case* x : cases) {
    person += x->needs_person();
    if (!x->answer) continue;
    ++answers;
    first += x->first_time();
    if (x->review && x->review->timed) {
      reviewed.push_back(x->review->seconds / 60);
      spent.push_back(reviewed.back());
    } else if (x->answer->outcome == "person") {
      ++not_timed;
    } else {
      spent.push_back(0);
    }
  }
  c.first_time = share(first, answers, alpha, "no answer of it in the log");
  c.needs_person = share(person, c.n, alpha);
  c.review_minutes = mean(reviewed, "min", alpha, "no review was timed");
  if (!p.minutes_per_case) {
    c.saved_minutes = unknown("min", "the plan does not say what a case takes now");
  } else if (spent.empty()) {
    c.saved_minutes = unknown("min", "no answer whose review was timed");
  } else {
    const Figure s = mean(spent, "min", alpha, "");
    const std::string how =
        fmt::format("{} declared, less minutes of review a case{}", number(*p.minutes_per_case),
                    not_timed ? fmt::format("; {} wait or were not timed, left out", not_timed) : "");
    c.saved_minutes = derived(*p.minutes_per_case - s.value, "min", how);
    c.saved_minutes.n = s.n;
    if (s.low && s.high)
      c.saved_minutes = with_interval(std::move(c.saved_minutes), *p.minutes_per_case - *s.high,
                                      *p.minutes_per_case - *s.low, *s.n);
  }
  const Figure& need = c.needs_person;
  if (need.high && *need.high <= p.standard_at_most) {
    c.word = ClassStatus::Word::standard;
  } else if (need.low && *need.low > p.standard_at_most) {
    c.word = ClassStatus::Word::person;
  } else {
    // Wilson's upper bound with no such case at all is z^2 / (n + z^2).
    const stats::Interval none = stats::wilson(0, std::max<int64_t>(c.n, 1), alpha);
    c.why = none.high > p.standard_at_most ? "too few cases to say it of any class"
                                           : "the interval holds both answers";
  }
  return c;
}

FailureStatus failure_status(const Plan& p, const Failure& f, const std::vector<Case>& cases,
                             const Gathered& g, const TextOf& text_of) {
  FailureStatus out;
  out.name = f.name;
  out.says = f.says;
  int64_t k = 0, k_half[2] = {0, 0}, n_half[2] = {0, 0};
  std::map<std::string, const Case*> by_id;
  for (size_t i = 0; i < cases.size(); ++i) {
    const bool hit = cases[i].failed.contains(f.name);
    const size_t half = i < cases.size() / 2 ? 0 : 1;
    k += hit;
    k_half[half] += hit;
    ++n_half[half];
    if (hit) ++out.by_class[class_text(cases[i].class_name)];
    by_id[cases[i].id] = &cases[i];
  }
  const double alpha = 2 * p.alpha;
  out.share = share(k, int64_t(cases.size()), alpha);
  if (n_half[0] > 0) {
    const stats::Interval i = newcombe_unpaired(k_half[0], n_half[0], k_half[1], n_half[1], alpha);
    const double d = double(k_half[1]) / double(n_half[1]) - double(k_half[0]) / double(n_half[0]);
    out.trend = with_interval(derived(d, "share", "later half of the cases less the earlier"), i.low, i.high,
                              int64_t(cases.size()));
    out.rises = i.low > 0;
  } else {
    out.trend = unknown("share", "fewer than two cases");
  }
  for (const Event& e : g.events) {
    if (e.kind != Event::Kind::failure || e.what != f.name) continue;
    const Case* of = by_id[e.case_id];
    FailureStatus::Case c{e.case_id, class_text(of ? of->class_name : e.class_name), e.note, e.who, "",
                          e.at_ms};
    if (of && of->answer && text_of) {
      std::string digest = of->answer->output_sha256;
      if (digest.empty() && !of->answer->attempts.empty()) digest = of->answer->attempts.back().output_sha256;
      if (const auto text = digest.empty() ? std::nullopt : text_of(digest)) c.text = *text;
    }
    if (c.text.empty() && of && of->review && !of->review->attempts.empty())
      c.text = of->review->attempts.back().text;
    out.cases.push_back(std::move(c));
  }
  std::reverse(out.cases.begin(), out.cases.end());
  return out;
}

MeasureStatus measure_status(const Plan& p, const Measure& m, const Gathered& g) {
  MeasureStatus out;
  out.measure = m;
  ByCase before, after;
  std::map<std::string, ByCase> before_of, after_of;
  for (const Event& e : g.events) {
    if (e.kind == Event::Kind::before && e.what == m.name) {
      before[e.case_id] = e.value;
      before_of[class_text(e.class_name)][e.case_id] = e.value;
    } else if (e.kind == Event::Kind::after && e.what == (m.from == "events" ? m.name : m.from)) {
      after[e.case_id] = e.value;
      after_of[class_text(e.class_name)][e.case_id] = e.value;
    }
  }
  out.all = compare(p, m, before, after);
  if (after_of.size() > 1)
    for (const auto& [name, values] : after_of) out.by_class[name] = compare(p, m, before_of[name], values);
  return out;
}

std::vector<std::pair<std::string, int64_t>> most_often(const std::map<std::string, int64_t>& counts) {
  std::vector<std::pair<std::string, int64_t>> out(counts.begin(), counts.end());
  std::stable_sort(out.begin(), out.end(), [](const auto& a, const auto& b) { return a.second > b.second; });
  if (out.size() > 10) out.resize(10);
  return out;
}

}  // namespace

Standing standing(const Running& r, const Gathered& g, const std::vector<Kept>& fired, int64_t now_ms,
                  const TextOf& text_of) {
  Standing s;
  s.plan = r.plan;
  s.started = r.started;
  s.now_ms = now_ms;
  s.days_left = double(r.plan.end_ms - now_ms) / 86'400'000;
  s.expected = expected_cases(r.plan);
  s.out_of_scope = g.out_of_scope;
  s.out_of_window = g.out_of_window;
  const std::vector<Case> cases = cases_of(g);
  s.n_cases = int64_t(cases.size());
  std::map<std::string, std::vector<const Case*>> by_class;
  std::map<std::string, int64_t> checks, reasons;
  for (const Case& c : cases) {
    by_class[c.class_name].push_back(&c);
    if (c.answer)
      for (const Answer::Attempt& a : c.answer->attempts)
        for (const auto& [check, reason] : a.failed) ++checks[check];
    if (c.review && c.review->state == review::Item::State::waiting) ++s.waiting;
    if (c.review && !c.review->reason.empty()) ++reasons[c.review->reason];
  }
  for (const auto& [name, of] : by_class) s.classes.push_back(class_status(r.plan, name, of));
  for (const Failure& f : r.plan.failures) s.failures.push_back(failure_status(r.plan, f, cases, g, text_of));
  for (const Measure& m : r.plan.measures) s.measures.push_back(measure_status(r.plan, m, g));
  for (const Trigger& t : r.plan.triggers) {
    const auto found =
        std::find_if(fired.begin(), fired.end(), [&](const Kept& k) { return k.trigger == t.name; });
    s.triggers.push_back({t, found == fired.end() ? std::nullopt : std::optional(*found)});
  }
  s.failing_checks = most_often(checks);
  s.reasons = most_often(reasons);
  return s;
}

std::string standing_json(const Standing& s) {
  using Json = nlohmann::ordered_json;
  const auto compared = [](const Comparison& c) {
    return Json{{"before", json_of(c.before)},
                {"after", json_of(c.after)},
                {"gain", json_of(c.gain)},
                {"word", name(c.word)},
                {"why", c.why},
                {"n", c.n},
                {"planned", c.planned},
                {"how", c.how}};
  };
  Json j{{"pilot", s.plan.name},
         {"owner", s.plan.owner},
         {"now", rfc3339(uint64_t(s.now_ms))},
         {"started", rfc3339(uint64_t(s.started.started_ms))},
         {"log_index", s.started.log_index},
         {"days_left", s.days_left},
         {"cases", s.n_cases},
         {"expected_cases", s.expected},
         {"waiting", s.waiting},
         {"out_of_scope", s.out_of_scope},
         {"out_of_window", s.out_of_window}};
  j["measures"] = Json::object();
  for (const MeasureStatus& m : s.measures) {
    Json one = compared(m.all);
    for (const auto& [name, c] : m.by_class) one["by_class"][name] = compared(c);
    j["measures"][m.measure.name] = std::move(one);
  }
  j["classes"] = Json::object();
  for (const ClassStatus& c : s.classes)
    j["classes"][c.name] = {{"cases", c.n},
                            {"first_time", json_of(c.first_time)},
                            {"needs_person", json_of(c.needs_person)},
                            {"review_minutes", json_of(c.review_minutes)},
                            {"saved_minutes", json_of(c.saved_minutes)},
                            {"word", c.word == ClassStatus::Word::standard ? "standard"
                                     : c.word == ClassStatus::Word::person ? "person"
                                                                           : "open"},
                            {"why", c.why}};
  j["failures"] = Json::object();
  for (const FailureStatus& f : s.failures) {
    Json one{{"share", json_of(f.share)},
             {"trend", json_of(f.trend)},
             {"rises", f.rises},
             {"cases", Json::array()}};
    for (const auto& c : f.cases) one["cases"].push_back(c.case_id);
    j["failures"][f.name] = std::move(one);
  }
  j["triggers"] = Json::object();
  for (const TriggerStatus& t : s.triggers)
    j["triggers"][t.trigger.name] = t.fired ? Json{{"fired", rfc3339(uint64_t(t.fired->at_ms))},
                                                   {"log_index", t.fired->log_index},
                                                   {"says", t.fired->text},
                                                   {"acted", t.fired->acted}}
                                            : Json{{"fired", nullptr}};
  return j.dump(2, ' ', false, Json::error_handler_t::replace);
}

}  // namespace bw::pilot
