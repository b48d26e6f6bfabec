// The writer: one thread takes what waits, writes it at once, syncs once, then tells who waited (group
// commit). The state's invariant: entries_end, offsets and tree describe what fdatasync has returned for;
// nothing beyond is ever acknowledged.
#include "audit/log.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <nlohmann/json.hpp>
#include <thread>

#include "audit/open.h"

namespace bw::audit {
namespace {

constexpr size_t kMostBatchBytes =
    8u << 20;  // of a write: what waits behind it waits no longer than a disk's moment
constexpr size_t kMostQueuedBytes = 64u << 20;  // entries that wait; more are refused

using Steady = std::chrono::steady_clock;

struct Waiting {
  std::string json;
  Hash leaf{};
  std::optional<Error> refused;
  std::function<void(Result<uint64_t>)> done;       // an entry
  std::function<void(Result<Checkpoint>)> signed_;  // a wish for a checkpoint
};

bool is_time(std::string_view text) {
  constexpr std::string_view form = "dddd-dd-ddTdd:dd:dd.dddZ";
  return text.size() == form.size() && std::equal(text.begin(), text.end(), form.begin(), [](char c, char f) {
           return f == 'd' ? c >= '0' && c <= '9' : c == f;
         });
}

std::optional<Error> refusal(std::string_view json, uint64_t most) {
  if (json.size() > std::min<uint64_t>(most, kMostEntryBytes))
    return bad_input(fmt::format("audit log: an entry of {} bytes, expected at most {}", json.size(), most),
                     "log digests, and keep the texts beside the log");
  if (std::any_of(json.begin(), json.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20; }))
    return bad_input(
        "audit log: an entry with a line feed or control character between its JSON, expected one line");
  const auto j = nlohmann::json::parse(json, nullptr, false);
  const auto text = [&](const char* key) {
    const auto found = j.find(key);
    return found != j.end() && found->is_string() ? found->get<std::string>() : std::string();
  };
  if (!j.is_object() || text("kind").empty() || !is_time(text("time")))
    return bad_input(
        R"(audit log: expected one JSON object with "kind" and "time" ("2026-03-01T09:05:02.017Z"))");
  return std::nullopt;
}

}  // namespace

struct Log::State {
  Disk& disk;
  const std::string folder;
  const LogOptions options;
  Parts parts;
  std::string public_key;

  mutable std::mutex mutex;  // of what follows
  std::condition_variable wake;
  std::deque<Waiting> queue;
  size_t queued_bytes = 0;
  bool stop = false;
  std::vector<uint64_t> offsets;
  std::thread writer;

  // The writer's alone.
  Frontier tree;
  uint64_t entries_end = 0, checkpoints_end = 0;
  bool tail_left = false;  // bytes of a write that failed may stand after entries_end
  bool checkpoint_synced = true;
  std::optional<Checkpoint> last;
  std::optional<Error> broken;  // since a sync failed
  std::optional<Steady::time_point> sign_by;

  State(Disk& d, std::string f, const LogOptions& o, Parts p)
      : disk(d), folder(std::move(f)), options(o), parts(std::move(p)) {
    public_key = parts.key.text();
    offsets = std::move(parts.offsets);
    tree = parts.contents.tree;
    entries_end = parts.contents.entries_end;
    checkpoints_end = parts.contents.checkpoints_end;
    last = parts.contents.last;
    if (unsigned_entries() && options.checkpoint_ms != UINT32_MAX) sign_by = Steady::now();
  }

  std::string path(const char* name) const { return folder + "/" + name; }
  bool unsigned_entries() const { return tree.size() > (last ? last->size : 0); }

  void push(Waiting waiting) {
    {
      const std::lock_guard lock(mutex);
      if (!waiting.refused && queued_bytes + waiting.json.size() > kMostQueuedBytes)
        waiting.refused = failed(
            fmt::format("{}: {} MiB of entries wait for the disk already", folder, kMostQueuedBytes >> 20),
            "try again when the disk has caught up");
      if (waiting.refused) waiting.json.clear();
      queued_bytes += waiting.json.size();
      queue.push_back(std::move(waiting));
    }
    wake.notify_one();
  }

