#include "review/queue.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <mutex>
#include <nlohmann/json.hpp>

#include "base/clock.h"
#include "base/markup.h"
#include "base/sqlite.h"
#include "base/time.h"

namespace bw::review {
namespace {

constexpr SqliteKind kKind{
    .what = "a review queue",
    .application_id = 0x62777276,  // "bwrv"
    .format = 1,
    .tables =
        "CREATE TABLE item(id INTEGER PRIMARY KEY AUTOINCREMENT, answer_id TEXT NOT NULL UNIQUE,"
        " class TEXT NOT NULL, messages TEXT NOT NULL, attempts TEXT NOT NULL, why TEXT NOT NULL,"
        " created_ms INTEGER NOT NULL, state INTEGER NOT NULL DEFAULT 0, attempt INTEGER, text TEXT,"
        " reason TEXT, reviewer TEXT, seconds REAL, decided_ms INTEGER);"
        "CREATE INDEX item_state ON item(state, id);",
    .if_damaged =
        "restore it from a copy; the audit log, which is another file, still holds every answer's digest",
};

using Json = nlohmann::json;

std::string attempts_json(const std::vector<Attempt>& attempts) {
  Json out = Json::array();
  for (const Attempt& a : attempts) {
    Json failed = Json::array();
    for (const auto& [check, reason] : a.failed) failed.push_back({check, reason});
    out.push_back({{"deployment", a.deployment}, {"text", a.text}, {"failed", std::move(failed)}});
  }
  // Whatever a model wrote can be stored: bytes that are not UTF-8 become U+FFFD, as in any JSON of it.
  return out.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Result<std::vector<Attempt>> attempts_of(const std::string& text, const std::string& where) {
  const Json j = Json::parse(text, nullptr, false);
  const auto wrong = [&] {
    return failed(where + ": its attempts are not as they were written", kKind.if_damaged);
  };
  if (!j.is_array()) return wrong();
  std::vector<Attempt> out;
  for (const Json& a : j) {
    if (!a.is_object() || !a.contains("deployment") || !a.contains("text") || !a.contains("failed") ||
        !a["deployment"].is_string() || !a["text"].is_string() || !a["failed"].is_array())
      return wrong();
    Attempt attempt{a["deployment"], a["text"], {}};
    for (const Json& f : a["failed"]) {
      if (!f.is_array() || f.size() != 2 || !f[0].is_string() || !f[1].is_string()) return wrong();
      attempt.failed.emplace_back(f[0], f[1]);
    }
    out.push_back(std::move(attempt));
  }
  return out;
}

#define BW_ITEM_COLUMNS                                                                                 \
  "id, answer_id, class, messages, attempts, why, created_ms, state, attempt, text, reason, reviewer, " \
  "seconds, decided_ms"

Result<Item> read(const SqliteUse& use, const std::string& path) {
  Item i;
  i.id = use.number(0);
  i.answer_id = use.text(1);
  i.class_name = use.text(2);
  i.messages_json = use.text(3);
  BW_TRY(i.attempts, attempts_of(use.text(4), fmt::format("{}: item {}", path, i.id)));
  i.why = use.text(5);
  i.created_ms = uint64_t(use.number(6));
  const int64_t state = use.number(7);
  if (state < 0 || state > int64_t(Item::State::rejected))
    return failed(fmt::format("{}: item {}: state {} does not exist", path, i.id, state), kKind.if_damaged);
  i.state = Item::State(state);
  i.attempt = use.is_null(8) ? -1 : int(use.number(8));
  i.text = use.text(9);
  i.reason = use.text(10);
  i.reviewer = use.text(11);
  i.timed = !use.is_null(12);
  i.seconds = use.real(12);
  i.decided_ms = uint64_t(use.number(13));
  return i;
}

Status check(const Item& item) {
  const auto wrong = [&](std::string_view what) {
    return bad_input(
        fmt::format("review item of {}: {}", item.answer_id.empty() ? "?" : item.answer_id, what));
  };
  if (item.answer_id.empty()) return wrong("no answer id");
  if (item.created_ms == 0) return wrong("no moment of creation");
  if (item.attempts.empty()) return wrong("no attempt: there is nothing to review");
  if (item.messages_json.size() > kMaxText) return wrong("its prompt is longer than 4 MiB");
  for (const Attempt& a : item.attempts)
    if (a.text.size() > kMaxText) return wrong("an attempt is longer than 4 MiB");
  return {};
}

// What may be decided of an item. Sets what the item then holds.
Status apply(Item& item, const Decision& d, const std::string& named) {
  const auto wrong = [&](std::string_view what, std::string next = {}) {
    return bad_input(fmt::format("{}: {}", named, what), std::move(next));
  };
  if (item.state != Item::State::waiting)
    return wrong(fmt::format("already {} by {} at {}", name(item.state), item.reviewer,
                             time_text(int64_t(item.decided_ms))),
                 "a decision is not changed; look at it, and correct what follows from it where it is used");
  if (d.reviewer.empty()) return wrong("who decides is not said");
  if (d.at_ms == 0) return wrong("the moment of the decision is not said");
  for (const std::string* text : {&d.reviewer, &d.reason, &d.text})
    if (!is_utf8(*text)) return wrong("the decision holds bytes that are not UTF-8");
  if (d.reviewer.size() > 200 || d.reason.size() > 10'000)
    return wrong("a name of up to 200 bytes, a reason of up to 10,000");
  if (d.seconds && !(std::isfinite(*d.seconds) && *d.seconds >= 0))
    return wrong("seconds spent: not a number of at least 0");
  switch (d.state) {
    case Item::State::waiting:
      return wrong("a decision accepts, corrects or rejects");
    case Item::State::accepted:
      if (d.attempt < 0 || size_t(d.attempt) >= item.attempts.size())
        return wrong(fmt::format("there is no attempt {}; it has {}", d.attempt + 1, item.attempts.size()));
      if (item.attempts[size_t(d.attempt)].text.empty())
        return wrong(fmt::format("attempt {} has no text to accept", d.attempt + 1));
      item.attempt = d.attempt;
      item.text = item.attempts[size_t(d.attempt)].text;
      break;
    case Item::State::corrected:
      if (d.text.empty()) return wrong("a correction needs the corrected text");
      if (d.text.size() > kMaxText) return wrong("a correction of up to 4 MiB");
      for (size_t i = 0; i < item.attempts.size(); ++i)
        if (d.text == item.attempts[i].text)
          return wrong(fmt::format("the correction is attempt {} unchanged", i + 1),
                       "accept that attempt instead");
      item.text = d.text;
      break;
    case Item::State::rejected:
      if (d.reason.empty()) return wrong("a rejection needs its reason");
      break;
  }
  item.state = d.state;
  item.reason = d.reason;
  item.reviewer = d.reviewer;
  item.timed = d.seconds.has_value();
  item.seconds = d.seconds.value_or(0);
  item.decided_ms = d.at_ms;
  return {};
}

}  // namespace

const char* name(Item::State state) {
  switch (state) {
    case Item::State::waiting:
      return "waiting";
    case Item::State::accepted:
      return "accepted";
    case Item::State::corrected:
      return "corrected";
    case Item::State::rejected:
      return "rejected";
  }
  return "waiting";
}
std::string queue_path(const std::string& log_dir) {
  return log_dir + "/review.db";
}

struct Queue::State {
  explicit State(Sqlite d) : db(std::move(d)) {}
  Sqlite db;
  mutable std::mutex mutex;

  Result<std::optional<Item>> one(SqliteUse& use) const {
    BW_TRY(const bool found, use.row());
    if (!found) return std::optional<Item>();
    BW_TRY(Item item, read(use, db.path()));
    return std::optional(std::move(item));
  }
  Result<std::optional<Item>> by_id(int64_t id) {
    BW_TRY(SqliteUse use, db.use("SELECT " BW_ITEM_COLUMNS " FROM item WHERE id = ?1", "reading an item"));
    use.add(id);
    return one(use);
  }
  Result<std::optional<Item>> by_answer(const std::string& answer) {
    BW_TRY(SqliteUse use,
           db.use("SELECT " BW_ITEM_COLUMNS " FROM item WHERE answer_id = ?1", "reading an item"));
    use.add(std::string_view(answer));
    return one(use);
  }
};

Queue::Queue(std::unique_ptr<State> state) : state_(std::move(state)) {}
Queue::~Queue() = default;

Result<std::unique_ptr<Queue>> Queue::open(const std::string& path) {
  BW_TRY(Sqlite db, Sqlite::open(path, kKind));
  return std::unique_ptr<Queue>(new Queue(std::make_unique<State>(std::move(db))));
}

Result<int64_t> Queue::add(const Item& item) {
  BW_CHECK(check(item));
  const std::string attempts = attempts_json(item.attempts);
  const std::lock_guard lock(state_->mutex);
  int64_t id = 0;
  const Status saved = state_->db.transaction([&]() -> Status {
    BW_TRY(const std::optional<Item> there, state_->by_answer(item.answer_id));
    if (there) {
      if (attempts_json(there->attempts) != attempts || there->messages_json != item.messages_json)
        return bad_input(fmt::format("{}: answer {} waits already, with other attempts", state_->db.path(),
                                     item.answer_id));
      id = there->id;
      return {};
    }
    BW_TRY(SqliteUse use,
           state_->db.use("INSERT INTO item(answer_id, class, messages, attempts, why, created_ms) "
                          "VALUES(?1, ?2, ?3, ?4, ?5, ?6)",
                          "adding an item"));
    use.add(std::string_view(item.answer_id)).add(std::string_view(item.class_name));
    use.add(std::string_view(item.messages_json))
        .add(std::string_view(attempts))
        .add(std::string_view(item.why));
    BW_CHECK(use.add(int64_t(item.created_ms)).done());
    id = state_->db.last_id();
    return {};
  });
  if (!saved) return saved.error();
  return id;
}

Result<std::optional<Item>> Queue::get(int64_t id) const {
  const std::lock_guard lock(state_->mutex);
  return state_->by_id(id);
}
Result<std::optional<Item>> Queue::by_answer(const std::string& answer_id) const {
  const std::lock_guard lock(state_->mutex);
  return state_->by_answer(answer_id);
}

Result<std::vector<Item>> Queue::list(std::optional<Item::State> state, size_t limit, int64_t after) const {
  const std::lock_guard lock(state_->mutex);
  BW_TRY(SqliteUse use,
         state ? state_->db.use("SELECT " BW_ITEM_COLUMNS
                                " FROM item WHERE id > ?1 AND state = ?3 ORDER BY id LIMIT ?2",
                                "listing items")
               : state_->db.use("SELECT " BW_ITEM_COLUMNS " FROM item WHERE id > ?1 ORDER BY id LIMIT ?2",
                                "listing items"));
  use.add(after).add(int64_t(std::min<size_t>(limit, 1u << 30)));
  if (state) use.add(int64_t(*state));
  std::vector<Item> out;
  for (;;) {
    BW_TRY(const bool more, use.row());
    if (!more) return out;
    BW_TRY(Item item, read(use, state_->db.path()));
    out.push_back(std::move(item));
  }
}

Result<Item> Queue::decide(int64_t id, const Decision& decision) {
  const std::lock_guard lock(state_->mutex);
  Item item;
  const Status saved = state_->db.transaction([&]() -> Status {
    const std::string named = fmt::format("review item {}", id);
    BW_TRY(std::optional<Item> there, state_->by_id(id));
    if (!there) return bad_input(named + ": there is none of this number");
    item = *std::move(there);
    BW_CHECK(apply(item, decision, named));
    BW_TRY(SqliteUse use,
           state_->db.use("UPDATE item SET state = ?1, attempt = ?2, text = ?3, reason = ?4, reviewer = ?5, "
                          "seconds = ?6, decided_ms = ?7 WHERE id = ?8 AND state = 0",
                          "saving a decision"));
    use.add(int64_t(item.state));
    if (item.attempt >= 0)
      use.add(int64_t(item.attempt));
    else
      use.add_null();
    use.add(std::string_view(item.text))
        .add(std::string_view(item.reason))
        .add(std::string_view(item.reviewer));
    if (item.timed)
      use.add(item.seconds);
    else
      use.add_null();
    return use.add(int64_t(item.decided_ms)).add(id).done();
  });
  if (!saved) return saved.error();
  return item;
}

Result<Queue::Counts> Queue::counts() const {
  const std::lock_guard lock(state_->mutex);
  BW_TRY(SqliteUse use,
         state_->db.use("SELECT state, count(*), total(seconds), count(seconds) FROM item GROUP BY state",
                        "counting"));
  Counts c;
  for (;;) {
    BW_TRY(const bool more, use.row());
    if (!more) return c;
    const auto n = uint64_t(use.number(1));
    switch (Item::State(use.number(0))) {
      case Item::State::waiting:
        c.waiting = n;
        break;
      case Item::State::accepted:
        c.accepted = n;
        break;
      case Item::State::corrected:
        c.corrected = n;
        break;
      case Item::State::rejected:
        c.rejected = n;
        break;
    }
    c.seconds += use.real(2);
    c.timed += uint64_t(use.number(3));
  }
}

std::string log_entry(const Item& item) {
  nlohmann::ordered_json e{{"kind", "review"},         {"time", rfc3339(item.decided_ms)},
                           {"id", item.answer_id},     {"review", item.id},
                           {"class", item.class_name}, {"state", name(item.state)},
                           {"reviewer", item.reviewer}};
  if (item.timed) e["seconds"] = item.seconds;
  return e.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

Result<std::string> export_tasks(const Queue& queue) {
  std::string out;
  for (int64_t after = 0;;) {
    BW_TRY(const std::vector<Item> items, queue.list({}, 100, after));
    if (items.empty()) return out;
    for (const Item& i : items) {
      after = i.id;
      if (i.state != Item::State::accepted && i.state != Item::State::corrected) continue;
      const Json messages = Json::parse(i.messages_json, nullptr, false);
      if (!messages.is_array())
        return failed(fmt::format("review item {}: its messages are not a JSON list", i.id));
      nlohmann::ordered_json line;
      line["id"] = i.answer_id;
      line["category"] = i.class_name;
      line["messages"] = messages;
      line["truth"] = i.text;
      line["tags"] = {std::string("review"), std::string(name(i.state))};
      if (i.attempt >= 0) line["tags"].push_back("by " + i.attempts[size_t(i.attempt)].deployment);
      out += line.dump(-1, ' ', false, Json::error_handler_t::replace) + '\n';
    }
  }
}

}  // namespace bw::review
