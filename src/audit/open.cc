#include "audit/open.h"

#include <fmt/format.h>
#include <sodium.h>

#include <cerrno>
#include <filesystem>

namespace bw::audit {
namespace {

constexpr uint64_t kMostKeyBytes = 1000;

// 0, or what keeps the file from being read: ENOENT where it is not there.
int there(Disk& disk, const std::string& path) {
  std::unique_ptr<DiskFile> file;
  return disk.open(path, Disk::Open::read, file);
}
Result<bool> exists(Disk& disk, const std::string& path) {
  const int error = there(disk, path);
  if (error == 0) return true;
  if (error == ENOENT) return false;
  return disk_error(path, "cannot open", error);
}

Error lost(const std::string& path, const std::string& next) {
  return bad_input(path + ": is missing, the rest of the log is there", next);
}

class Opening {
 public:
  Opening(Disk& disk, const std::string& folder, const LogOptions& options)
      : disk_(disk), folder_(folder), options_(options) {}

  Result<Parts> run() {
    if (options_.read_only) {
      BW_TRY(out_.key, public_key_of(disk_, folder_));
      BW_CHECK(open(kEntries, Disk::Open::read, out_.entries));
      BW_CHECK(read());
      return std::move(out_);
    }
    BW_CHECK(folder());
    BW_CHECK(lock());
    BW_CHECK(keys());
    BW_CHECK(files());
    BW_CHECK(read());
    BW_CHECK(repair());
    return std::move(out_);
  }

 private:
  std::string path(const char* name) const { return folder_ + "/" + name; }
  Status open(const char* name, Disk::Open how, std::unique_ptr<DiskFile>& file) {
    if (const int error = disk_.open(path(name), how, file))
      return disk_error(path(name), "cannot open", error);
    return {};
  }
  Status sync(const std::string& what) {
    if (const int error = disk_.sync_folder(what)) return disk_error(what, "cannot sync the folder", error);
    return {};
  }

  Status folder() {
    if (const int error = disk_.make_folder(folder_))
      return disk_error(folder_, "cannot make the folder", error);
    const std::string above = std::filesystem::path(folder_).parent_path().string();
    return sync(above.empty() ? "." : above);
  }
  Status lock() {
    const int error = disk_.lock(path(kLock), out_.lock);
    if (error == EWOULDBLOCK) {
      const std::string who = disk_.holder(path(kLock));
      return failed(
          fmt::format("{}: {} writes this log, and a log has one writer", folder_,
                      who.empty() ? "another process" : who),
          "stop that one first, or name another folder; reading goes on: bitworth audit verify, show");
    }
    if (error) return disk_error(path(kLock), "cannot lock", error);
    return {};
  }

  // The secret key is made in an empty folder only: with another one nothing before it would verify.
  Status keys() {
    BW_TRY(const bool secret, exists(disk_, path(kSecretKey)));
    if (!secret) {
      for (const char* name : {kPublicKey, kCheckpoints, kEntries}) {
        BW_TRY(const bool found, exists(disk_, path(name)));
        if (found)
          return lost(path(kSecretKey),
                      "restore the key; without it this log can be read and verified, not gone on with");
      }
      BW_TRY(const SecretKey made, SecretKey::make(options_.origin));
      BW_CHECK(write_file(disk_, folder_, kSecretKey, made.text() + "\n", Disk::Open::secret));
    }
    BW_TRY(std::string text, read_file(disk_, path(kSecretKey), kMostKeyBytes));
    const bool line = !text.empty() && text.back() == '\n';
    if (line) text.pop_back();
    auto key = SecretKey::parse(text);
    sodium_memzero(text.data(), text.size());
    if (!key || !line)
      return bad_input(
          fmt::format("{}: {}", path(kSecretKey), key ? "expected a line feed at its end" : key.error().what),
          "restore the key from a copy");
    out_.secret.emplace(std::move(*key));
    out_.key = out_.secret->public_key();
    BW_TRY(const bool shown, exists(disk_, path(kPublicKey)));
    if (!shown) return write_file(disk_, folder_, kPublicKey, out_.key.text() + "\n", Disk::Open::make);
    BW_TRY(const PublicKey found, public_key_of(disk_, folder_));
    if (found.text() != out_.key.text())
      return bad_input(fmt::format("{}: expected {}, the public half of {}, found {}", path(kPublicKey),
                                   out_.key.text(), kSecretKey, found.text()),
                       "one of the two files is another log's: restore it from a copy");
    return {};
  }

