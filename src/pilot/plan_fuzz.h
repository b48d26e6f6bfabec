// What the fuzzer does with one input, and the replay test with each file of fuzz/corpus/pilot: read it as a
// plan, a card, a file of events and an entry of a log. In: bytes. Out: true where one of them took it; a
// crash is the finding.
#pragma once
#include <cmath>
#include <string>
#include <string_view>
#include <vector>

#include "pilot/events.h"
#include "pilot/pilot.h"
#include "pilot/run.h"
#include "pilot/testing.h"

namespace bw::pilot::testing {

inline bool read_one(std::string_view bytes) {
  const std::string text(bytes);
  static const Plan known = *parse(kPlan, "p");
  bool taken = false;
  if (const auto p = parse(text, "p")) {
    taken = true;
    (void)missing(*p);
    (void)warnings(*p, nullptr);
    if (p->end_ms && p->end_ms <= p->start_ms) __builtin_trap();
    for (const Measure& m : p->measures)
      if (const auto n = planned_n(*p, m); n && *n < 2) __builtin_trap();
    std::vector<Event> events;
    for (int i = 0; i < 8; ++i) {
      Event e;
      e.at_ms = p->start_ms + i;
      e.case_id = std::to_string(i);
      e.what = i % 2 ? "review_minutes" : "handed_over";
      events.push_back(e);
    }
    for (const Fired& f : evaluate(*p, events, p->start_ms + 10))
      if (f.n < 1 || std::isnan(f.bound)) __builtin_trap();
  }
  if (const auto c = read_card(text, "c")) {
    taken = true;
    if (c->learnt.empty()) __builtin_trap();
  }
  if (const auto lines = read_lines(known, bytes, "l")) {
    taken = true;
    for (const Line& l : *lines)
      if (l.event.case_id.empty() || !std::isfinite(l.event.value) || l.number == 0) __builtin_trap();
  }
  if (const auto a = answer_of(bytes); a && *a) {
    taken = true;
    if (events_of(**a, 0).size() != 7) __builtin_trap();
  }
  return taken;
}

}  // namespace bw::pilot::testing
