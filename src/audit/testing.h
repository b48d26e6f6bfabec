// For tests and fuzzers of this folder: a disk in memory that fails where it is told to, and what a crash may
// leave of it. In: a plan. Out: the same calls as audit/disk.h. The model: what was not synced may survive in
// any beginning of the order it was written in, the last write cut or its blocks zeros; a sync that failed
// leaves the pages as if they had been written (wiki.postgresql.org/wiki/Fsync_Errors) until they leave the
// cache.
#pragma once
#include <cerrno>
#include <map>
#include <memory>
#include <mutex>
#include <random>
#include <string>
#include <vector>

#include "audit/disk.h"
#include "audit/log.h"
#include "base/clock.h"

namespace bw::audit::testing {

class MemoryDisk : public Disk {
 public:
  enum class Fault {
    none,
    dead,   // the process ends in this operation: half of it is done, nothing after it is
    full,   // no room from here on, until free(); a write puts half of its bytes first
    error,  // this one operation: EIO. A sync that fails wrote nothing
    lost,   // the same, and the process ends before it can do anything about it
    brief,  // a write puts one byte and says so
  };
  struct Plan {
    Fault fault = Fault::none;
    uint64_t at = 0;  // which of the operations that change something, from 0
  };
  MemoryDisk() = default;
  explicit MemoryDisk(Plan plan) : plan_(plan) {}

  int open(const std::string& path, Open how, std::unique_ptr<DiskFile>& out) override;
  int lock(const std::string& path, std::unique_ptr<DiskFile>& out) override;
  int rename(const std::string& from, const std::string& to) override;
  int make_folder(const std::string&) override { return begin(false).error; }
  int sync_folder(const std::string& path) override;
  bool locked(const std::string& path) override {
    const std::lock_guard lock(mutex_);
    return locks_.count(path) > 0;
  }
  std::string holder(const std::string&) override { return {}; }

  void free() {
    const std::lock_guard lock(mutex_);
    full_ = false;
  }
  // There is room, a fault that has not come does not come, and what is called next calls a new process.
  void heal() {
    const std::lock_guard lock(mutex_);
    full_ = dead_ = false;
    plan_.fault = Fault::none;
  }
  // Counts from here on, towards another fault.
  void arm(Plan plan) {
    const std::lock_guard lock(mutex_);
    plan_ = plan;
    n_ = 0;
    happened_ = false;
  }
  uint64_t n_operations() {
    const std::lock_guard lock(mutex_);
    return n_;
  }
  bool happened() {
    const std::lock_guard lock(mutex_);
    return happened_;
  }
  // The disk after the end of all processes and of the power, one of the ways it may look.
  std::unique_ptr<MemoryDisk> after_crash(uint64_t seed);
  // Files as they read now; and as somebody put them there.
  std::map<std::string, std::string> files();
  void put(const std::string& path, const std::string& bytes);

 private:
  struct Change {
    bool truncate = false;
    uint64_t at = 0;  // truncate: the new size
    std::string bytes;
  };
  struct Node {
    std::string cache, disk;
    std::vector<Change> unsynced;
  };
  using NodePtr = std::shared_ptr<Node>;
  struct Renaming {
    std::string from, to;  // from empty: made
    NodePtr node;
  };
  class File;
  class Lock;
  struct Turn {
    int error = 0;
    bool half = false, brief = false;
  };

  static void apply(std::string& bytes, const Change& c) {
    if (c.truncate) return bytes.resize(size_t(c.at));
    if (bytes.size() < c.at + c.bytes.size()) bytes.resize(size_t(c.at) + c.bytes.size());
    bytes.replace(size_t(c.at), c.bytes.size(), c.bytes);
  }
  static void apply(std::map<std::string, NodePtr>& names, const Renaming& r) {
    if (!r.from.empty()) names.erase(r.from);
    names[r.to] = r.node;
  }
  // Counts an operation; what is to happen in it.
  Turn begin(bool needs_room);
  Turn begin_locked(bool needs_room);

