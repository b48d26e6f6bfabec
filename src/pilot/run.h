// The life of a pilot: start, take in what is reported, gather what the server saw, watch the triggers,
// decide. In: a store, a journal, the time. Out: what was done, each step in the log before it counts.
// Nothing here reads a clock.
#pragma once
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "pilot/events.h"
#include "pilot/pilot.h"
#include "pilot/store.h"
#include "review/queue.h"

namespace bw::pilot {

// The audit log, as a pilot needs it (audit/log.h, or a running server that holds it).
class Journal {
 public:
  virtual ~Journal() = default;
  virtual Result<uint64_t> append(const std::string& json) = 0;  // durable when it returns
  virtual Result<std::string> sign() = 0;                        // a checkpoint of all there is
  virtual uint64_t size() const = 0;
  virtual Result<std::string> entry(uint64_t index) const = 0;
};

// Logs the plan (entry "pilot_start": pilot, plan's digest and text, owner, window, planned cases) and has it
// signed. Error: missing() is not empty, the window is over, another runs.
Result<Started> start(Store& store, Journal& journal, const Plan& plan, int64_t now_ms);
// The running pilot's plan. Error: none runs.
struct Running {
  Started started;
  Plan plan;
};
Result<Running> running(const Store& store);

// Lines of a file (events.h), all or none: each checked against what is known, then one entry "pilot_events"
// with their digest, then saved. Refused: an event before the start (or of kind "before" after it is fine,
// and the other way round not), after the end, from the future by more than 5 minutes, in conflict with one
// that is known.
struct Report {
  size_t fresh = 0, same = 0, replaced = 0;
  size_t late = 0;  // older than one that was known already
  int64_t log_index = -1;
};
Result<Report> take(Store& store, Journal& journal, const Running& pilot, std::string_view text,
                    const std::string& label, int64_t now_ms);

// Everything known: answers logged after the plan, decisions on them in the queue (may be null), what was
// reported.
struct Gathered {
  std::vector<Event> events;    // by time
  std::vector<Answer> answers;  // in scope, in the order of the log
  std::vector<review::Item> reviews;
  size_t out_of_scope = 0;   // answers of classes that the plan does not name
  size_t out_of_window = 0;  // answers before its start or after its end
};
Result<Gathered> gather(const Store& store, const Journal& journal, const review::Queue* queue,
                        const Running& pilot);

// Triggers that fire and had not: each logged ("pilot_trigger", with its evidence), kept, then handed to
// `act`, whose words are kept too; a firing that was kept and not acted on (a crash between) is acted on now.
// `act` may be empty: then it is only logged.
using Act = std::function<Result<std::string>(const Plan&, const Fired&)>;
Result<std::vector<Fired>> watch(Store& store, Journal& journal, const Running& pilot,
                                 std::span<const Event> events, int64_t now_ms, const Act& act);

// The decision card (TOML): learnt, evidence_for, evidence_against, decided_by, data, [alternatives] extend,
// simplify, stop. Error: what is empty, by name.
struct Card {
  std::string text, sha256;
  std::string learnt, evidence_for, evidence_against, decided_by, data;
  std::string extend, simplify, stop;  // what each would need
};
Result<Card> read_card(const std::string& text, const std::string& label);
std::string new_card();

enum class Decision { extend, simplify, stop };
const char* name(Decision decision);
// Logs "pilot_decision" (decision, why, the card, digest of the page, who), has it signed, ends the pilot.
// `page` is made of where the entry will stand.
Result<std::string> decide(Store& store, Journal& journal, const Running& pilot, Decision decision,
                           const std::string& why, const Card& card, int64_t now_ms,
                           const std::function<std::string()>& page);

}  // namespace bw::pilot
