// Finished work that outlives the process: key -> JSON in SQLite, one transaction a piece.
// In: keys made of digests, JSON text. Out: what an earlier run finished. kill -9 at any point loses at most
// the piece being saved. Sources: sqlite.org/wal.html, sqlite.org/pragma.html#pragma_synchronous.
#pragma once
#include <memory>
#include <string>

#include "base/result.h"
#include "quality/quality.h"

namespace bw::record {

class Store : public quality::CaseStore {
 public:
  // resume: what earlier runs saved is found. Otherwise only what this one saves, which replaces theirs.
  // Error: a file that is no store of ours, a newer format, a folder that cannot be written.
  static Result<std::unique_ptr<Store>> open(const std::string& path, bool resume);
  ~Store() override;
  std::optional<std::string> find(const std::string& key) override;
  // A full disk: Error that says how to resume; what was saved before stays.
  Status save(const std::string& key, const std::string& json) override;

 private:
  struct State;
  explicit Store(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// cache_dir()/judgements.db
std::string default_store_path();

}  // namespace bw::record
