// Answers that wait for a person, and what the person said. In: answers that failed their checks. Out: a
// queue, decisions with reason and time spent, corrections as a task file. SQLite (WAL, synchronous=FULL).
#pragma once
#include <cstdint>
#include <functional>
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
  std::string text;  // accepted: which attempt's; corrected: the person's
  std::string reason, reviewer;
  double seconds = 0;  // spent: from opening to deciding
  uint64_t decided_ms = 0;
};

struct Decision {
  Item::State state = Item::State::rejected;
  int attempt = -1;  // accepted: which
  std::string text;  // corrected
  std::string reason, reviewer;
  double seconds = 0;
};

// Any thread.
class Queue {
 public:
  static Result<std::unique_ptr<Queue>> open(const std::string& path);
  ~Queue();
  Result<int64_t> add(const Item& item);
  Result<std::optional<Item>> get(int64_t id) const;
  Result<std::optional<Item>> by_answer(const std::string& answer_id) const;
  Result<std::vector<Item>> list(std::optional<Item::State> state, size_t limit, int64_t after = 0) const;
  // Error: unknown, already decided (by whom), a correction without a text, a rejection without a reason.
  Result<Item> decide(int64_t id, const Decision& decision);
  struct Counts {
    uint64_t waiting = 0, accepted = 0, corrected = 0, rejected = 0;
    double seconds = 0;  // of all decided
  };
  Result<Counts> counts() const;

 private:
  struct State;
  explicit Queue(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// Corrected and accepted items as JSON lines of a task file: {id, category, messages, truth, tags}.
Result<std::string> export_tasks(const Queue& queue);

// Pages. `csrf`: the token the forms carry. Everything a model or a person wrote is escaped; no script but
// the page's own file.
std::string list_page(const std::vector<Item>& items, const Queue::Counts& counts);
std::string item_page(const Item& item, const std::string& csrf);

}  // namespace bw::review