  std::mutex mutex_;
  Plan plan_;
  uint64_t n_ = 0;
  bool dead_ = false, full_ = false, happened_ = false;
  std::map<std::string, NodePtr> names_, synced_names_;
  std::vector<Renaming> unsynced_names_;
  std::map<std::string, int> locks_;
};

class MemoryDisk::File : public DiskFile {
 public:
  File(MemoryDisk& disk, NodePtr node) : disk_(disk), node_(std::move(node)) {}
  int64_t read(uint64_t offset, char* out, size_t n) override {
    const std::lock_guard lock(disk_.mutex_);
    if (offset >= node_->cache.size()) return 0;
    return int64_t(node_->cache.copy(out, n, size_t(offset)));
  }
  int64_t write(uint64_t offset, std::string_view bytes) override {
    const std::lock_guard lock(disk_.mutex_);
    const Turn turn = disk_.begin_locked(true);
    if (turn.half) bytes = bytes.substr(0, bytes.size() / 2);
    if (turn.brief) bytes = bytes.substr(0, 1);
    if (!turn.error || turn.half) change({false, offset, std::string(bytes)});
    if (turn.half && turn.error == ENOSPC && !bytes.empty()) return int64_t(bytes.size());
    return turn.error ? -turn.error : int64_t(bytes.size());
  }
  int64_t size() override {
    const std::lock_guard lock(disk_.mutex_);
    return int64_t(node_->cache.size());
  }
  int truncate(uint64_t size) override {
    const std::lock_guard lock(disk_.mutex_);
    const Turn turn = disk_.begin_locked(size > node_->cache.size());
    if (!turn.error) change({true, size, {}});
    return turn.error;
  }
  int sync() override {
    const std::lock_guard lock(disk_.mutex_);
    const Turn turn = disk_.begin_locked(false);
    if (!turn.error)
      for (const Change& c : node_->unsynced) apply(node_->disk, c);
    if (turn.error && turn.half) return turn.error;  // the process ended: nothing is known
    node_->unsynced.clear();
    return turn.error;
  }
  void forget() override {
    const std::lock_guard lock(disk_.mutex_);
    node_->cache = node_->disk;
    for (const Change& c : node_->unsynced) apply(node_->cache, c);
  }

 private:
  void change(Change c) {
    apply(node_->cache, c);
    node_->unsynced.push_back(std::move(c));
  }
  MemoryDisk& disk_;
  NodePtr node_;
};

class MemoryDisk::Lock : public DiskFile {
 public:
  Lock(MemoryDisk& disk, std::string path) : disk_(disk), path_(std::move(path)) {}
  ~Lock() override {
    const std::lock_guard lock(disk_.mutex_);
    disk_.locks_.erase(path_);
  }
  int64_t read(uint64_t, char*, size_t) override { return 0; }
  int64_t write(uint64_t, std::string_view) override { return -EBADF; }
  int64_t size() override { return 0; }
  int truncate(uint64_t) override { return EBADF; }
  int sync() override { return EBADF; }
  void forget() override {}