  // ---- the writer's thread ----
  void work() {
    std::unique_lock lock(mutex);
    for (;;) {
      const auto some = [&] { return stop || !queue.empty(); };
      if (sign_by)
        wake.wait_until(lock, *sign_by, some);
      else
        wake.wait(lock, some);
      std::vector<Waiting> batch = take();
      const bool end = batch.empty() && stop;
      lock.unlock();
      write(batch);
      // A checkpoint that fails is tried again after the next batch, and at the end.
      if (end ? unsigned_entries() || !checkpoint_synced : sign_by && Steady::now() >= *sign_by)
        (void)sign(end);
      if (end) return;
      lock.lock();
    }
  }

  // What is written together: entries up to the first wish for a checkpoint, or that wish.
  std::vector<Waiting> take() {
    std::vector<Waiting> batch;
    size_t bytes = 0;
    while (!queue.empty() && batch.size() < std::max(options.max_batch, 1u) && bytes < kMostBatchBytes) {
      if (queue.front().signed_ && !batch.empty()) break;
      batch.push_back(std::move(queue.front()));
      queue.pop_front();
      bytes += batch.back().json.size();
      if (batch.back().signed_) break;
    }
    queued_bytes -= bytes;
    return batch;
  }

  void write(std::vector<Waiting>& batch) {
    if (batch.empty()) return;
    if (batch.front().signed_) return batch.front().signed_(sign(true));
    std::string bytes;
    Frontier grown = tree;
    std::vector<uint64_t> starts;
    for (const Waiting& w : batch) {
      if (w.refused) continue;
      starts.push_back(entries_end + bytes.size());
      bytes += head_text({grown.size(), uint32_t(w.json.size()), w.leaf}) + w.json + "\n";
      grown.add(w.leaf);
    }
    const Status written = starts.empty() ? Status() : commit(bytes);
    uint64_t index = tree.size();
    if (written && !starts.empty()) {
      const std::lock_guard lock(mutex);
      offsets.insert(offsets.end(), starts.begin(), starts.end());
      entries_end += bytes.size();
      tree = grown;
    }
    if (written && !starts.empty()) {
      if (options.checkpoint_ms == 0)
        (void)sign(false);
      else if (!sign_by && options.checkpoint_ms != UINT32_MAX)
        sign_by = Steady::now() + std::chrono::milliseconds(options.checkpoint_ms);
    }
    for (Waiting& w : batch) {
      if (w.refused)
        w.done(*w.refused);
      else if (!written)
        w.done(written.error());
      else
        w.done(index++);
    }
  }

  // `bytes` after the last entry, on the disk; or nothing of them.
  Status commit(const std::string& bytes) {
    if (broken) return *broken;
    if (tail_left) BW_CHECK(cut_tail());
    DiskFile& file = *parts.entries;
    if (const int error = write_all(file, entries_end, bytes)) {
      tail_left = true;
      const Error why = disk_error(path(kEntries), "the entry was not logged: cannot write", error);
      if (!broken) (void)cut_tail();  // where that fails too, it is done before the next write
      return why;
    }
    if (const int error = file.sync()) return gone(kEntries, error);
    return {};
  }
  Status cut_tail() {
    DiskFile& file = *parts.entries;
    if (const int error = file.truncate(entries_end))
      return disk_error(path(kEntries), "cannot cut off what could not be written", error);
    if (const int error = file.sync()) return gone(kEntries, error);
    tail_left = false;
    return {};
  }
  // After a sync that failed the cache no longer tells what is on the disk, and another sync would succeed
  // without writing it (wiki.postgresql.org/wiki/Fsync_Errors). So nothing is acknowledged any more.
  Error gone(const char* name, int error) {
    Error e = disk_error(path(name), "cannot sync", error);
    e.what += fmt::format("; {} entries are on the disk, later ones may not be: this log takes no more",
                          tree.size());
    e.next =
        "check that disk, then start again: opening the log verifies what is there and says what it cut off";
    broken = e;
    (void)parts.entries->truncate(entries_end);  // nothing unsure is left to find; where it is, open() copes
    return e;
  }

