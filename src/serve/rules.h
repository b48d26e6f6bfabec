// What a contract holds over many answers: its daily budget and the triggers that stop a class. In: answers
// as they end. Out: whether the next may begin. Pure but for the clock, which is given; what a restart must
// not forget is handed out and in as text.
#pragma once
#include <cstdint>
#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "contract/contract.h"

namespace bw::serve {

struct Ended {  // one answer, for the rules
  std::string class_name;
  bool abstained = false, escalated = false, failed_checks = false, error = false;
  uint64_t n_output = 0;
};

// Spent since midnight, UTC.
class Budgets {
 public:
  explicit Budgets(const contract::Budget& budget) : budget_(budget) {}
  // Why no request may begin now; `ms`: since 1970. retry_after_ms: to midnight.
  struct Spent {
    std::string what;
    uint64_t retry_after_ms = 0;
  };
  std::optional<Spent> spent(uint64_t ms);
  bool person_spent(uint64_t ms);  // no more hand-overs today
  void began(uint64_t ms);
  void output(uint64_t n_tokens, uint64_t ms);
  void reviewed(double seconds, uint64_t ms);

 private:
  void roll(uint64_t ms);
  const contract::Budget budget_;
  std::mutex mutex_;
  uint64_t day_ = 0, n_requests_ = 0, n_tokens_ = 0;
  double person_seconds_ = 0;
};

struct Fired {
  std::string class_name, what;  // "abstained 31 % of the last 100 answers, above 25 %"
  contract::StopTrigger::Action action = contract::StopTrigger::Action::refuse;
};

class Stops {
 public:
  explicit Stops(std::vector<contract::StopTrigger> triggers) : triggers_(std::move(triggers)) {}
  // The triggers that this answer makes fire; each fires once until resumed.
  std::vector<Fired> ended(const Ended& answer);
  std::optional<Fired> stopped(const std::string& class_name) const;  // refuse before fallback
  void restore(const Fired& fired);                                   // after a restart
  bool resume(const std::string& class_name);  // forgets its window too; false: nothing was stopped

 private:
  const std::vector<contract::StopTrigger> triggers_;
  mutable std::mutex mutex_;
  std::map<std::string, std::deque<Ended>> last_;  // by class, the longest window kept
  std::map<std::string, std::vector<Fired>> fired_;
};

}  // namespace bw::serve
