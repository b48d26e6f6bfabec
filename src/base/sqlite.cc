#include "base/sqlite.h"

#include <fmt/format.h>
#include <sqlite3.h>

#include <unordered_map>

#include "base/file.h"

namespace bw {

struct Sqlite::State {
  std::string path;
  SqliteKind kind{};
  sqlite3* db = nullptr;
  std::unordered_map<const char*, sqlite3_stmt*> kept;
  std::string doing;  // of the statement in use
  ~State() {
    for (const auto& [sql, statement] : kept) sqlite3_finalize(statement);
    sqlite3_close(db);
  }
};

Sqlite::Sqlite(std::unique_ptr<State> state) : state_(std::move(state)) {}
Sqlite::Sqlite(Sqlite&& o) noexcept = default;
Sqlite::~Sqlite() = default;

Error Sqlite::error(std::string_view doing) const {
  const State& s = *state_;
  const int code = s.db ? sqlite3_extended_errcode(s.db) : SQLITE_CANTOPEN;
  const std::string what =
      fmt::format("{}: {}: {}", s.path, doing, s.db ? sqlite3_errmsg(s.db) : "cannot open");
  switch (code & 0xff) {
    case SQLITE_NOTADB:
    case SQLITE_CORRUPT:
      return failed(what, s.kind.if_damaged);
    case SQLITE_FULL:
    case SQLITE_IOERR:
      return failed(what, s.kind.if_full);
    case SQLITE_BUSY:
      return failed(what, "another program holds it: wait until that one is done");
    default:
      return failed(what, "check that the folder can be written");
  }
}

Result<Sqlite> Sqlite::open(const std::string& path, const SqliteKind& kind) {
  const size_t slash = path.find_last_of('/');
  if (slash != std::string::npos && slash > 0) BW_CHECK(make_dirs(path.substr(0, slash)));
  Sqlite db(std::make_unique<State>());
  State& s = *db.state_;
  s.path = path.empty() ? ":memory:" : path;
  s.kind = kind;
  const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_FULLMUTEX;
  if (sqlite3_open_v2(s.path.c_str(), &s.db, flags, nullptr) != SQLITE_OK) return db.error("opening");
  sqlite3_busy_timeout(s.db, 10'000);  // another process may be saving; its transactions take milliseconds
  const auto number = [&](const char* sql) -> Result<int64_t> {
    BW_TRY(SqliteUse use, db.use(sql, "reading its header"));
    BW_TRY(const bool found, use.row());
    return found ? use.number(0) : 0;
  };
  BW_TRY(const int64_t tables, number("SELECT count(*) FROM sqlite_master"));
  BW_TRY(const int64_t application, number("PRAGMA application_id"));
  BW_TRY(const int64_t format, number("PRAGMA user_version"));
  if (tables > 0 && application != kind.application_id)
    return bad_input(fmt::format("{}: an SQLite file, but not {} of bitworth", path, kind.what),
                     "move it away, or name another folder");
  if (format > kind.format)
    return bad_input(
        fmt::format("{}: {} of format {}, this program reads up to {}", path, kind.what, format, kind.format),
        "use the newer bitworth that wrote it, or move it away");
  BW_CHECK(db.run("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;",
                  "setting the write-ahead log"));
  if (tables == 0)
    BW_CHECK(db.run(
        fmt::format("BEGIN IMMEDIATE; {} PRAGMA application_id = {}; PRAGMA user_version = {}; COMMIT;",
                    kind.tables, kind.application_id, kind.format)
            .c_str(),
        "making its tables"));
  return db;
}

Status Sqlite::run(const char* sql, std::string_view doing) {
  if (sqlite3_exec(state_->db, sql, nullptr, nullptr, nullptr) != SQLITE_OK) return error(doing);
  return {};
}

Result<SqliteUse> Sqlite::use(const char* sql, std::string_view doing) {
  State& s = *state_;
  s.doing = doing;
  sqlite3_stmt*& statement = s.kept[sql];
  if (!statement &&
      sqlite3_prepare_v3(s.db, sql, -1, SQLITE_PREPARE_PERSISTENT, &statement, nullptr) != SQLITE_OK) {
    s.kept.erase(sql);
    return error(doing);
  }
  return SqliteUse(*this, statement);
}

Status Sqlite::transaction(const std::function<Status()>& f) {
  BW_CHECK(run("BEGIN IMMEDIATE", "beginning"));
  Status status = f();
  if (status) status = run("COMMIT", "saving");
  if (!status) sqlite3_exec(state_->db, "ROLLBACK", nullptr, nullptr, nullptr);
  return status;
}

int64_t Sqlite::last_id() const {
  return sqlite3_last_insert_rowid(state_->db);
}
int64_t Sqlite::n_changed() const {
  return sqlite3_changes64(state_->db);
}
const std::string& Sqlite::path() const {
  return state_->path;
}

SqliteUse::SqliteUse(SqliteUse&& o) noexcept
    : db_(o.db_), statement_(std::exchange(o.statement_, nullptr)), next_(o.next_) {}
SqliteUse::~SqliteUse() {
  if (!statement_) return;
  sqlite3_reset(statement_);
  sqlite3_clear_bindings(statement_);
}

SqliteUse& SqliteUse::add(int64_t value) {
  sqlite3_bind_int64(statement_, next_++, value);
  return *this;
}
SqliteUse& SqliteUse::add(double value) {
  sqlite3_bind_double(statement_, next_++, value);
  return *this;
}
SqliteUse& SqliteUse::add(std::string_view text) {
  sqlite3_bind_text64(statement_, next_++, text.data(), text.size(), SQLITE_TRANSIENT, SQLITE_UTF8);
  return *this;
}
SqliteUse& SqliteUse::add_null() {
  sqlite3_bind_null(statement_, next_++);
  return *this;
}
Result<bool> SqliteUse::row() {
  const int step = sqlite3_step(statement_);
  if (step == SQLITE_ROW) return true;
  if (step == SQLITE_DONE) return false;
  return db_->error(db_->state_->doing);
}
Status SqliteUse::done() {
  for (;;) {
    BW_TRY(const bool more, row());
    if (!more) return {};
  }
}
int64_t SqliteUse::number(int column) const {
  return sqlite3_column_int64(statement_, column);
}
double SqliteUse::real(int column) const {
  return sqlite3_column_double(statement_, column);
}
std::string SqliteUse::text(int column) const {
  const auto* bytes = reinterpret_cast<const char*>(sqlite3_column_text(statement_, column));
  return bytes ? std::string(bytes, size_t(sqlite3_column_bytes(statement_, column))) : std::string();
}
bool SqliteUse::is_null(int column) const {
  return sqlite3_column_type(statement_, column) == SQLITE_NULL;
}

}  // namespace bw
