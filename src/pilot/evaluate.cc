// Triggers over events: each walks through time once, with the window of cases it looks at.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <unordered_map>

#include "base/time.h"
#include "pilot/pilot.h"
#include "report/figures.h"
#include "stats/paired.h"
#include "stats/proportions.h"

namespace bw::pilot {
namespace {

struct Case {
  int64_t at_ms = 0;
  std::string id;
  double value = 0;
};

// The cases in order of their first event that counts, those before `first` out of the window.
struct Window {
  std::vector<Case> cases;
  std::unordered_map<std::string, size_t> by_id;
  size_t first = 0;
  double sum = 0;

  void add(int64_t at_ms, const std::string& id, double value) {
    if (!by_id.emplace(id, cases.size()).second) return;
    cases.push_back({at_ms, id, value});
    sum += value;
  }
  void set(const std::string& id, double value) {
    const auto found = by_id.find(id);
    if (found == by_id.end()) return;
    Case& c = cases[found->second];
    if (found->second >= first) sum += value - c.value;
    c.value = value;
  }
  void drop_to(size_t at) {
    for (; first < at; ++first) sum -= cases[first].value;
  }
  size_t size() const { return cases.size() - first; }
};

enum class Sort { mean, share, count };
struct Figure_ {
  Sort sort = Sort::mean;
  std::string what;  // of a failure: its category, "" any
  bool failure = false;
  std::string unit;
};
Figure_ figure_of(const Plan& p, const Trigger& t) {
  Figure_ f;
  const size_t colon = t.figure.find(':');
  const std::string head = t.figure.substr(0, colon);
  if (head == "failure" || head == "failures") {
    f.failure = true;
    f.sort = head == "failures" ? Sort::count : Sort::share;
    f.what = colon == std::string::npos ? "" : t.figure.substr(colon + 1);
    f.unit = head == "failures" ? "failures" : "share";
    return f;
  }
  f.what = t.figure;
  if (const KnownFigure* known = find_figure(t.figure)) f.unit = known->unit;
  for (const Measure& m : p.measures)
    if (m.name == t.figure) {
      f.unit = m.unit;
      if (m.from != "events") f.what = m.from;
    }
  f.sort = f.unit == "share" ? Sort::share : Sort::mean;
  return f;
}

Figure figure(const Plan& p, const Figure_& f, const Window& w) {
  const auto n = int64_t(w.size());
  if (f.sort == Sort::count) {
    Figure out = measured(w.sum, f.unit);
    out.n = n;
    return out;
  }
  const double mean = w.sum / double(n);
  if (f.sort == Sort::share) {
    const auto k = int64_t(std::llround(w.sum));
    const stats::Interval i = stats::wilson(k, n, 2 * p.alpha);
    return with_interval(measured(double(k) / double(n), f.unit), i.low, i.high, n);
  }
  std::vector<double> values;
  for (size_t i = w.first; i < w.cases.size(); ++i) values.push_back(w.cases[i].value);
  Figure out = measured(mean, f.unit);
  out.n = n;
  if (const auto d = stats::mean_difference(values); d && d->sd > 0) {
    const stats::Interval i = stats::t_interval(*d, 2 * p.alpha);
    out = with_interval(std::move(out), i.low, i.high, n);
  }
  return out;
}

std::optional<Fired> walk(const Plan& p, const Trigger& t, const std::vector<const Event*>& events) {
  const Figure_ f = figure_of(p, t);
  Window w;
  for (const Event* e : events) {
    // A case exists from its first event after the start; a failure may be found days later.
    const bool counts = e->kind == Event::Kind::after && (f.failure || e->what == f.what);
    const bool fails = f.failure && e->kind == Event::Kind::failure && (f.what.empty() || e->what == f.what);
    if (counts) w.add(e->at_ms, e->case_id, f.failure ? 0 : e->value);
    if (fails) {
      w.add(e->at_ms, e->case_id, 0);
      w.set(e->case_id, 1);
    }
    if (!counts && !fails) continue;
    size_t from = w.first;
    if (t.over > 0) {
      from = w.cases.size() > t.over ? w.cases.size() - t.over : 0;
    } else {
      while (from < w.cases.size() && w.cases[from].at_ms <= e->at_ms - t.within_ms) ++from;
    }
    w.drop_to(std::max(from, w.first));
    const size_t n = w.size();
    if (n == 0 || (f.sort != Sort::count && n < t.least)) continue;
    // Sums of shares and counts are whole; of means a last bit must not fire what stands at its bound.
    const double now = f.sort == Sort::count ? w.sum : w.sum / double(n);
    const double slack = f.sort == Sort::mean ? 1e-9 * std::max(1.0, std::fabs(t.bound)) : 1e-12;
    if (t.above ? now <= t.bound + slack : now >= t.bound - slack) continue;
    Fired fired{.trigger = t.name, .figure = t.figure, .says = t.says, .action = t.action, .at_ms = e->at_ms};
    fired.value = figure(p, f, w);
    fired.above = t.above;
    fired.bound = t.bound;
    fired.n = int64_t(n);
    for (size_t i = w.cases.size(); i > w.first && fired.cases.size() < 20; --i)
      if (const Case& c = w.cases[i - 1]; f.sort == Sort::mean || c.value != 0 || !t.above)
        fired.cases.push_back(c.id);
    return fired;
  }
  return std::nullopt;
}

}  // namespace

std::vector<Fired> evaluate(const Plan& plan, std::span<const Event> events, int64_t now_ms) {
  std::vector<const Event*> in_order;
  in_order.reserve(events.size());
  for (const Event& e : events)
    if (e.at_ms <= now_ms && e.at_ms >= plan.start_ms && e.at_ms < plan.end_ms) in_order.push_back(&e);
  // Cases before what is found about them at the same moment; then by name, so that the order given does not
  // matter.
  std::sort(in_order.begin(), in_order.end(), [](const Event* a, const Event* b) {
    return std::tie(a->at_ms, a->kind, a->case_id, a->what) <
           std::tie(b->at_ms, b->kind, b->case_id, b->what);
  });
  std::vector<Fired> out;
  for (const Trigger& t : plan.triggers)
    if (auto fired = walk(plan, t, in_order)) out.push_back(std::move(*fired));
  std::stable_sort(out.begin(), out.end(), [](const Fired& a, const Fired& b) { return a.at_ms < b.at_ms; });
  return out;
}

std::string amount(double value, const std::string& unit) {
  return unit == "share" ? number(100 * value) + " %"
         : unit.empty()  ? number(value)
                         : number(value) + " " + unit;
}

std::string describe(const Fired& f) {
  return fmt::format("{}: {} {} over {} case{}, {} {}, at {}: {}", f.trigger, f.figure, report::show(f.value),
                     f.n, f.n == 1 ? "" : "s", f.above ? "above" : "below", amount(f.bound, f.value.unit),
                     time_text(f.at_ms), name(f.action));
}

}  // namespace bw::pilot