  // A checkpoint of the whole tree; `durable`: synced too.
  Result<Checkpoint> sign(bool durable) {
    sign_by.reset();
    if (broken) return *broken;
    if (!last || last->size < tree.size()) {
      const std::string note = parts.secret->sign(checkpoint_text(parts.key.name, tree.size(), tree.root()));
      if (const int error = write_all(*parts.checkpoints, checkpoints_end, note)) {
        // What it left is the beginning of a checkpoint of this size or smaller, and the next one covers it.
        (void)parts.checkpoints->truncate(checkpoints_end);
        return disk_error(path(kCheckpoints), "cannot write a checkpoint", error);
      }
      checkpoints_end += note.size();
      checkpoint_synced = false;
      last = Checkpoint{parts.key.name, tree.size(), hex(tree.root()), note};
    }
    if (durable && !checkpoint_synced) {
      if (const int error = parts.checkpoints->sync()) return gone(kCheckpoints, error);
      checkpoint_synced = true;
    }
    return *last;
  }
};

Log::Log(std::unique_ptr<State> state) : state_(std::move(state)) {}

Result<std::unique_ptr<Log>> Log::open(const std::string& folder, const LogOptions& options) {
  Disk& disk = options.disk ? *options.disk : real_disk();
  BW_TRY(Parts parts, open_parts(disk, folder, options));
  auto state = std::make_unique<State>(disk, folder, options, std::move(parts));
  State* s = state.get();
  if (!options.read_only) s->writer = std::thread([s] { s->work(); });
  return std::unique_ptr<Log>(new Log(std::move(state)));
}

Log::~Log() {
  if (!state_->writer.joinable()) return;
  {
    const std::lock_guard lock(state_->mutex);
    state_->stop = true;
  }
  state_->wake.notify_one();
  state_->writer.join();
}

void Log::append(std::string json, std::function<void(Result<uint64_t>)> done) {
  State& s = *state_;
  if (s.options.read_only) return done(bad_input(s.folder + ": this log was opened for reading only"));
  Waiting w;
  w.refused = refusal(json, s.options.max_entry_bytes);
  if (!w.refused) w.leaf = audit::leaf_hash(json);
  w.json = std::move(json);
  w.done = std::move(done);
  s.push(std::move(w));
}

namespace {
// Waits for the one call of what it gives out.
template <class T>
class Answer {
 public:
  std::function<void(Result<T>)> setter() {
    return [this](Result<T> result) {
      const std::lock_guard lock(mutex_);
      result_.emplace(std::move(result));
      ready_.notify_one();
    };
  }
  Result<T> wait() {
    std::unique_lock lock(mutex_);
    ready_.wait(lock, [&] { return result_.has_value(); });
    return std::move(*result_);
  }

 private:
  std::mutex mutex_;
  std::condition_variable ready_;
  std::optional<Result<T>> result_;
};
}  // namespace

Result<uint64_t> Log::append(std::string_view json) {
  if (std::this_thread::get_id() == state_->writer.get_id())
    return failed("audit log: append() waits for the writer, and was called by it",
                  "use the append() that does not wait");
  Answer<uint64_t> answer;
  append(std::string(json), answer.setter());
  return answer.wait();
}

Result<Checkpoint> Log::checkpoint() {
  State& s = *state_;
  if (s.options.read_only)
    return bad_input(s.folder + ": this log was opened for reading only, and a checkpoint needs its key");
  if (std::this_thread::get_id() == s.writer.get_id())
    return failed("audit log: checkpoint() waits for the writer, and was called by it");
  Answer<Checkpoint> answer;
  Waiting w;
  w.signed_ = answer.setter();
  s.push(std::move(w));
  return answer.wait();
}

uint64_t Log::size() const {
  const std::lock_guard lock(state_->mutex);
  return state_->offsets.size();
}

namespace {
Error beyond(const std::string& folder, uint64_t index, uint64_t size) {
  return bad_input(fmt::format("{}: entry {}: the log has {}", folder, index, size),
                   "entries are numbered from 0: bitworth audit show " + folder);
}
}  // namespace

Result<std::string> Log::entry(uint64_t index) const {
  uint64_t offset = 0;
  {
    const std::lock_guard lock(state_->mutex);
    if (index >= state_->offsets.size()) return beyond(state_->folder, index, state_->offsets.size());
    offset = state_->offsets[size_t(index)];
  }
  return read_entry(*state_->parts.entries, state_->path(kEntries), offset, index);
}

Result<std::string> Log::leaf_hash(uint64_t index) const {
  BW_TRY(const std::string json, entry(index));
  return hex(audit::leaf_hash(json));
}

const std::string& Log::public_key() const {
  return state_->public_key;
}
const std::string& Log::repaired() const {
  return state_->parts.repaired;
}

}  // namespace bw::audit
