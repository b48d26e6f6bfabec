// SQLite as bitworth uses it: a file of ours, told by its application id and format, with the write-ahead log
// and synchronous=FULL, so that what COMMIT returned from is on the disk. In: a path, the tables. Out:
// statements; each fault an Error that names the file, what was being done and the next step. Sources:
// sqlite.org/wal.html, sqlite.org/pragma.html#pragma_synchronous.
#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

struct sqlite3;
struct sqlite3_stmt;

namespace bw {

struct SqliteKind {
  const char* what;        // "the answers of a server", for messages
  int32_t application_id;  // PRAGMA application_id, one a kind
  int32_t format;          // PRAGMA user_version; newer ones are refused
  const char* tables;      // SQL that makes them in an empty file
  const char* if_damaged;  // the next step for a person
  const char* if_full = "free space on that disk, then again: what was saved is kept";
};

class Sqlite;

// One use of a prepared statement: bind, step, read; reset when it ends, so that no lock outlives it.
class SqliteUse {
 public:
  SqliteUse(SqliteUse&& o) noexcept;
  SqliteUse(const SqliteUse&) = delete;
  ~SqliteUse();
  // Parameters ?1, ?2, ... in order; texts are copied.
  SqliteUse& add(int64_t value);
  SqliteUse& add(double value);
  SqliteUse& add(std::string_view text);
  SqliteUse& add_null();
  SqliteUse& add(const std::string& text) { return add(std::string_view(text)); }
  SqliteUse& add(const char* text) { return add(std::string_view(text)); }
  Result<bool> row();  // the next one; false: there is none
  Status done();       // runs it to its end, for what returns nothing
  int64_t number(int column) const;
  double real(int column) const;
  std::string text(int column) const;  // "" for NULL
  bool is_null(int column) const;

 private:
  friend class Sqlite;
  SqliteUse(Sqlite& db, sqlite3_stmt* statement) : db_(&db), statement_(statement) {}
  Sqlite* db_;
  sqlite3_stmt* statement_;
  int next_ = 1;
};

// One connection; one thread at a time (the caller's mutex).
class Sqlite {
 public:
  // Error: a file of another kind, a newer format, a folder that cannot be written. "" opens one in memory.
  static Result<Sqlite> open(const std::string& path, const SqliteKind& kind);
  Sqlite(Sqlite&& o) noexcept;
  Sqlite& operator=(Sqlite&&) = delete;
  ~Sqlite();
  Status run(const char* sql, std::string_view doing);  // statements without parameters
  // `sql` is a literal, whose address is the key of the prepared statement that is kept.
  Result<SqliteUse> use(const char* sql, std::string_view doing);
  // BEGIN IMMEDIATE, f, COMMIT; ROLLBACK where f or COMMIT errs.
  Status transaction(const std::function<Status()>& f);
  int64_t last_id() const;
  int64_t n_changed() const;  // rows, by the last statement
  const std::string& path() const;

 private:
  friend class SqliteUse;
  struct State;
  explicit Sqlite(std::unique_ptr<State> state);
  Error error(std::string_view doing) const;
  std::unique_ptr<State> state_;
};

}  // namespace bw
