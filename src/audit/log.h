// The audit log: an append-only Merkle tree in a folder, so that what was decided can be proved later and a
// changed, cut, reordered or forked log is found offline. In: JSON entries. Out: their index, once the entry
// and all before it are on the disk. Sources: RFC 6962 section 2 (hashes), C2SP tlog-checkpoint and
// signed-note (checkpoints, Ed25519, RFC 8032). The format: docs/log.md.
#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace bw::audit {

class Disk;

struct LogOptions {
  std::string origin = "bitworth";  // of a new log: name of its key, first line of its checkpoints
  uint32_t max_batch = 256;         // entries an fsync
  uint64_t max_entry_bytes = 1u << 20;
  // No entry waits longer for a checkpoint that signs it. 0: signed before it is acknowledged; UINT32_MAX:
  // only by checkpoint() and at the end.
  uint32_t checkpoint_ms = 5000;
  bool read_only = false;  // the log as it is now: no key, no lock, nothing repaired; append() refuses
  Disk* disk = nullptr;    // tests: one that fails (audit/disk.h)
};

struct Checkpoint {
  std::string origin;
  uint64_t size = 0;
  std::string root;  // 64 hexadecimal digits
  std::string note;  // as signed
};

// One writer a folder (a lock says who has it). Any thread.
class Log {
 public:
  // Makes folder and key pair where there are none (key: mode 0600). All entries are read and verified. After
  // a crash: an unfinished entry at the end, which nobody was told of, is cut, and said in repaired().
  // Anything else that is wrong is an Error.
  static Result<std::unique_ptr<Log>> open(const std::string& folder, const LogOptions& options = {});
  ~Log();  // what is queued is written first

  // `json`: one JSON object on one line, with "kind" and "time" (docs/log.md); the log adds nothing to it.
  // Returns when it is durable. A full disk: Error, the entry is not in the log, which takes entries again
  // when there is room. A failed fsync: Error from then on, since nobody knows what the disk holds (open()
  // finds out).
  Result<uint64_t> append(std::string_view json);
  // The same without waiting: `done` is called from the writer's thread, in order of the indices. It must not
  // wait for this log.
  void append(std::string json, std::function<void(Result<uint64_t>)> done);

  uint64_t size() const;                                // durable entries
  Result<std::string> entry(uint64_t index) const;      // its JSON, byte for byte
  Result<std::string> leaf_hash(uint64_t index) const;  // hexadecimal
  Result<Checkpoint> checkpoint();                      // of size(), signed and on the disk
  const std::string& public_key() const;                // "NAME+HASH+BASE64", the signed-note form
  const std::string& repaired() const;                  // empty: nothing was

 private:
  struct State;
  explicit Log(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

struct Verified {
  uint64_t n_entries = 0, n_checkpoints = 0;
  uint64_t n_after_checkpoint = 0;  // entries no checkpoint signs yet
  std::string root;
  std::string unfinished;  // what a writer at work has at the end just now; empty: nothing
};
// Offline: every entry hashed, every checkpoint's signature and root, each a prefix of the next. `kept`: the
// note of a checkpoint a person kept elsewhere (may be empty), which must be a prefix too: that finds a cut
// or a fork that its owner re-signed. Error names the entry or the checkpoint; code bad_input where the log
// is not what was signed, failed where it could not be read.
Result<Verified> verify(const std::string& folder, const std::string& public_key,
                        const std::string& kept = {}, Disk* disk = nullptr);

// Texts by digest, beside the log and not in it, so that one can be erased and the log still verifies. Any
// thread.
class Texts {
 public:
  static Result<std::unique_ptr<Texts>> open(const std::string& path);
  ~Texts();
  Result<std::string> put(std::string_view text);            // its SHA-256; durable when it returns
  Result<std::string> get(const std::string& sha256) const;  // Error: never kept, or erased (says which)
  Status erase(const std::string& sha256);

 private:
  struct State;
  explicit Texts(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace bw::audit