 private:
  MemoryDisk& disk_;
  std::string path_;
};

inline MemoryDisk::Turn MemoryDisk::begin(bool needs_room) {
  const std::lock_guard lock(mutex_);
  return begin_locked(needs_room);
}
inline MemoryDisk::Turn MemoryDisk::begin_locked(bool needs_room) {
  if (dead_) return {EIO, false, false};
  const bool now = n_++ == plan_.at && plan_.fault != Fault::none;
  happened_ |= now;
  if (now && plan_.fault == Fault::dead) {
    dead_ = true;
    return {EIO, true, false};
  }
  if (now && plan_.fault == Fault::full) full_ = true;
  if (full_ && needs_room) return {ENOSPC, now, false};
  if (now && plan_.fault == Fault::lost) dead_ = true;
  if (now && (plan_.fault == Fault::error || plan_.fault == Fault::lost)) return {EIO, false, false};
  return {0, false, now && plan_.fault == Fault::brief};
}

inline int MemoryDisk::open(const std::string& path, Open how, std::unique_ptr<DiskFile>& out) {
  const std::lock_guard lock(mutex_);
  const auto found = names_.find(path);
  if (how == Open::read || how == Open::write) {
    if (found == names_.end()) return ENOENT;
    out = std::make_unique<File>(*this, found->second);
    return 0;
  }
  const Turn turn = begin_locked(true);
  if (turn.error) return turn.error;
  NodePtr node = found == names_.end() ? std::make_shared<Node>() : found->second;
  if (found == names_.end()) {
    unsynced_names_.push_back({"", path, node});
    apply(names_, unsynced_names_.back());
  } else {
    node->cache.clear();
    node->unsynced.push_back({true, 0, {}});
  }
  out = std::make_unique<File>(*this, node);
  return 0;
}
inline int MemoryDisk::lock(const std::string& path, std::unique_ptr<DiskFile>& out) {
  const std::lock_guard lock(mutex_);
  if (locks_.count(path)) return EWOULDBLOCK;
  if (const Turn turn = begin_locked(true); turn.error) return turn.error;
  locks_[path] = 1;
  out = std::make_unique<Lock>(*this, path);
  return 0;
}
inline int MemoryDisk::rename(const std::string& from, const std::string& to) {
  const std::lock_guard lock(mutex_);
  if (const Turn turn = begin_locked(true); turn.error) return turn.error;
  unsynced_names_.push_back({from, to, names_.at(from)});
  apply(names_, unsynced_names_.back());
  return 0;
}
// One folder is all a log has, so every name is synced.
inline int MemoryDisk::sync_folder(const std::string&) {
  const std::lock_guard lock(mutex_);
  if (const Turn turn = begin_locked(false); turn.error) return turn.error;
  synced_names_ = names_;
  unsynced_names_.clear();
  return 0;
}

inline std::unique_ptr<MemoryDisk> MemoryDisk::after_crash(uint64_t seed) {
  const std::lock_guard lock(mutex_);
  std::mt19937_64 random(seed);
  const auto below = [&](uint64_t n) { return seed == 0 ? 0 : seed == 1 ? n - 1 : random() % n; };
  auto out = std::make_unique<MemoryDisk>();
  std::map<std::string, NodePtr> names = synced_names_;
  const uint64_t n_names = below(unsynced_names_.size() + 1);
  for (uint64_t i = 0; i < n_names; ++i) apply(names, unsynced_names_[size_t(i)]);
  for (const auto& [path, node] : names) {
    std::string bytes = node->disk;
    const uint64_t whole = below(node->unsynced.size() + 1);
    for (uint64_t i = 0; i < whole; ++i) apply(bytes, node->unsynced[size_t(i)]);
    if (whole < node->unsynced.size() && !node->unsynced[size_t(whole)].truncate) {
      Change last = node->unsynced[size_t(whole)];
      const uint64_t kept = below(last.bytes.size() + 1);
      if (seed % 2)
        last.bytes.resize(size_t(kept));
      else  // blocks that were counted and not written: at least kFewestZeros, or the beginning alone
        last.bytes.size() - kept >= 16
            ? void(last.bytes.replace(size_t(kept), std::string::npos,
                                      std::string(last.bytes.size() - size_t(kept), '\0')))
            : last.bytes.resize(size_t(kept));
      apply(bytes, last);
    }
    out->put(path, bytes);
  }
  return out;
}
inline std::map<std::string, std::string> MemoryDisk::files() {
  const std::lock_guard lock(mutex_);
  std::map<std::string, std::string> out;
  for (const auto& [path, node] : names_) out[path] = node->cache;
  return out;
}
inline void MemoryDisk::put(const std::string& path, const std::string& bytes) {
  const std::lock_guard lock(mutex_);
  auto node = std::make_shared<Node>();
  node->cache = node->disk = bytes;
  names_[path] = synced_names_[path] = node;
}

// A valid entry that says which it is.
inline std::string entry_json(uint64_t i) {
  return "{\"kind\":\"test\",\"time\":\"" + rfc3339(1'767'225'600'000 + i) + "\",\"n\":" + std::to_string(i) +
         "}";
}

}  // namespace bw::audit::testing
