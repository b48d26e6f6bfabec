// The log's two files, as bytes (docs/log.md draws them): entries with their heads, checkpoints one after the
// other. In: open files. Out: what is in them, whether each checkpoint fits, and what a crash left unfinished
// at their ends. Nothing is changed here.
#pragma once
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "audit/disk.h"
#include "audit/log.h"
#include "audit/merkle.h"
#include "audit/note.h"

namespace bw::audit {

inline constexpr const char *kEntries = "log.entries", *kCheckpoints = "log.checkpoints",
                            *kSecretKey = "log.key", *kPublicKey = "log.pub", *kLock = "log.lock";
inline constexpr std::string_view kFirstLine = "bitworth audit log 1\n";  // of log.entries
inline constexpr size_t kHeadBytes = 96;
inline constexpr uint32_t kMostEntryBytes = 99'999'999;  // eight digits of a head

// "INDEX BYTES LEAF CHECK\n": 12 and 8 decimal digits, 64 and 8 hexadecimal ones. CHECK begins the SHA-256 of
// what stands before it, so that a changed length is never taken for an entry that was not finished.
struct Head {
  uint64_t index = 0;
  uint32_t n_bytes = 0;  // of the JSON after it, without its line feed
  Hash leaf{};
};
std::string head_text(const Head& head);
std::optional<Head> parse_head(std::string_view text);  // none unless head_text() gives it

struct Contents {
  uint64_t n_entries = 0, n_checkpoints = 0;
  uint64_t entries_end = 0, checkpoints_end = 0;  // bytes, to the end of the last whole one
  Frontier tree;
  std::optional<Checkpoint> last;
  // What stands after those ends, in words; empty: nothing. It is what a write that a crash cut off can
  // leave: the beginning of one entry (or checkpoint), or of one and zeros.
  std::string unfinished_entry, unfinished_checkpoint;
};

// `on_entry` (may be empty): index, byte offset of the head, leaf, JSON. `kept`: must be a prefix too. Error:
// the first thing that is no whole log with, at most, something unfinished at its end.
using OnEntry = std::function<void(uint64_t, uint64_t, const Hash&, std::string_view)>;
using OnCheckpoint = std::function<void(const Checkpoint&)>;
Result<Contents> read_log(Disk& disk, const std::string& folder, const PublicKey& key,
                          const std::optional<Checkpoint>& kept, const OnEntry& on_entry,
                          const OnCheckpoint& on_checkpoint = {});

// One entry, by the offset of its head; its leaf hash is looked at again.
Result<std::string> read_entry(DiskFile& entries, const std::string& path, uint64_t offset, uint64_t index);

}  // namespace bw::audit
