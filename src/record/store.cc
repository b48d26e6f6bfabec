#include "record/store.h"

#include <fmt/format.h>
#include <sqlite3.h>

#include "base/file.h"

namespace bw::record {
namespace {

constexpr int kFormat = 1;                // PRAGMA user_version of the tables below
constexpr int kApplication = 0x62777468;  // PRAGMA application_id: "bwth"
constexpr const char* kTables =
    "BEGIN IMMEDIATE;"
    "CREATE TABLE IF NOT EXISTS run(id INTEGER PRIMARY KEY AUTOINCREMENT, started TEXT NOT NULL DEFAULT "
    "CURRENT_TIMESTAMP);"
    "CREATE TABLE IF NOT EXISTS work(key TEXT PRIMARY KEY, json TEXT NOT NULL, run INTEGER NOT NULL) WITHOUT "
    "ROWID;"
    "PRAGMA application_id = 1651995752;"
    "PRAGMA user_version = 1;"
    "COMMIT;";
static_assert(kApplication == 1651995752);

// A statement that is reset when its use ends, so that no lock outlives it.
struct Use {
  sqlite3_stmt* s;
  explicit Use(sqlite3_stmt* statement) : s(statement) {}
  Use(const Use&) = delete;
  Use& operator=(const Use&) = delete;
  ~Use() {
    sqlite3_reset(s);
    sqlite3_clear_bindings(s);
  }
};

void bind(sqlite3_stmt* s, int at, const std::string& text) {
  sqlite3_bind_text64(s, at, text.data(), text.size(), SQLITE_STATIC, SQLITE_UTF8);
}

}  // namespace

struct Store::State {
  std::string path;
  sqlite3* db = nullptr;
  sqlite3_stmt *find = nullptr, *save = nullptr;
  int64_t run = 0;
  bool resume = false;
  ~State() {
    sqlite3_finalize(find);
    sqlite3_finalize(save);
    sqlite3_close(db);
  }
  Error error(std::string_view doing) const {
    const int code = db ? sqlite3_extended_errcode(db) : SQLITE_CANTOPEN;
    const std::string what = fmt::format("{}: {}: {}", path, doing, db ? sqlite3_errmsg(db) : "cannot open");
    switch (code & 0xff) {
      case SQLITE_NOTADB:
      case SQLITE_CORRUPT:
        return failed(what, "move it away: it holds only finished work, which is done again then");
      case SQLITE_FULL:
      case SQLITE_IOERR:
        return failed(what,
                      "free space on that disk, then the same command with --resume: what was saved is kept");
      default:
        return failed(what, "check that the folder can be written");
    }
  }
  Status run_sql(const char* sql, std::string_view doing) {
    if (sqlite3_exec(db, sql, nullptr, nullptr, nullptr) != SQLITE_OK) return error(doing);
    return {};
  }
  Result<int64_t> number(const char* sql) {
    sqlite3_stmt* s = nullptr;
    if (sqlite3_prepare_v2(db, sql, -1, &s, nullptr) != SQLITE_OK) return error("reading its header");
    const int step = sqlite3_step(s);
    const int64_t v = step == SQLITE_ROW ? sqlite3_column_int64(s, 0) : 0;
    sqlite3_finalize(s);
    if (step != SQLITE_ROW) return error("reading its header");
    return v;
  }
};

Store::Store(std::unique_ptr<State> state) : state_(std::move(state)) {}
Store::~Store() = default;

Result<std::unique_ptr<Store>> Store::open(const std::string& path, bool resume) {
  if (const size_t slash = path.find_last_of('/'); slash != std::string::npos && slash > 0)
    BW_CHECK(make_dirs(path.substr(0, slash)));
  auto state = std::make_unique<State>();
  State& s = *state;
  s.path = path;
  s.resume = resume;
  const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_FULLMUTEX;
  if (sqlite3_open_v2(path.c_str(), &s.db, flags, nullptr) != SQLITE_OK) return s.error("opening");
  sqlite3_busy_timeout(s.db, 10000);  // another judge may be saving; its transactions take milliseconds
  BW_TRY(const int64_t application, s.number("PRAGMA application_id"));
  BW_TRY(const int64_t tables, s.number("SELECT count(*) FROM sqlite_master"));
  BW_TRY(const int64_t format, s.number("PRAGMA user_version"));
  if (tables > 0 && application != kApplication)
    return bad_input(path + ": an SQLite file, but not a store of bitworth",
                     "move it away, or set XDG_CACHE_HOME to another folder");
  if (format > kFormat)
    return bad_input(
        fmt::format("{}: store of format {}, this program reads up to {}", path, format, kFormat),
        "use the newer bitworth that wrote it, or move it away");
  BW_CHECK(s.run_sql("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;", "setting the write-ahead log"));
  if (tables == 0) BW_CHECK(s.run_sql(kTables, "making its tables"));
  BW_CHECK(s.run_sql("INSERT INTO run DEFAULT VALUES", "starting a run"));
  s.run = sqlite3_last_insert_rowid(s.db);
  const char* find = "SELECT json FROM work WHERE key = ?1 AND run >= ?2";
  const char* save =
      "INSERT INTO work(key, json, run) VALUES(?1, ?2, ?3) "
      "ON CONFLICT(key) DO UPDATE SET json = excluded.json, run = excluded.run";
  if (sqlite3_prepare_v2(s.db, find, -1, &s.find, nullptr) != SQLITE_OK ||
      sqlite3_prepare_v2(s.db, save, -1, &s.save, nullptr) != SQLITE_OK)
    return s.error("preparing");
  return std::unique_ptr<Store>(new Store(std::move(state)));
}

std::optional<std::string> Store::find(const std::string& key) {
  State& s = *state_;
  const Use use(s.find);
  bind(s.find, 1, key);
  sqlite3_bind_int64(s.find, 2, s.resume ? 0 : s.run);
  if (sqlite3_step(s.find) != SQLITE_ROW)
    return std::nullopt;  // not there, or unreadable: done again, never guessed
  return std::string(reinterpret_cast<const char*>(sqlite3_column_text(s.find, 0)),
                     static_cast<size_t>(sqlite3_column_bytes(s.find, 0)));
}

Status Store::save(const std::string& key, const std::string& json) {
  State& s = *state_;
  const Use use(s.save);
  bind(s.save, 1, key);
  bind(s.save, 2, json);
  sqlite3_bind_int64(s.save, 3, s.run);
  if (sqlite3_step(s.save) != SQLITE_DONE) return s.error("saving finished work");
  return {};
}

std::string default_store_path() {
  return cache_dir() + "/judgements.db";
}

}  // namespace bw::record
