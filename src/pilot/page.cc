// Standing -> report::Document, for the terminal, the page and the decision. Answers the four questions in
// their order.
#include <fmt/format.h>

#include <cmath>

#include "base/time.h"
#include "pilot/standing.h"
#include "report/figures.h"

namespace bw::pilot {
namespace {

using report::Document;
using report::Tone;

constexpr size_t kShownCases = 50;

std::string when(const Plan& p, int64_t ms) {
  return time_text(ms, p.offset_minutes);
}
std::string joined(const std::vector<std::string>& all, std::string_view none) {
  std::string out;
  for (const std::string& s : all) out += (out.empty() ? "" : ", ") + s;
  return out.empty() ? std::string(none) : out;
}
std::string counted(const Comparison& c) {
  return c.planned ? fmt::format("{} of {} planned", c.n, c.planned)
                   : fmt::format("{}; how many it needs is not known", c.n);
}
Tone tone(Word w) {
  return w == Word::shown || w == Word::holds ? Tone::good : w == Word::open ? Tone::open : Tone::bad;
}
std::string in_words(const Measure& m, const Comparison& c) {
  const std::string what = m.says.empty() ? m.name : m.says;
  switch (c.word) {
    case Word::shown:
      return what + ": a gain is shown";
    case Word::refuted:
      return fmt::format("{}: no gain of {} or more", what, amount(m.margin, m.unit));
    case Word::holds:
      return what + ": did not get worse by the margin";
    case Word::fails:
      return what + ": got worse by more than the margin";
    case Word::open:
      break;
  }
  return fmt::format("{}: cannot tell ({})", what, c.why);
}

struct Page {
  const Standing& s;
  Document d;

  void heading(int level, const std::string& text) { d.blocks.emplace_back(report::Heading{level, text}); }
  void say(const std::string& text) { d.blocks.emplace_back(report::Paragraph{text}); }
  void bullets(std::vector<std::string> items) {
    if (!items.empty()) d.blocks.emplace_back(report::Bullets{std::move(items)});
  }

  void measures(bool guard) {
    report::Lines lines;
    report::Figures figures;
    for (const MeasureStatus& m : s.measures) {
      if (m.measure.guard != guard) continue;
      const Comparison& c = m.all;
      lines.lines.push_back(
          {m.measure.name, name(c.word), in_words(m.measure, c) + "; " + counted(c), tone(c.word)});
      figures.rows.push_back({m.measure.name + ", before", report::show(c.before),
                              c.before.birth == Birth::measured ? c.before.reason : ""});
      figures.rows.push_back(
          {m.measure.name + ", after", report::show(c.after), c.after.known() ? c.after.reason : ""});
      figures.rows.push_back({guard ? m.measure.name + ", better by" : m.measure.name + ", gained",
                              report::show(c.gain),
                              fmt::format("{}{}margin {}", c.how, c.how.empty() ? "" : "; ",
                                          amount(m.measure.margin, m.measure.unit))});
      for (const auto& [of, x] : m.by_class)
        figures.rows.push_back(
            {fmt::format("  of {}", of), report::show(x.gain), fmt::format("{} cases", x.n)});
    }
    if (lines.lines.empty()) return say(guard ? "No guard was declared." : "No gain was declared.");
    d.blocks.emplace_back(std::move(lines));
    d.blocks.emplace_back(std::move(figures));
  }

