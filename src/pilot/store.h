// What a pilot keeps beside the log: its plan as started, the events that people reported, which triggers
// fired, the decision. In: values. Out: the same. SQLite, one transaction a change; the log holds a digest of
// each, so that an edit here is found there.
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "pilot/pilot.h"

namespace bw::pilot {

// LOG_DIR/pilot.db
std::string store_path(const std::string& log_dir);

struct Started {
  int64_t id = 0;
  std::string plan;  // its text
  std::string plan_path;
  int64_t started_ms = 0, log_index = -1;
  int64_t decided_ms = 0;  // 0: runs
  std::string decision, page;
};
struct Kept {  // a firing
  std::string trigger;
  int64_t at_ms = 0, log_index = -1;
  std::string text;   // describe(Fired)
  std::string acted;  // what its action did, as told by the caller; empty: not yet
};
enum class Taken { fresh, same, replaced };

// Any thread; several processes.
class Store {
 public:
  static Result<std::unique_ptr<Store>> open(const std::string& path);
  ~Store();
  Result<std::vector<Started>> all() const;
  Result<std::optional<Started>> running() const;
  // Error: another one runs.
  Result<int64_t> start(const Started& pilot);
  Status decided(int64_t pilot, int64_t ms, const std::string& decision, const std::string& page);

  // What each of `events` would be; nothing is changed. Error: in conflict with one that is there (or in the
  // list), named by its place in the list.
  struct Conflict {
    size_t at = 0;
    double known = 0;  // of the event that is there
    int64_t known_at_ms = 0;
    bool exists = true;  // false: it was to replace what is not there
  };
  struct Look {
    std::vector<Taken> taken;
    std::optional<Conflict> conflict;
  };
  Result<Look> look(int64_t pilot, const std::vector<Event>& events,
                    const std::vector<std::optional<double>>& replaces) const;
  // One transaction; `events` as look() took them.
  Status add(int64_t pilot, const std::vector<Event>& events, const std::vector<Taken>& taken);
  Result<std::vector<Event>> events(int64_t pilot) const;  // by time

  Result<std::vector<Kept>> fired(int64_t pilot) const;
  Status add_fired(int64_t pilot, const Kept& fired);  // once a trigger
  Status acted(int64_t pilot, const std::string& trigger, const std::string& what);

 private:
  struct State;
  explicit Store(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace bw::pilot
