#include "pilot/store.h"

#include <fmt/format.h>

#include <map>
#include <mutex>

#include "base/sqlite.h"

namespace bw::pilot {
namespace {

constexpr SqliteKind kKind{
    .what = "a pilot",
    .application_id = 0x62777069,  // "bwpi"
    .format = 1,
    .tables =
        "CREATE TABLE pilot(id INTEGER PRIMARY KEY AUTOINCREMENT, plan TEXT NOT NULL, plan_path TEXT NOT "
        "NULL,"
        " started_ms INTEGER NOT NULL, log_index INTEGER NOT NULL, decided_ms INTEGER, decision TEXT, page "
        "TEXT);"
        "CREATE UNIQUE INDEX pilot_one_runs ON pilot((decided_ms IS NULL)) WHERE decided_ms IS NULL;"
        "CREATE TABLE event(id INTEGER PRIMARY KEY, pilot INTEGER NOT NULL REFERENCES pilot(id), case_id "
        "TEXT NOT NULL,"
        " kind INTEGER NOT NULL, what TEXT NOT NULL, at_ms INTEGER NOT NULL, value REAL NOT NULL, class TEXT "
        "NOT NULL,"
        " note TEXT NOT NULL, who TEXT NOT NULL, received_ms INTEGER NOT NULL, log_index INTEGER NOT NULL,"
        " UNIQUE(pilot, case_id, kind, what));"
        "CREATE TABLE fired(pilot INTEGER NOT NULL REFERENCES pilot(id), name TEXT NOT NULL, at_ms INTEGER "
        "NOT NULL,"
        " log_index INTEGER NOT NULL, text TEXT NOT NULL, acted TEXT NOT NULL DEFAULT '', PRIMARY KEY(pilot, "
        "name))"
        " WITHOUT ROWID;",
    .if_damaged = "restore it from a copy; the log still holds the plan and a digest of every event",
};

}  // namespace

std::string store_path(const std::string& log_dir) {
  return log_dir + "/pilot.db";
}

struct Store::State {
  explicit State(Sqlite d) : db(std::move(d)) {}
  Sqlite db;
  std::mutex mutex;
};
Store::Store(std::unique_ptr<State> state) : state_(std::move(state)) {}
Store::~Store() = default;

Result<std::unique_ptr<Store>> Store::open(const std::string& path) {
  BW_TRY(Sqlite db, Sqlite::open(path, kKind));
  return std::unique_ptr<Store>(new Store(std::make_unique<State>(std::move(db))));
}

Result<std::vector<Started>> Store::all() const {
  const std::lock_guard lock(state_->mutex);
  BW_TRY(SqliteUse use,
         state_->db.use("SELECT id, plan, plan_path, started_ms, log_index, decided_ms, decision, page "
                        "FROM pilot ORDER BY id",
                        "reading the pilots"));
  std::vector<Started> out;
  for (;;) {
    BW_TRY(const bool more, use.row());
    if (!more) return out;
    out.push_back({use.number(0), use.text(1), use.text(2), use.number(3), use.number(4), use.number(5),
                   use.text(6), use.text(7)});
  }
}

Result<std::optional<Started>> Store::running() const {
  BW_TRY(std::vector<Started> pilots, all());
  for (Started& p : pilots)
    if (p.decided_ms == 0) return std::optional(std::move(p));
  return std::optional<Started>();
}

Result<int64_t> Store::start(const Started& p) {
  BW_TRY(const std::optional<Started> other, running());
  if (other)
    return bad_input(state_->db.path() + ": another pilot runs",
                     "decide it first: bitworth pilot decide extend|simplify|stop ...");
  const std::lock_guard lock(state_->mutex);
  BW_TRY(SqliteUse use,
         state_->db.use("INSERT INTO pilot(plan, plan_path, started_ms, log_index) VALUES(?1, ?2, ?3, ?4)",
                        "starting a pilot"));
  BW_CHECK(use.add(std::string_view(p.plan))
               .add(std::string_view(p.plan_path))
               .add(p.started_ms)
               .add(p.log_index)
               .done());
  return state_->db.last_id();
}

Status Store::decided(int64_t pilot, int64_t ms, const std::string& decision, const std::string& page) {
  const std::lock_guard lock(state_->mutex);
  BW_TRY(
      SqliteUse use,
      state_->db.use(
          "UPDATE pilot SET decided_ms = ?1, decision = ?2, page = ?3 WHERE id = ?4 AND decided_ms IS NULL",
          "saving the decision"));
  BW_CHECK(use.add(ms).add(std::string_view(decision)).add(std::string_view(page)).add(pilot).done());
  if (state_->db.n_changed() != 1) return bad_input("this pilot is decided already");
  return {};
}

Result<Store::Look> Store::look(int64_t pilot, const std::vector<Event>& events,
                                const std::vector<std::optional<double>>& replaces) const {
  const std::lock_guard lock(state_->mutex);
  Look out;
  struct Known {
    double value;
    int64_t at_ms;
  };
  std::map<std::string, Known> in_list;  // of earlier lines of the same file
  for (size_t i = 0; i < events.size(); ++i) {
    const Event& e = events[i];
    const std::string key = fmt::format("{} {} {}", int(e.kind), e.what, e.case_id);
    std::optional<Known> known;
    if (const auto found = in_list.find(key); found != in_list.end()) {
      known = found->second;
    } else {
      BW_TRY(
          SqliteUse use,
          state_->db.use(
              "SELECT value, at_ms FROM event WHERE pilot = ?1 AND case_id = ?2 AND kind = ?3 AND what = ?4",
              "looking for an event"));
      use.add(pilot).add(std::string_view(e.case_id)).add(int64_t(e.kind)).add(std::string_view(e.what));
      BW_TRY(const bool found_row, use.row());
      if (found_row) known = Known{use.real(0), use.number(1)};
    }
    in_list[key] = {e.value, e.at_ms};
    if (replaces[i] && (!known || known->value != *replaces[i])) {
      out.conflict = Conflict{i, known ? known->value : 0, known ? known->at_ms : 0, known.has_value()};
      return out;
    }
    if (!known) {
      out.taken.push_back(Taken::fresh);
    } else if (known->value == e.value && known->at_ms == e.at_ms) {
      out.taken.push_back(Taken::same);
    } else if (replaces[i]) {
      out.taken.push_back(Taken::replaced);
    } else {
      out.conflict = Conflict{i, known->value, known->at_ms, true};
      return out;
    }
  }
  return out;
}

Status Store::add(int64_t pilot, const std::vector<Event>& events, const std::vector<Taken>& taken) {
  const std::lock_guard lock(state_->mutex);
  return state_->db.transaction([&]() -> Status {
    for (size_t i = 0; i < events.size(); ++i) {
      if (taken[i] == Taken::same) continue;
      const Event& e = events[i];
      BW_TRY(SqliteUse use,
             state_->db.use(
                 "INSERT INTO event(pilot, case_id, kind, what, at_ms, value, class, note, who, received_ms, "
                 "log_index) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11) "
                 "ON CONFLICT(pilot, case_id, kind, what) DO UPDATE SET at_ms = excluded.at_ms, "
                 "value = excluded.value, class = excluded.class, note = excluded.note, who = excluded.who, "
                 "received_ms = excluded.received_ms, log_index = excluded.log_index",
                 "saving an event"));
      use.add(pilot)
          .add(std::string_view(e.case_id))
          .add(int64_t(e.kind))
          .add(std::string_view(e.what))
          .add(e.at_ms);
      use.add(e.value)
          .add(std::string_view(e.class_name))
          .add(std::string_view(e.note))
          .add(std::string_view(e.who));
      const Status done = use.add(e.received_ms).add(e.log_index).done();
      if (!done) return done.error();
    }
    return {};
  });
}

Result<std::vector<Event>> Store::events(int64_t pilot) const {
  const std::lock_guard lock(state_->mutex);
  BW_TRY(SqliteUse use,
         state_->db.use(
             "SELECT at_ms, kind, case_id, class, what, value, note, who, received_ms, log_index FROM event "
             "WHERE pilot = ?1 ORDER BY at_ms, id",
             "reading the events"));
  use.add(pilot);
  std::vector<Event> out;
  for (;;) {
    BW_TRY(const bool more, use.row());
    if (!more) return out;
    Event e;
    e.at_ms = use.number(0);
    if (use.number(1) < 0 || use.number(1) > int64_t(Event::Kind::failure))
      return failed(state_->db.path() + ": an event of a kind that does not exist", kKind.if_damaged);
    e.kind = Event::Kind(use.number(1));
    e.case_id = use.text(2);
    e.class_name = use.text(3);
    e.what = use.text(4);
    e.value = use.real(5);
    e.note = use.text(6);
    e.who = use.text(7);
    e.received_ms = use.number(8);
    e.log_index = use.number(9);
    out.push_back(std::move(e));
  }
}

Result<std::vector<Kept>> Store::fired(int64_t pilot) const {
  const std::lock_guard lock(state_->mutex);
  BW_TRY(
      SqliteUse use,
      state_->db.use("SELECT name, at_ms, log_index, text, acted FROM fired WHERE pilot = ?1 ORDER BY at_ms",
                     "reading what fired"));
  use.add(pilot);
  std::vector<Kept> out;
  for (;;) {
    BW_TRY(const bool more, use.row());
    if (!more) return out;
    out.push_back({use.text(0), use.number(1), use.number(2), use.text(3), use.text(4)});
  }
}

Status Store::add_fired(int64_t pilot, const Kept& k) {
  const std::lock_guard lock(state_->mutex);
  BW_TRY(SqliteUse use,
         state_->db.use("INSERT INTO fired(pilot, name, at_ms, log_index, text, acted) VALUES(?1, ?2, ?3, "
                        "?4, ?5, ?6) ON CONFLICT DO NOTHING",
                        "saving what fired"));
  use.add(pilot).add(std::string_view(k.trigger)).add(k.at_ms).add(k.log_index);
  return use.add(std::string_view(k.text)).add(std::string_view(k.acted)).done();
}

Status Store::acted(int64_t pilot, const std::string& trigger, const std::string& what) {
  const std::lock_guard lock(state_->mutex);
  BW_TRY(SqliteUse use, state_->db.use("UPDATE fired SET acted = ?3 WHERE pilot = ?1 AND name = ?2",
                                       "saving what was done"));
  return use.add(pilot).add(std::string_view(trigger)).add(std::string_view(what)).done();
}

}  // namespace bw::pilot