  void top() {
    size_t fired = 0, stopped = 0;
    for (const TriggerStatus& t : s.triggers) {
      fired += t.fired.has_value();
      stopped += t.fired && t.trigger.stops();
    }
    const bool over = s.days_left <= 0;
    std::string word = s.now_ms < s.plan.start_ms ? "not begun"
                       : stopped                  ? "stopped"
                       : over                     ? "to be decided"
                                                  : "runs";
    const std::string days = over ? fmt::format("its window ended {:.1f} days ago", -s.days_left)
                                  : fmt::format("{:.1f} days left", s.days_left);
    const std::string cases = s.expected ? fmt::format("{} of about {} cases", s.n_cases, s.expected)
                                         : fmt::format("{} cases", s.n_cases);
    d.blocks.emplace_back(report::Verdict{s.plan.name, word,
                                          fmt::format("{}; {}; {} of {} triggers fired; {} wait for a person",
                                                      days, cases, fired, s.triggers.size(), s.waiting),
                                          stopped ? Tone::bad : Tone::open});
    report::Lines lines;
    const auto line = [&](const char* label, const std::string& text) {
      lines.lines.push_back({label, "", text, Tone::plain});
    };
    line("friction", s.plan.friction);
    line("owner", s.plan.owner);
    line("in scope", s.plan.scope);
    line("out of scope", joined(s.plan.out, "nothing"));
    std::string now = s.plan.baseline;
    if (s.plan.minutes_per_case) now += fmt::format("; {} min a case", number(*s.plan.minutes_per_case));
    if (s.plan.cost_per_case)
      now += fmt::format("; {} {} a case", number(*s.plan.cost_per_case), s.plan.currency);
    line("baseline",
         now + (s.plan.baseline_from.empty() ? " (declared)"
                                             : fmt::format(" (declared: {})", s.plan.baseline_from)));
    line("candidate",
         s.plan.contract + (s.plan.deployment.empty() ? "" : ", deployment " + s.plan.deployment));
    line("fallback", s.plan.fallback);
    line("window", when(s.plan, s.plan.start_ms) + " to " + when(s.plan, s.plan.end_ms));
    line("started", fmt::format("{}, log entry {}", when(s.plan, s.started.started_ms), s.started.log_index));
    if (s.out_of_scope + s.out_of_window > 0)
      line("not counted", fmt::format("{} answers of other classes, {} outside the window", s.out_of_scope,
                                      s.out_of_window));
    d.blocks.emplace_back(std::move(lines));
  }

  void time_gained() {
    heading(2, "Where is time gained?");
    measures(false);
    report::Figures f;
    for (const ClassStatus& c : s.classes)
      f.rows.push_back({c.name + ", minutes saved a case", report::show(c.saved_minutes),
                        c.saved_minutes.known() ? c.saved_minutes.reason : ""});
    if (!f.rows.empty()) d.blocks.emplace_back(std::move(f));
  }

  void risk() {
    heading(2, "Where does risk rise?");
    measures(true);
    report::Table t{{"failure", "share of cases", "later half less earlier", "by class"}, {}};
    for (const FailureStatus& f : s.failures) {
      std::vector<std::string> by;
      for (const auto& [name, n] : f.by_class) by.push_back(fmt::format("{} {}", name, n));
      t.rows.push_back({f.name + (f.rises ? " (rises)" : ""), report::show(f.share), report::show(f.trend),
                        joined(by, "none")});
    }
    if (!t.rows.empty()) d.blocks.emplace_back(std::move(t));
    heading(3, "Triggers");
    report::Lines lines;
    for (const TriggerStatus& x : s.triggers) {
      const Trigger& rule_of = x.trigger;
      const std::string rule = fmt::format(
          "{} {} {} over {}: {}", rule_of.figure, rule_of.above ? "above" : "below", number(rule_of.bound),
          rule_of.over ? fmt::format("{} cases", rule_of.over)
                       : fmt::format("{:.1f} days", double(rule_of.within_ms) / 86'400'000),
          name(rule_of.action));
      if (x.fired)
        lines.lines.push_back({rule_of.name, "fired",
                               fmt::format("{} (log entry {}); {}", x.fired->text, x.fired->log_index,
                                           x.fired->acted.empty() ? "not acted on yet" : x.fired->acted),
                               rule_of.stops() ? Tone::bad : Tone::open});
      else
        lines.lines.push_back({rule_of.name, "quiet", rule, Tone::plain});
    }
    d.blocks.emplace_back(std::move(lines));
    heading(3, "Failures");
    for (const FailureStatus& f : s.failures) {
      report::Folded fold;
      fold.title = fmt::format("{}: {} ({})", f.name, f.says, f.cases.size());
      for (size_t i = 0; i < f.cases.size() && i < kShownCases; ++i) {
        const auto& c = f.cases[i];
        std::string title = fmt::format("{}, {}, {}", c.case_id, c.class_name, when(s.plan, c.at_ms));
        if (!c.who.empty()) title += ", reported by " + c.who;
        if (!c.note.empty()) title += ": " + c.note;
        fold.quotes.push_back({title, c.text.empty() ? "(the answer's text was not kept)" : c.text});
      }
      if (f.cases.size() > kShownCases) fold.title += fmt::format(", the latest {}", kShownCases);
      d.blocks.emplace_back(std::move(fold));
    }
  }

