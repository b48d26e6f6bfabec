// Opening a log's folder: made where it is not, read and verified whole, and what a crash left unfinished cut
// away. In: a folder. Out: its open files, key and contents, or why it is no log that can be gone on with.
#pragma once
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "audit/format.h"

namespace bw::audit {

struct Parts {
  std::unique_ptr<DiskFile> lock, entries, checkpoints;  // read_only: `entries` alone
  std::optional<SecretKey> secret;                       // none: read_only
  PublicKey key;
  Contents contents;
  std::vector<uint64_t> offsets;  // of each entry's head
  std::string repaired;           // sentences
};
Result<Parts> open_parts(Disk& disk, const std::string& folder, const LogOptions& options);

// The key in log.pub of a folder.
Result<PublicKey> public_key_of(Disk& disk, const std::string& folder);

}  // namespace bw::audit
