// Answers that wait for a person, and what the person said. In: answers that failed their checks. Out: a
// queue, decisions with reason and time spent, corrections as a task file. SQLite (WAL, synchronous=FULL).
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"

namespace bw::review {

struct Attempt {
  std::string deployment, text;
  std::vector<std::pair<std::string, std::string>> failed;  // check, reason
};

struct Item {
  int64_t id = 0;         // given by add()
  std::string answer_id;  // "ans_..." of the response
  std::string class_name;
  std::string messages_json;      // the prompt as asked
  std::vector<Attempt> attempts;  // in order
  std::string why;                // "every attempt failed its checks", "budget", ...
  uint64_t created_ms = 0;        // since 1970
  // set by decide()
  enum class State { waiting, accepted, corrected, rejected } state = State::waiting;
  int attempt = -1;  // accepted: which
  std::string text;  // accepted: the attempt's; corrected: the person's
  std::string reason, reviewer;
  double seconds = 0;  // spent: from opening to deciding; 0 where nobody measured it
  bool timed = false;  // somebody did
  uint64_t decided_ms = 0;
};
const char* name(Item::State state);

struct Decision {
  Item::State state = Item::State::rejected;
  int attempt = -1;    // accepted: which
  std::string text{};  // corrected
  std::string reason{}, reviewer{};
  std::optional<double> seconds{};  // spent; none: not measured
  uint64_t at_ms = 0;               // the moment, since 1970
};

constexpr size_t kMaxText = 4u << 20;  // bytes of an attempt, of a correction, of the messages

// Where the queue of a server's folder is: LOG_DIR/review.db. Server and terminal may use it at once.
std::string queue_path(const std::string& log_dir);

// Any thread.
class Queue {
 public:
  static Result<std::unique_ptr<Queue>> open(const std::string& path);
  ~Queue();
  // An answer waits once: handed over again with the same content (a server that starts again) it keeps its
  // id.
  Result<int64_t> add(const Item& item);
  Result<std::optional<Item>> get(int64_t id) const;
  Result<std::optional<Item>> by_answer(const std::string& answer_id) const;
  // By id, those above `after`.
  Result<std::vector<Item>> list(std::optional<Item::State> state, size_t limit, int64_t after = 0) const;
  // One transaction. Error: unknown, already decided (by whom), no reviewer, no moment, an attempt that is
  // not there or has no text, a correction without a text or with an attempt's own, a rejection without a
  // reason.
  Result<Item> decide(int64_t id, const Decision& decision);
  struct Counts {
    uint64_t waiting = 0, accepted = 0, corrected = 0, rejected = 0;
    double seconds = 0;  // of those decided whose time was measured
    uint64_t timed = 0;  // how many these are
  };
  Result<Counts> counts() const;

 private:
  struct State;
  explicit Queue(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// What the audit log holds of a decided item (docs/log.md, kind "review"), on one line.
std::string log_entry(const Item& item);

// Corrected and accepted items as JSON lines of a task file (docs/review.md), with what was rejected left
// out:
// {"id", "category", "messages", "truth", "tags"}, truth the text a person stands behind.
Result<std::string> export_tasks(const Queue& queue);

}  // namespace bw::review
