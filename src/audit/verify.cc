// Verification of a folder with the public key alone. See log.h.
#include <fmt/format.h>

#include "audit/open.h"

namespace bw::audit {

Result<Verified> verify(const std::string& folder, const std::string& public_key, const std::string& kept,
                        Disk* chosen) {
  Disk& disk = chosen ? *chosen : real_disk();
  BW_TRY(const PublicKey key, parse_public_key(public_key));
  std::optional<Checkpoint> kept_checkpoint;
  if (!kept.empty()) {
    auto opened = open_checkpoint(kept, key);
    if (!opened)
      return bad_input("the kept checkpoint: " + opened.error().what,
                       "the whole text as it was kept, and the key that signed it");
    kept_checkpoint = std::move(*opened);
  }
  // Somebody at work may be in the middle of an entry; asked again afterwards, for who began meanwhile.
  const std::string lock = folder + "/" + kLock;
  const bool was_at_work = disk.locked(lock);
  BW_TRY(const PublicKey found, public_key_of(disk, folder));
  if (found.text() != key.text())
    return bad_input(
        fmt::format("{}/{}: expected the key {}, found {}", folder, kPublicKey, key.text(), found.text()),
        "this log is another's, or its key was changed: ask the owner");
  BW_TRY(const Contents contents, read_log(disk, folder, key, kept_checkpoint, {}));
  Verified out;
  out.n_entries = contents.n_entries;
  out.n_checkpoints = contents.n_checkpoints;
  out.n_after_checkpoint = contents.n_entries - (contents.last ? contents.last->size : 0);
  out.root = hex(contents.tree.root());
  for (const auto& [name, unfinished] : {std::pair(kEntries, &contents.unfinished_entry),
                                         std::pair(kCheckpoints, &contents.unfinished_checkpoint)}) {
    if (unfinished->empty()) continue;
    if (!was_at_work && !disk.locked(lock))
      return bad_input(
          fmt::format("{}/{}: after {} entries, all verified: {}, which is not finished", folder, name,
                      contents.n_entries, *unfinished),
          "a crash left it, or the end was cut off: a kept checkpoint (--checkpoint FILE) tells which; the "
          "log's next writer cuts it and says so");
    out.unfinished += (out.unfinished.empty() ? "" : ", ") + *unfinished;
  }
  return out;
}

}  // namespace bw::audit
