#include "record/store.h"

#include "base/file.h"
#include "base/sqlite.h"

namespace bw::record {
namespace {

constexpr SqliteKind kKind{
    .what = "a store",
    .application_id = 0x62777468,  // "bwth"
    .format = 1,
    .tables =
        "CREATE TABLE run(id INTEGER PRIMARY KEY AUTOINCREMENT, started TEXT NOT NULL DEFAULT "
        "CURRENT_TIMESTAMP);"
        "CREATE TABLE work(key TEXT PRIMARY KEY, json TEXT NOT NULL, run INTEGER NOT NULL) WITHOUT ROWID;",
    .if_damaged = "move it away: it holds only finished work, which is done again then",
    .if_full = "free space on that disk, then the same command with --resume: what was saved is kept",
};

}  // namespace

struct Store::State {
  Sqlite db;
  int64_t from = 0;  // runs before this one are not looked at
  int64_t run = 0;
};

Store::Store(std::unique_ptr<State> state) : state_(std::move(state)) {}
Store::~Store() = default;

Result<std::unique_ptr<Store>> Store::open(const std::string& path, bool resume) {
  BW_TRY(Sqlite db, Sqlite::open(path, kKind));
  auto state = std::make_unique<State>(State{std::move(db)});
  BW_CHECK(state->db.run("INSERT INTO run DEFAULT VALUES", "starting a run"));
  state->run = state->db.last_id();
  state->from = resume ? 0 : state->run;
  return std::unique_ptr<Store>(new Store(std::move(state)));
}

std::optional<std::string> Store::find(const std::string& key) {
  auto use =
      state_->db.use("SELECT json FROM work WHERE key = ?1 AND run >= ?2", "looking for finished work");
  if (!use) return std::nullopt;  // not there, or unreadable: done again, never guessed
  use->add(key).add(state_->from);
  const auto found = use->row();
  if (!found || !*found) return std::nullopt;
  return use->text(0);
}

Status Store::save(const std::string& key, const std::string& json) {
  BW_TRY(SqliteUse use,
         state_->db.use("INSERT INTO work(key, json, run) VALUES(?1, ?2, ?3) "
                        "ON CONFLICT(key) DO UPDATE SET json = excluded.json, run = excluded.run",
                        "saving finished work"));
  return use.add(key).add(json).add(state_->run).done();
}

std::string default_store_path() {
  return cache_dir() + "/judgements.db";
}

}  // namespace bw::record
