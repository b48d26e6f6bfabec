// What a server must not forget: which idempotency keys were claimed, what was answered, and which answers
// the audit log does not hold yet. In: claims and answers. Out: whether to execute, wait, refuse or replay.
// SQLite, many changes a transaction (group commit), each call back only after its transaction is on the
// disk. Cf. the IETF draft "The Idempotency-Key HTTP Header Field" (httpapi-idempotency-key-header).
#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

namespace bw::serve {

struct Claim {
  std::string id;              // of the new answer, "ans_..."
  std::string key_sha256;      // of the idempotency key
  std::string request_sha256;  // of the request's body
};

struct Claimed {
  enum class What {
    yours,      // execute it
    running,    // 409: the same request is being answered now
    different,  // 422: the key was used for another request
    answered    // here is what was answered
  } what = What::yours;
  std::string id, answer;    // answered: its id, and the JSON given to answered()
  int64_t log_index = -1;    // answered: -1 where the log does not hold it yet
  bool interrupted = false;  // yours: an earlier execution was cut off by the end of its server
};

struct Unlogged {
  std::string id, entry;  // the JSON for the audit log
};

// Any thread; callbacks come from its own thread, in order.
class Answers {
 public:
  // Claims of an earlier server that were never answered are free again: nothing of them was acknowledged.
  static Result<std::unique_ptr<Answers>> open(const std::string& path);
  ~Answers();

  // Only for requests with a key; the others go straight to answered().
  void claim(Claim claim, std::function<void(Result<Claimed>)> done);
  // The execution ended without an answer (an error the caller may retry): the key is free again.
  void release(const std::string& id, std::function<void(Status)> done);
  // `answer` is what a repeat of the key gets; `entry` what the audit log is to hold of it.
  void answered(const std::string& id, std::string answer, std::string entry,
                std::function<void(Status)> done);
  // The log holds it at `index`. Lost in a crash it is worked out again from unlogged().
  void logged(const std::string& id, int64_t index);
  // Answers that were saved and not marked as logged, in the order they were saved.
  Result<std::vector<Unlogged>> unlogged() const;
  // Its JSON by the answer's id, where it is still kept.
  Result<std::optional<Claimed>> find(const std::string& id) const;
  // Forgets answers that are older and logged. Keys go with them.
  Status forget_before(uint64_t ms_since_1970);

 private:
  struct State;
  explicit Answers(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// "ans_" and 24 hexadecimal digits of the system's random source.
std::string new_answer_id();
// For a request that names none: 53 bits, which every reader of JSON holds.
uint64_t fresh_seed();

}  // namespace bw::serve
