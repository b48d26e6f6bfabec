#include "serve/answers.h"

#include <fmt/format.h>
#include <sodium.h>

#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

#include "base/sqlite.h"

namespace bw::serve {
namespace {

// A claim is a row without an answer. `run` tells those of servers that are gone from those of this one.
constexpr SqliteKind kKind{
    .what = "the answers of a server",
    .application_id = 0x62777361,  // "bwsa"
    .format = 1,
    .tables =
        "CREATE TABLE run(id INTEGER PRIMARY KEY AUTOINCREMENT, started_ms INTEGER NOT NULL);"
        "CREATE TABLE answer(id TEXT PRIMARY KEY, key_sha256 TEXT UNIQUE, request_sha256 TEXT,"
        " run INTEGER NOT NULL, created_ms INTEGER NOT NULL, answer TEXT, entry TEXT, log_index INTEGER)"
        " WITHOUT ROWID;"
        "CREATE INDEX answer_unlogged ON answer(created_ms) WHERE answer IS NOT NULL AND log_index IS NULL;"
        "CREATE INDEX answer_age ON answer(created_ms);",
    .if_damaged =
        "move it away: keys of earlier requests are forgotten then; the audit log is not touched by it",
};
constexpr size_t kMaxBatch = 256;

}  // namespace

std::string new_answer_id() {
  unsigned char bytes[12];
  randombytes_buf(bytes, sizeof bytes);
  char text[2 * sizeof bytes + 1];
  return std::string("ans_") + sodium_bin2hex(text, sizeof text, bytes, sizeof bytes);
}

uint64_t fresh_seed() {
  uint64_t seed = 0;
  randombytes_buf(&seed, sizeof seed);
  return seed >> 11;
}

struct Answers::State {
  // A change runs inside a transaction and returns what to call once that is on the disk.
  using Change = std::function<Status(State&)>;
  struct Job {
    Change change;
    std::function<void(const Status&)> after;  // of the transaction, or of the change that erred
  };

  explicit State(Sqlite database) : db(std::move(database)) {}
  Sqlite db;
  mutable std::mutex db_mutex;
  int64_t run = 0;

  std::mutex mutex;
  std::condition_variable wake;
  std::deque<Job> jobs;
  bool stop = false;
  std::thread thread;

  void post(Change change, std::function<void(const Status&)> after) {
    {
      const std::lock_guard lock(mutex);
      jobs.push_back({std::move(change), std::move(after)});
    }
    wake.notify_one();
  }

  // All that waits in one transaction; where that fails, each alone, so that one job's error is its own.
  void commit(std::deque<Job>& batch) {
    std::vector<Status> ended(batch.size());
    {
      const std::lock_guard lock(db_mutex);
      const Status all = db.transaction([&]() -> Status {
        for (Job& job : batch) BW_CHECK(job.change(*this));
        return {};
      });
      for (size_t i = 0; !all && i < batch.size(); ++i)
        ended[i] = db.transaction([&] { return batch[i].change(*this); });
    }
    for (size_t i = 0; i < batch.size(); ++i) batch[i].after(ended[i]);
  }

  void work() {
    for (;;) {
      std::deque<Job> batch;
      {
        std::unique_lock lock(mutex);
        wake.wait(lock, [&] { return stop || !jobs.empty(); });
        if (jobs.empty()) return;
        while (!jobs.empty() && batch.size() < kMaxBatch) {
          batch.push_back(std::move(jobs.front()));
          jobs.pop_front();
        }
      }
      commit(batch);
    }
  }

  // Whether the key's row already says what to do.
  Result<bool> look(const Claim& c, Claimed& out) {
    BW_TRY(SqliteUse use,
           db.use("SELECT id, request_sha256, run, answer, log_index FROM answer WHERE key_sha256 = ?1",
                  "looking for a key"));
    use.add(c.key_sha256);
    BW_TRY(const bool found, use.row());
    if (!found) return false;
    out.id = use.text(0);
    if (use.text(1) != c.request_sha256) {
      out.what = Claimed::What::different;
    } else if (!use.is_null(3)) {
      out.what = Claimed::What::answered;
      out.answer = use.text(3);
      out.log_index = use.is_null(4) ? -1 : use.number(4);
    } else if (use.number(2) == run) {
      out.what = Claimed::What::running;
    } else {
      out.interrupted = true;
      return false;
    }
    return true;
  }

