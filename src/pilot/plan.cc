// TOML -> Plan. Form is checked here, with file, line and key; what a plan must have to start is missing()'s.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/file.h"
#include "base/hash.h"
#include "base/markup.h"
#include "pilot/pilot.h"
#include "pilot/toml.h"
#include "scenario/quantity.h"

namespace bw::pilot {
namespace {

constexpr KnownFigure kFigures[] = {
    {"handed_over", "share", "answers that were handed to a person", false},
    {"abstained", "share", "answers that say \"I don't know\"", false},
    {"refused", "share", "requests that got no answer", false},
    {"escalated", "share", "answers for which more than one deployment was asked", false},
    {"retried", "share", "answers that took more than one attempt", false},
    {"attempts", "attempts", "attempts an answer", false},
    {"answer_seconds", "s", "from request to answer", false},
    {"corrected", "share", "reviewed answers that a person corrected", true},
    {"rejected", "share", "reviewed answers that a person rejected", true},
    {"review_minutes", "min", "a person's minutes on a reviewed answer", true},
};

bool is_name(std::string_view s) {
  return !s.empty() && s.size() <= 64 && s[0] >= 'a' && s[0] <= 'z' &&
         std::all_of(s.begin(), s.end(),
                     [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_'; });
}

// A share is declared as 0.04 or "4 %", everything else as a number of its unit.
void value(Reader& r, const char* key, const std::string& unit, std::optional<double>& into, double least) {
  if (!r.has(key)) {
    double none = 0;
    return r.number(key, none, least, INFINITY);  // so that the key counts as known
  }
  double v = 0;
  const bool share = unit == "share";
  r.number(key, v, least, share ? 1 : INFINITY, share ? "share" : "");
  into = v;
}

Measure measure(Reader& r, std::string name) {
  Measure m;
  m.name = std::move(name);
  r.text("says", m.says);
  r.text("from", m.from);
  r.text("unit", m.unit);
  // Before what is read in its unit, so that the first error is the one that matters.
  if (m.from != "events" && !find_figure(m.from)) {
    std::vector<std::string> names{"events"};
    for (const KnownFigure& f : kFigures) names.emplace_back(f.name);
    const std::string near = scenario::nearest(m.from, names);
    std::string all;
    for (const std::string& n : names) all += (all.empty() ? "" : ", ") + n;
    r.fail(
        "from",
        fmt::format("\"{}\" is not measured here{}", m.from, near.empty() ? "" : "; the nearest is " + near),
        "one of: " + all);
  }
  if (const KnownFigure* f = find_figure(m.from); f && m.unit.empty()) m.unit = f->unit;
  m.lower_is_better = r.word("better", {"lower", "higher"}) != 1;
  m.guard = r.word("role", {"gain", "guard"}) == 1;
  r.text("by", m.by);
  value(r, "before", m.unit, m.before, 0);
  r.text("before_from", m.before_from);
  std::optional<double> margin;
  value(r, "margin", m.unit, margin, 0);
  m.margin = margin.value_or(0);
  value(r, "spread", m.unit, m.spread, 0);
  r.done();
  return m;
}

Trigger trigger(Reader& r, std::string name) {
  Trigger t;
  t.name = std::move(name);
  r.text("says", t.says);
  r.text("figure", t.figure);
  const bool above = r.has("above");
  // "5 %" is understood of a share, which most figures of a trigger are.
  t.bound = std::nan("");
  r.number("above", t.bound, 0, INFINITY, "share");
  if (!above) t.above = false;
  double below = std::nan("");
  r.number("below", below, 0, INFINITY, "share");
  if (!above) t.bound = below;
  r.whole("over", t.over, 1, 1'000'000);
  r.duration("within", t.within_ms);
  r.whole("least", t.least, 1, 1'000'000);
  if (const int a = r.word("action", {"undo", "refuse", "notify"}); a >= 0) t.action = Action(a);
  r.done();
  return t;
}

// The tables [a.NAME] below a table, each with its own name.
template <class F>
void each(Reader& r, const char* key, F f) {
  const Node* all = r.table(key);
  if (!all) return;
  for (const auto& [name, node] : all->inner) {
    if (!is_name(name))
      return r.fail(node, std::string(key) + "." + html_attribute(name),
                    "a name of small letters, digits and _ was expected");
    if (node.kind != Node::Kind::table && node.kind != Node::Kind::text)
      return r.fail(node, std::string(key) + "." + name, "expected a table");
    f(name, node);
  }
}

Status checked(const Plan& p, const std::string& label) {
  const auto wrong = [&](const std::string& what, std::string next = {}) {
    return bad_input(fmt::format("{}: {}", label, what), std::move(next));
  };
  if (p.end_ms && p.end_ms <= p.start_ms) return wrong("window.end is not after window.start");
  for (const Measure& m : p.measures) {
    const std::string key = "measures." + m.name;
    if (const KnownFigure* f = find_figure(m.from); f && m.unit != f->unit)
      return wrong(fmt::format("{}.unit: {} is in {}, not in \"{}\"", key, m.from, f->unit, m.unit));
    if (m.from == "events" && find_figure(m.name))
      return wrong(
          fmt::format("{}: the name of a figure that is measured here; from = \"{}\" takes it", key, m.name),
          "or give the measure another name");
  }
  for (const Trigger& t : p.triggers) {
    const std::string key = "triggers." + t.name;
    const auto measure_of = [&](std::string_view figure) {
      return std::any_of(p.measures.begin(), p.measures.end(),
                         [&](const Measure& m) { return m.name == figure; });
    };
    const size_t colon = t.figure.find(':');
    const std::string head = t.figure.substr(0, colon);
    const bool failure = head == "failure" || head == "failures";
    if (!failure && !find_figure(t.figure) && !measure_of(t.figure))
      return wrong(
          fmt::format("{}.figure: \"{}\" is no figure, no measure of this plan and no failure", key,
                      t.figure),
          "a figure of docs/pilot.md, a measure's name, \"failure\", \"failure:CATEGORY\", \"failures\" or "
          "\"failures:CATEGORY\"");
    if (failure && colon != std::string::npos) {
      const std::string category = t.figure.substr(colon + 1);
      if (std::none_of(p.failures.begin(), p.failures.end(),
                       [&](const Failure& f) { return f.name == category; }))
        return wrong(fmt::format("{}.figure: there is no [failures.{}]", key, category));
    }
    if (std::isnan(t.bound)) return wrong(key + ": neither above nor below is said");
    if ((t.over > 0) == (t.within_ms > 0))
      return wrong(key + ": one of over (cases) and within (\"2 d\") is needed");
    if (head == "failures" && !t.above)
      return wrong(key + ": a count of failures can only be bounded from above");
    if (t.over > 0 && t.least > t.over) return wrong(key + ".least: more than the cases it looks at (over)");
  }
  return {};
}

}  // namespace

const char* name(Action a) {
  switch (a) {
    case Action::undo:
      return "undo";
    case Action::refuse:
      return "refuse";
    case Action::notify:
      return "notify";
  }
  return "notify";
}

std::span<const KnownFigure> known_figures() {
  return kFigures;
}
const KnownFigure* find_figure(std::string_view name) {
  for (const KnownFigure& f : kFigures)
    if (f.name == name) return &f;
  return nullptr;
}

Result<Plan> parse(const std::string& text, const std::string& label) {
  BW_TRY(const Node root, parse_toml(text, label));
  Plan p;
  p.path = label;
  p.text = text;
  p.sha256 = sha256_hex(text);
  Status status;
  Reader r(root, label, "", status);
  const auto inside = [&](const char* key, auto f) {
    if (const Node* n = r.table(key)) {
      Reader inner(*n, label, key, status);
      f(inner);
      inner.done();
    }
  };
  r.text("name", p.name);
  r.text("owner", p.owner);
  r.text("friction", p.friction);
  inside("scope", [&](Reader& s) {
    s.text("in", p.scope);
    s.texts("classes", p.classes);
    s.texts("out", p.out);
    s.number("cases_per_day", p.cases_per_day, 0, 1e9);
  });
  inside("baseline", [&](Reader& b) {
    b.text("what", p.baseline);
    value(b, "minutes_per_case", "min", p.minutes_per_case, 0);
    value(b, "cost_per_case", "money", p.cost_per_case, 0);
    b.text("currency", p.currency);
    b.text("from", p.baseline_from);
  });
  inside("candidate", [&](Reader& c) {
    c.text("contract", p.contract);
    c.text("deployment", p.deployment);
  });
  inside("fallback", [&](Reader& f) { f.text("what", p.fallback); });
  inside("window", [&](Reader& w) {
    w.moment("start", p.start_ms, &p.offset_minutes);
    w.moment("end", p.end_ms, nullptr);
  });
  inside("evidence", [&](Reader& e) {
    e.number("alpha", p.alpha, 0.0001, 0.2);
    e.number("power", p.power, 0.5001, 0.999);
    e.number("standard_at_most", p.standard_at_most, 0.0001, 0.5, "share");
  });
  each(r, "measures", [&](const std::string& name, const Node& n) {
    Reader inner(n, label, "measures." + name, status);
    p.measures.push_back(measure(inner, name));
  });
  each(r, "failures", [&](const std::string& name, const Node& n) { p.failures.push_back({name, n.text}); });
  each(r, "triggers", [&](const std::string& name, const Node& n) {
    Reader inner(n, label, "triggers." + name, status);
    p.triggers.push_back(trigger(inner, name));
  });
  inside("decisions", [&](Reader& d) {
    d.text("extend", p.extend);
    d.text("simplify", p.simplify);
    d.text("stop", p.stop);
  });
  r.done();
  if (!status) return std::move(status.error());
  BW_CHECK(checked(p, label));
  return p;
}

Result<Plan> load(const std::string& path) {
  BW_TRY(const std::string text, read_text(path, 1u << 20));
  return parse(text, path);
}

}  // namespace bw::pilot
