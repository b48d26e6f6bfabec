#include "pilot/run.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "base/clock.h"
#include "base/figure_json.h"
#include "base/hash.h"
#include "base/markup.h"
#include "base/time.h"

namespace bw::pilot {
namespace {

using Json = nlohmann::ordered_json;
constexpr int64_t kFutureMs = 5 * 60'000;  // clocks of two machines may differ by so much

Json entry(const char* kind, int64_t now_ms) {
  return {{"kind", kind}, {"time", rfc3339(uint64_t(now_ms))}};
}
std::string dump(const Json& j) {
  return j.dump(-1, ' ', false, Json::error_handler_t::replace);
}
std::string when(const Plan& p, int64_t ms) {
  return time_text(ms, p.offset_minutes);
}

// Which of the lines is not of this pilot's time.
Status in_time(const Running& r, const Line& line, const std::string& label, int64_t now_ms) {
  const Event& e = line.event;
  const auto wrong = [&](const std::string& what) {
    return bad_input(fmt::format("{}:{}: case {}: {}", label, line.number, terminal_text(e.case_id), what));
  };
  // A baseline may be timed by hand while the pilot runs, but what came before the plan was chosen after the
  // fact.
  if (e.at_ms < r.started.started_ms)
    return wrong(fmt::format("{} is before this pilot was started ({}): such events are not taken",
                             when(r.plan, e.at_ms), when(r.plan, r.started.started_ms)));
  if (e.at_ms < r.plan.start_ms)
    return wrong(fmt::format("{} is before its window begins ({})", when(r.plan, e.at_ms),
                             when(r.plan, r.plan.start_ms)));
  if (e.at_ms >= r.plan.end_ms)
    return wrong(
        fmt::format("{} is after its window ended ({})", when(r.plan, e.at_ms), when(r.plan, r.plan.end_ms)));
  if (e.at_ms > now_ms + kFutureMs) return wrong(fmt::format("{} is in the future", when(r.plan, e.at_ms)));
  return {};
}

}  // namespace

Result<Started> start(Store& store, Journal& journal, const Plan& plan, int64_t now_ms) {
  if (const auto lacks = missing(plan); !lacks.empty()) {
    std::string all;
    for (const std::string& l : lacks) all += "\n  " + l;
    return bad_input(plan.path + ": cannot be started, it lacks" + all, "bitworth pilot check " + plan.path);
  }
  if (now_ms >= plan.end_ms)
    return bad_input(fmt::format("{}: its window ended at {}", plan.path, when(plan, plan.end_ms)),
                     "give it another window");
  BW_TRY(const std::optional<Started> other, store.running());
  if (other)
    return bad_input("another pilot runs in this folder",
                     "decide it first: bitworth pilot decide extend|simplify|stop ...");
  Json e = entry("pilot_start", now_ms);
  e["pilot"] = plan.name;
  e["owner"] = plan.owner;
  e["start"] = rfc3339(uint64_t(plan.start_ms));
  e["end"] = rfc3339(uint64_t(plan.end_ms));
  e["plan_sha256"] = plan.sha256;
  e["entries_before"] = journal.size();
  for (const Measure& m : plan.measures)
    if (const auto n = planned_n(plan, m)) e["planned_cases"][m.name] = *n;
  e["plan"] = plan.text;
  BW_TRY(const uint64_t index, journal.append(dump(e)));
  BW_TRY(const std::string note, journal.sign());
  Started s;
  s.plan = plan.text;
  s.plan_path = plan.path;
  s.started_ms = now_ms;
  s.log_index = int64_t(index);
  BW_TRY(s.id, store.start(s));
  return s;
}

Result<Running> running(const Store& store) {
  BW_TRY(std::optional<Started> s, store.running());
  if (!s) return bad_input("no pilot runs in this folder", "bitworth pilot start PLAN.toml --log-dir DIR");
  BW_TRY(Plan plan, parse(s->plan, s->plan_path));
  return Running{*std::move(s), std::move(plan)};
}

Result<Report> take(Store& store, Journal& journal, const Running& r, std::string_view text,
                    const std::string& label, int64_t now_ms) {
  BW_TRY(const std::vector<Line> lines, read_lines(r.plan, text, label));
  std::vector<Event> events;
  std::vector<std::optional<double>> replaces;
  for (const Line& line : lines) {
    const Status in = in_time(r, line, label, now_ms);
    if (!in) return in.error();
    events.push_back(line.event);
    events.back().received_ms = now_ms;
    replaces.push_back(line.replaces);
  }
  BW_TRY(const Store::Look look, store.look(r.started.id, events, replaces));
  if (look.conflict) {
    const Store::Conflict& c = *look.conflict;
    const Event& e = events[c.at];
    const std::string named =
        fmt::format("{}:{}: case {}, {}", label, lines[c.at].number, terminal_text(e.case_id), e.what);
    if (!c.exists) return bad_input(named + ": there is nothing to replace");
    return bad_input(fmt::format("{}: {} at {} here, but {} at {} is known", named, e.value,
                                 when(r.plan, e.at_ms), c.known, when(r.plan, c.known_at_ms)),
                     fmt::format("where that one was wrong, say so in the line: \"replaces\": {}", c.known));
  }
  BW_TRY(const std::vector<Event> known, store.events(r.started.id));
  Report report;
  int64_t newest = known.empty() ? 0 : known.back().at_ms;
  for (size_t i = 0; i < events.size(); ++i) {
    const Taken t = look.taken[i];
    report.fresh += t == Taken::fresh;
    report.same += t == Taken::same;
    report.replaced += t == Taken::replaced;
    report.late += t == Taken::fresh && events[i].at_ms < newest;
  }
  if (report.fresh + report.replaced == 0) return report;
  Json e = entry("pilot_events", now_ms);
  e["pilot"] = r.plan.name;
  e["lines_sha256"] = sha256_hex(text);
  e["fresh"] = report.fresh;
  e["same"] = report.same;
  for (size_t i = 0; i < events.size(); ++i)
    if (look.taken[i] == Taken::replaced)
      e["replaced"].push_back({{"case", events[i].case_id},
                               {"measure", events[i].what},
                               {"from", *replaces[i]},
                               {"to", events[i].value}});
  BW_TRY(const uint64_t index, journal.append(dump(e)));
  report.log_index = int64_t(index);
  for (Event& event : events) event.log_index = report.log_index;
  BW_CHECK(store.add(r.started.id, events, look.taken));
  return report;
}

Result<Gathered> gather(const Store& store, const Journal& journal, const review::Queue* queue,
                        const Running& r) {
  Gathered g;
  const Plan& p = r.plan;
  const int64_t from = std::max(p.start_ms, r.started.started_ms);
  std::map<std::string, std::string> class_of;
  for (uint64_t i = uint64_t(std::max<int64_t>(0, r.started.log_index)); i < journal.size(); ++i) {
    BW_TRY(const std::string text, journal.entry(i));
    // Other kinds are the most of some logs: told apart before anything is parsed.
    if (text.find("\"answer\"") == std::string::npos) continue;
    auto answer = answer_of(text);
    if (!answer) return failed(fmt::format("log entry {}: {}", i, answer.error().what), answer.error().next);
    if (!*answer) continue;
    Answer& a = **answer;
    if (!p.classes.empty() &&
        std::find(p.classes.begin(), p.classes.end(), a.class_name) == p.classes.end()) {
      ++g.out_of_scope;
      continue;
    }
    if (a.at_ms < from || a.at_ms >= p.end_ms) {
      ++g.out_of_window;
      continue;
    }
    class_of[a.id] = a.class_name;
    for (Event& e : events_of(a, int64_t(i))) g.events.push_back(std::move(e));
    g.answers.push_back(std::move(a));
  }
  if (queue)
    for (int64_t after = 0;;) {
      BW_TRY(std::vector<review::Item> items, queue->list({}, 200, after));
      if (items.empty()) break;
      for (review::Item& item : items) {
        after = item.id;
        if (!class_of.contains(item.answer_id)) continue;
        for (Event& e : events_of(item)) g.events.push_back(std::move(e));
        g.reviews.push_back(std::move(item));
      }
    }
  BW_TRY(std::vector<Event> reported, store.events(r.started.id));
  for (Event& e : reported) {
    if (const auto known = class_of.find(e.case_id); e.class_name.empty() && known != class_of.end())
      e.class_name = known->second;
    g.events.push_back(std::move(e));
  }
  std::stable_sort(g.events.begin(), g.events.end(),
                   [](const Event& a, const Event& b) { return a.at_ms < b.at_ms; });
  return g;
}

Result<std::vector<Fired>> watch(Store& store, Journal& journal, const Running& r,
                                 std::span<const Event> events, int64_t now_ms, const Act& act) {
  BW_TRY(const std::vector<Kept> kept, store.fired(r.started.id));
  std::vector<Fired> out;
  for (Fired& f : evaluate(r.plan, events, now_ms)) {
    const auto known =
        std::find_if(kept.begin(), kept.end(), [&](const Kept& k) { return k.trigger == f.trigger; });
    const bool fresh = known == kept.end();
    if (fresh) {
      Json e = entry("pilot_trigger", now_ms);
      e["pilot"] = r.plan.name;
      e["trigger"] = f.trigger;
      e["figure"] = f.figure;
      e["value"] = json_of(f.value);
      e[f.above ? "above" : "below"] = f.bound;
      e["n"] = f.n;
      e["at"] = rfc3339(uint64_t(f.at_ms));
      e["action"] = name(f.action);
      e["cases"] = f.cases;
      BW_TRY(const uint64_t index, journal.append(dump(e)));
      BW_CHECK(store.add_fired(r.started.id, {f.trigger, f.at_ms, int64_t(index), describe(f), ""}));
    }
    if (act && (fresh || known->acted.empty())) {
      auto done = act(r.plan, f);
      // What failed is tried again at the next look: only what was done is kept as done.
      if (!done)
        return failed(fmt::format("trigger {} fired, its action ({}) failed: {}", f.trigger, name(f.action),
                                  done.error().what),
                      done.error().next);
      BW_CHECK(store.acted(r.started.id, f.trigger, done->empty() ? "done" : *done));
    }
    if (fresh) out.push_back(std::move(f));
  }
  return out;
}

const char* name(Decision d) {
  switch (d) {
    case Decision::extend:
      return "extend";
    case Decision::simplify:
      return "simplify";
    case Decision::stop:
      return "stop";
  }
  return "stop";
}

Result<std::string> decide(Store& store, Journal& journal, const Running& r, Decision decision,
                           const std::string& why, const Card& card, int64_t now_ms,
                           const std::function<std::string()>& page) {
  if (why.find_first_not_of(" \t\n") == std::string::npos)
    return bad_input("the decision has no reason", "--why TEXT");
  if (now_ms < r.started.started_ms)
    return bad_input(fmt::format("now ({}) is before the pilot was started ({})", when(r.plan, now_ms),
                                 when(r.plan, r.started.started_ms)),
                     "set this machine's clock");
  std::string html = page();
  Json e = entry("pilot_decision", now_ms);
  e["pilot"] = r.plan.name;
  e["start_entry"] = r.started.log_index;
  e["decision"] = name(decision);
  e["why"] = why;
  e["decided_by"] = card.decided_by;
  e["card_sha256"] = card.sha256;
  e["page_sha256"] = sha256_hex(html);
  e["card"] = card.text;
  BW_TRY(const uint64_t index, journal.append(dump(e)));
  (void)index;
  BW_TRY(const std::string note, journal.sign());
  BW_CHECK(store.decided(r.started.id, now_ms, name(decision), html));
  return html;
}

}  // namespace bw::pilot