  void by_word(ClassStatus::Word word, const std::string& none) {
    report::Figures f;
    for (const ClassStatus& c : s.classes) {
      if (c.word != word) continue;
      f.rows.push_back({c.name + ", need a person", report::show(c.needs_person), c.needs_person.reason});
      f.rows.push_back({c.name + ", right at once", report::show(c.first_time),
                        c.first_time.known() ? "first attempt, no check failed" : ""});
    }
    if (f.rows.empty()) return say(none);
    d.blocks.emplace_back(std::move(f));
  }

  void standard() {
    heading(2, "What can be standardised?");
    say(
        fmt::format("Classes of which, with an error of at most {:.0f} in 100, fewer than {} in 100 cases "
                    "need a person (handed "
                    "over, \"I don't know\", or found wrong).",
                    100 * s.plan.alpha, number(100 * s.plan.standard_at_most)));
    by_word(ClassStatus::Word::standard, "No class yet.");
    std::vector<std::string> open;
    for (const ClassStatus& c : s.classes)
      if (c.word == ClassStatus::Word::open)
        open.push_back(fmt::format("{}: cannot tell ({}); {} of its {} cases", c.name, c.why,
                                   report::show(c.needs_person), c.n));
    bullets(std::move(open));
  }

  void human() {
    heading(2, "What stays with human judgement?");
    by_word(ClassStatus::Word::person, "No class shows it yet.");
    const auto list = [&](const char* title, const std::vector<std::pair<std::string, int64_t>>& all) {
      if (all.empty()) return;
      heading(3, title);
      std::vector<std::string> items;
      for (const auto& [what, n] : all) items.push_back(fmt::format("{} ({})", what, n));
      bullets(std::move(items));
    };
    list("Why people rejected or corrected", s.reasons);
    list("Checks that failed", s.failing_checks);
    report::Figures f;
    for (const ClassStatus& c : s.classes)
      if (c.review_minutes.known())
        f.rows.push_back({c.name + ", minutes a review", report::show(c.review_minutes), ""});
    if (!f.rows.empty()) d.blocks.emplace_back(std::move(f));
  }

  void decisions() {
    heading(2, "What each decision would need, as said before");
    d.blocks.emplace_back(report::Lines{{{"extend", "", s.plan.extend, Tone::plain},
                                         {"simplify", "", s.plan.simplify, Tone::plain},
                                         {"stop", "", s.plan.stop, Tone::plain}}});
  }
  void all() {
    top();
    time_gained();
    risk();
    standard();
    human();
    decisions();
  }
};

}  // namespace

Document document(const Standing& s) {
  Page page{s, {}};
  page.d.title = "Pilot: " + s.plan.name;
  page.heading(1, page.d.title);
  page.say("As of " + when(s.plan, s.now_ms) + ".");
  page.all();
  return std::move(page.d);
}

Document document(const Standing& s, Decision decision, const std::string& why, const Card& card) {
  Page page{s, {}};
  page.d.title = fmt::format("Decision: {} {}", name(decision), s.plan.name);
  page.heading(1, page.d.title);
  page.say(fmt::format("{} decided on {}: {}.", card.decided_by, when(s.plan, s.now_ms), name(decision)));
  page.d.blocks.emplace_back(report::Quote{"Why", why});
  page.heading(2, "The card");
  page.d.blocks.emplace_back(report::Lines{{{"learnt", "", card.learnt, Tone::plain},
                                            {"evidence for", "", card.evidence_for, Tone::plain},
                                            {"evidence against", "", card.evidence_against, Tone::plain},
                                            {"what to extend needs", "", card.extend, Tone::plain},
                                            {"what to simplify needs", "", card.simplify, Tone::plain},
                                            {"what to stop needs", "", card.stop, Tone::plain},
                                            {"data", "", card.data, Tone::plain},
                                            {"decided by", "", card.decided_by, Tone::plain}}});
  page.heading(2, "What it was decided on");
  page.all();
  page.heading(2, "The plan, as it was started");
  page.d.blocks.emplace_back(
      report::Code{fmt::format("SHA-256 {}, log entry {}", s.plan.sha256, s.started.log_index), s.plan.text});
  return std::move(page.d);
}

}  // namespace bw::pilot