  Result<Claimed> claim_now(const Claim& c) {
    Claimed out;
    BW_TRY(const bool decided, look(c, out));
    if (decided) return out;
    if (out.interrupted) {
      BW_TRY(SqliteUse drop, db.use("DELETE FROM answer WHERE key_sha256 = ?1", "taking over a key"));
      BW_CHECK(drop.add(c.key_sha256).done());
    }
    BW_TRY(SqliteUse insert, db.use("INSERT INTO answer(id, key_sha256, request_sha256, run, created_ms) "
                                    "VALUES(?1, ?2, ?3, ?4, ?5)",
                                    "claiming a key"));
    BW_CHECK(insert.add(c.id)
                 .add(c.key_sha256)
                 .add(c.request_sha256)
                 .add(run)
                 .add(int64_t(ms_since_1970()))
                 .done());
    out.id = c.id;
    return out;
  }
};

Answers::Answers(std::unique_ptr<State> state) : state_(std::move(state)) {}

Answers::~Answers() {
  {
    const std::lock_guard lock(state_->mutex);
    state_->stop = true;
  }
  state_->wake.notify_one();
  if (state_->thread.joinable()) state_->thread.join();
}

Result<std::unique_ptr<Answers>> Answers::open(const std::string& path) {
  BW_TRY(Sqlite db, Sqlite::open(path, kKind));
  auto state = std::make_unique<State>(std::move(db));
  State& s = *state;
  {
    BW_TRY(SqliteUse use, s.db.use("INSERT INTO run(started_ms) VALUES(?1)", "starting"));
    BW_CHECK(use.add(int64_t(ms_since_1970())).done());
    s.run = s.db.last_id();
  }
  s.thread = std::thread([&s] { s.work(); });
  return std::unique_ptr<Answers>(new Answers(std::move(state)));
}

void Answers::claim(Claim claim, std::function<void(Result<Claimed>)> done) {
  auto got = std::make_shared<Claimed>();
  state_->post(
      [claim = std::move(claim), got](State& s) -> Status {
        BW_TRY(*got, s.claim_now(claim));
        return {};
      },
      [got, done = std::move(done)](const Status& status) {
        if (status)
          done(std::move(*got));
        else
          done(status.error());
      });
}

void Answers::release(const std::string& id, std::function<void(Status)> done) {
  state_->post(
      [id](State& s) -> Status {
        BW_TRY(SqliteUse use,
               s.db.use("DELETE FROM answer WHERE id = ?1 AND answer IS NULL", "freeing a key"));
        return use.add(id).done();
      },
      [done = std::move(done)](const Status& status) { done(status); });
}

void Answers::answered(const std::string& id, std::string answer, std::string entry,
                       std::function<void(Status)> done) {
  state_->post(
      [id, answer = std::move(answer), entry = std::move(entry)](State& s) -> Status {
        BW_TRY(SqliteUse use,
               s.db.use("INSERT INTO answer(id, answer, entry, run, created_ms) VALUES(?1, ?2, ?3, ?4, ?5) "
                        "ON CONFLICT(id) DO UPDATE SET answer = excluded.answer, entry = excluded.entry",
                        "saving an answer"));
        return use.add(id).add(answer).add(entry).add(s.run).add(int64_t(ms_since_1970())).done();
      },
      [done = std::move(done)](const Status& status) { done(status); });
}

void Answers::logged(const std::string& id, int64_t index) {
  state_->post(
      [id, index](State& s) -> Status {
        // Once the log holds the entry, this one is no longer needed.
        BW_TRY(SqliteUse use,
               s.db.use("UPDATE answer SET log_index = ?2, entry = NULL WHERE id = ?1", "marking an answer"));
        return use.add(id).add(index).done();
      },
      [](const Status&) {});
}

Result<std::vector<Unlogged>> Answers::unlogged() const {
  const std::lock_guard lock(state_->db_mutex);
  BW_TRY(SqliteUse use,
         state_->db.use("SELECT id, entry FROM answer WHERE answer IS NOT NULL AND log_index IS NULL "
                        "ORDER BY created_ms, id",
                        "reading what is not logged"));
  std::vector<Unlogged> out;
  for (;;) {
    BW_TRY(const bool more, use.row());
    if (!more) return out;
    out.push_back({use.text(0), use.text(1)});
  }
}

Result<std::optional<Claimed>> Answers::find(const std::string& id) const {
  const std::lock_guard lock(state_->db_mutex);
  BW_TRY(SqliteUse use,
         state_->db.use("SELECT answer, log_index FROM answer WHERE id = ?1", "looking for an answer"));
  use.add(id);
  BW_TRY(const bool found, use.row());
  if (!found) return std::optional<Claimed>();
  Claimed c;
  c.id = id;
  c.what = use.is_null(0) ? Claimed::What::running : Claimed::What::answered;
  c.answer = use.text(0);
  c.log_index = use.is_null(1) ? -1 : use.number(1);
  return std::optional(std::move(c));
}

Status Answers::forget_before(uint64_t ms) {
  const std::lock_guard lock(state_->db_mutex);
  BW_TRY(SqliteUse use, state_->db.use("DELETE FROM answer WHERE created_ms < ?1 AND log_index IS NOT NULL",
                                       "forgetting old answers"));
  return use.add(int64_t(ms)).done();
}

}  // namespace bw::serve
