// Texts beside the log (see log.h): SQLite, group commit. Who comes first saves what all have brought
// meanwhile in one transaction; the rest wait for it.
#include <fmt/format.h>

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <vector>

#include "audit/log.h"
#include "base/clock.h"
#include "base/hash.h"
#include "base/sqlite.h"

namespace bw::audit {
namespace {

constexpr SqliteKind kTexts{
    .what = "the texts beside an audit log",
    .application_id = 0x62777478,  // "bwtx"
    .format = 1,
    .tables = "CREATE TABLE texts(sha256 TEXT PRIMARY KEY, text TEXT, erased_ms INTEGER) WITHOUT ROWID;",
    .if_damaged = "restore it from a copy; the log verifies without it",
};
constexpr size_t kMostSaved = 256;  // texts a transaction

struct Put {
  std::string sha256;
  std::string_view text;
  bool ended = false;
  Status status;
};

}  // namespace

struct Texts::State {
  Sqlite writing, reading;
  std::mutex reading_mutex;

  std::mutex mutex;  // of what follows
  std::condition_variable ended;
  std::vector<Put*> waiting;
  bool busy = false;  // somebody uses `writing`

  State(Sqlite w, Sqlite r) : writing(std::move(w)), reading(std::move(r)) {}

  Status save(const std::vector<Put*>& batch) {
    return writing.transaction([&]() -> Status {
      for (const Put* p : batch) {
        BW_TRY(SqliteUse use,
               writing.use("INSERT INTO texts(sha256, text) VALUES(?1, ?2) ON CONFLICT(sha256) DO "
                           "UPDATE SET text = excluded.text, erased_ms = NULL",
                           "keeping a text"));
        use.add(p->sha256).add(p->text);
        BW_CHECK(use.done());
      }
      return {};
    });
  }
  // Runs f as the only one that writes.
  template <class F>
  Status alone(F&& f) {
    std::unique_lock lock(mutex);
    ended.wait(lock, [&] { return !busy; });
    busy = true;
    lock.unlock();
    Status status = f();
    lock.lock();
    busy = false;
    ended.notify_all();
    return status;
  }
};

Texts::Texts(std::unique_ptr<State> state) : state_(std::move(state)) {}
Texts::~Texts() = default;

Result<std::unique_ptr<Texts>> Texts::open(const std::string& path) {
  BW_TRY(Sqlite writing, Sqlite::open(path, kTexts));
  // What is erased is overwritten with zeros, not only marked as free
  // (sqlite.org/pragma.html#pragma_secure_delete).
  BW_CHECK(writing.run("PRAGMA secure_delete = ON", "setting secure_delete"));
  BW_TRY(Sqlite reading, Sqlite::open(path, kTexts));
  return std::unique_ptr<Texts>(new Texts(std::make_unique<State>(std::move(writing), std::move(reading))));
}

Result<std::string> Texts::put(std::string_view text) {
  State& s = *state_;
  Put mine{sha256_hex(text), text, false, {}};
  std::unique_lock lock(s.mutex);
  s.waiting.push_back(&mine);
  for (;;) {
    s.ended.wait(lock, [&] { return mine.ended || !s.busy; });
    if (mine.ended) break;
    const size_t n = std::min(s.waiting.size(), kMostSaved);
    const std::vector<Put*> batch(s.waiting.begin(), s.waiting.begin() + std::ptrdiff_t(n));
    s.waiting.erase(s.waiting.begin(), s.waiting.begin() + std::ptrdiff_t(n));
    s.busy = true;
    lock.unlock();
    const Status status = s.save(batch);
    lock.lock();
    s.busy = false;
    for (Put* p : batch) p->ended = true, p->status = status;
    s.ended.notify_all();
  }
  if (!mine.status) return mine.status.error();
  return mine.sha256;
}

Result<std::string> Texts::get(const std::string& sha256) const {
  State& s = *state_;
  const std::lock_guard lock(s.reading_mutex);
  BW_TRY(SqliteUse use,
         s.reading.use("SELECT text, erased_ms FROM texts WHERE sha256 = ?1", "reading a text"));
  use.add(sha256);
  BW_TRY(const bool found, use.row());
  if (!found)
    return bad_input(fmt::format("{}: text {}: was never kept here", s.reading.path(), sha256),
                     "the contract's log.text says what is kept");
  if (use.is_null(0))
    return bad_input(fmt::format("{}: text {}: was erased on {}", s.reading.path(), sha256,
                                 rfc3339(uint64_t(use.number(1)))));
  std::string text = use.text(0);
  if (sha256_hex(text) != sha256)
    return bad_input(
        fmt::format("{}: text {}: its bytes give {}", s.reading.path(), sha256, sha256_hex(text)),
        "the file was changed: restore it from a copy");
  return text;
}

Status Texts::erase(const std::string& sha256) {
  State& s = *state_;
  return s.alone([&]() -> Status {
    {
      BW_TRY(SqliteUse use,
             s.writing.use("UPDATE texts SET text = NULL, erased_ms = ?2 WHERE sha256 = ?1 AND text IS "
                           "NOT NULL",
                           "erasing a text"));
      use.add(sha256).add(int64_t(ms_since_1970()));
      BW_CHECK(use.done());
    }
    if (s.writing.n_changed() == 0)
      return bad_input(fmt::format("{}: text {}: is not kept here, so there is nothing to erase",
                                   s.writing.path(), sha256));
    // The write-ahead log still has it until it is emptied, which a reader holds up.
    const std::lock_guard no_reader(s.reading_mutex);
    BW_TRY(SqliteUse use, s.writing.use("PRAGMA wal_checkpoint(TRUNCATE)", "emptying the write-ahead log"));
    BW_TRY(const bool row, use.row());
    if (!row || use.number(0) != 0)
      return failed(
          fmt::format("{}: text {}: is erased, but a reader elsewhere keeps its bytes in the write-ahead log",
                      s.writing.path(), sha256),
          "close that reader, then close this log: the file is emptied then");
    return {};
  });
}

}  // namespace bw::audit