  // Checkpoints are made first, so that a crash never leaves entries without the file of their checkpoints.
  Status files() {
    BW_TRY(const bool checkpoints, exists(disk_, path(kCheckpoints)));
    BW_TRY(const bool entries, exists(disk_, path(kEntries)));
    if (entries && !checkpoints) return lost(path(kCheckpoints), "restore it from a copy");
    BW_CHECK(open(kCheckpoints, checkpoints ? Disk::Open::write : Disk::Open::make, out_.checkpoints));
    if (!entries && out_.checkpoints->size() != 0) return lost(path(kEntries), "restore it from a copy");
    BW_CHECK(open(kEntries, entries ? Disk::Open::write : Disk::Open::make, out_.entries));
    if (!checkpoints || !entries) BW_CHECK(sync(folder_));
    // What an earlier process wrote and did not sync is synced now or is not counted: the cache may hold
    // bytes that the disk refused (wiki.postgresql.org/wiki/Fsync_Errors), so what is read below comes from
    // the disk.
    for (DiskFile* file : {out_.entries.get(), out_.checkpoints.get()})
      if (const int error = file->sync())
        return disk_error(path(file == out_.entries.get() ? kEntries : kCheckpoints), "cannot sync", error);
    return {};
  }

  Status read() {
    BW_TRY(out_.contents, read_log(disk_, folder_, out_.key, std::nullopt,
                                   [&](uint64_t, uint64_t offset, const Hash&, std::string_view) {
                                     out_.offsets.push_back(offset);
                                   }));
    return {};
  }

  Status repair() {
    Contents& c = out_.contents;
    if (out_.entries->size() == 0)
      c.unfinished_entry.clear();  // just made, or a crash came before its first line
    BW_CHECK(cut(kEntries, *out_.entries, c.entries_end, c.unfinished_entry));
    BW_CHECK(cut(kCheckpoints, *out_.checkpoints, c.checkpoints_end, c.unfinished_checkpoint));
    if (c.entries_end > 0) return {};
    if (int error = write_all(*out_.entries, 0, kFirstLine); error || (error = out_.entries->sync()))
      return disk_error(path(kEntries), "cannot write its first line", error);
    c.entries_end = kFirstLine.size();
    return {};
  }
  Status cut(const char* name, DiskFile& file, uint64_t end, const std::string& unfinished) {
    if (unfinished.empty()) return {};
    if (int error = file.truncate(end); error || (error = file.sync()))
      return disk_error(path(name), "cannot cut off what was not finished", error);
    out_.repaired += fmt::format("{}{}: cut off {}, which a crash left unfinished",
                                 out_.repaired.empty() ? "" : "; ", path(name), unfinished);
    return {};
  }

  Disk& disk_;
  const std::string& folder_;
  const LogOptions& options_;
  Parts out_;
};

}  // namespace

Result<Parts> open_parts(Disk& disk, const std::string& folder, const LogOptions& options) {
  return Opening(disk, folder, options).run();
}

Result<PublicKey> public_key_of(Disk& disk, const std::string& folder) {
  const std::string path = folder + "/" + kPublicKey;
  BW_TRY(std::string text, read_file(disk, path, kMostKeyBytes));
  if (text.empty() || text.back() != '\n')
    return bad_input(path + ": expected one line with a public key", "restore it from a copy");
  text.pop_back();
  auto key = parse_public_key(text);
  if (!key) return bad_input(fmt::format("{}: {}", path, key.error().what), "restore it from a copy");
  return key;
}

}  // namespace bw::audit
