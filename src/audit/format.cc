#include "audit/format.h"

#include <fmt/format.h>
#include <sodium.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <vector>

namespace bw::audit {
namespace {

// As few zeros at the end of a file are a write whose blocks were counted and never written; fewer are
// damage.
constexpr uint64_t kFewestZeros = 16;
constexpr size_t kBuffer = 1u << 20;

const char* const kRestore =
    "the log was changed: restore it from a copy; what stands before this still verifies";

// Goes through a file from its beginning by way of a buffer.
class Forward {
 public:
  Forward(DiskFile& file, std::string path, uint64_t n_bytes)
      : file_(file), path_(std::move(path)), size_(n_bytes) {}
  uint64_t at() const { return at_; }
  uint64_t left() const { return size_ - at_; }
  const std::string& path() const { return path_; }
  // The next min(n, left()) bytes, which stay next.
  Result<std::string_view> peek(uint64_t n) {
    n = std::min(n, left());
    if (at_ + n > start_ + buffer_.size()) {
      buffer_.resize(size_t(std::min(std::max<uint64_t>(n, kBuffer), left())));
      start_ = at_;
      if (const int error = read_all(file_, start_, buffer_.data(), buffer_.size()))
        return disk_error(path_, fmt::format("cannot read at byte {}", start_), error);
    }
    return std::string_view(buffer_).substr(size_t(at_ - start_), size_t(n));
  }
  void skip(uint64_t n) { at_ += n; }

 private:
  DiskFile& file_;
  std::string path_;
  uint64_t size_, at_ = 0, start_ = 0;
  std::string buffer_;
};

// Where the zeros at the end of the file begin, if there are enough; else its size.
Result<uint64_t> zeros_from(DiskFile& file, const std::string& path, uint64_t size) {
  uint64_t from = size;
  std::string buffer;
  while (from > 0) {
    buffer.resize(size_t(std::min<uint64_t>(from, 4096)));
    if (const int error = read_all(file, from - buffer.size(), buffer.data(), buffer.size()))
      return disk_error(path, "cannot read its end", error);
    const size_t last = buffer.find_last_not_of('\0');
    if (last != buffer.npos) {
      from = from - buffer.size() + last + 1;
      break;
    }
    from -= buffer.size();
  }
  return size - from >= kFewestZeros ? from : size;
}

struct Opened {
  std::unique_ptr<DiskFile> file;
  std::string path;
  uint64_t size = 0, zeros = 0;  // zeros: where those at the end begin
};
Result<Opened> open_to_read(Disk& disk, const std::string& folder, const char* name) {
  Opened out;
  out.path = folder + "/" + name;
  if (const int error = disk.open(out.path, Disk::Open::read, out.file))
    return disk_error(out.path, "cannot open", error);
  out.file->forget();
  const int64_t size = out.file->size();
  if (size < 0) return disk_error(out.path, "cannot stat", int(-size));
  out.size = uint64_t(size);
  BW_TRY(out.zeros, zeros_from(*out.file, out.path, out.size));
  return out;
}

// Checkpoints in their order, each opened when the entries come to it.
class Checkpoints {
 public:
  Checkpoints(const Opened& opened, const PublicKey& key)
      : key_(key), zeros_(opened.zeros), from_(*opened.file, opened.path, opened.size) {}
  uint64_t n() const { return n_; }
  uint64_t end() const { return end_; }
  const std::string& unfinished() const { return unfinished_; }
  const std::string& path() const { return from_.path(); }

  // The next one; none at the end.
  Result<std::optional<Checkpoint>> next() {
    end_ = from_.at();
    if (from_.left() == 0 || !unfinished_.empty()) return std::optional<Checkpoint>();
    BW_TRY(const std::string_view ahead, from_.peek(checkpoint_bytes(key_.name, UINT64_MAX)));
    size_t bytes = 0;
    for (int lines = 0; lines < 5 && bytes != ahead.npos; ++lines) {
      bytes = ahead.find('\n', bytes);
      if (bytes != ahead.npos) ++bytes;
    }
    if (bytes == ahead.npos) return cut_off(ahead);
    const std::string note(ahead.substr(0, bytes));
    auto opened = open_checkpoint(note, key_);
    if (!opened) return wrong(opened.error().what);
    if (note.size() != checkpoint_bytes(key_.name, opened->size))
      return wrong("expected one signature, found more");
    if (n_ > 0 && opened->size <= last_)
      return wrong(
          fmt::format("signs {} entries after one of {}: they never become fewer", opened->size, last_));
    last_ = opened->size;
    ++n_;
    from_.skip(bytes);
    return std::optional<Checkpoint>(std::move(*opened));
  }
  Error wrong(const std::string& what) const {
    return bad_input(fmt::format("{}: checkpoint {} (byte {}): {}", from_.path(), n_, from_.at(), what),
                     kRestore);
  }

 private:
  // Fewer lines than a checkpoint has are one whose write was cut off if they begin one and are shorter than
  // it: a changed byte makes nothing shorter.
  Result<std::optional<Checkpoint>> cut_off(std::string_view ahead) {
    const std::string_view written =
        ahead.substr(0, size_t(std::min<uint64_t>(zeros_ - from_.at(), ahead.size())));
    const std::string start = key_.name + "\n";
    std::string_view digits = written.substr(std::min(start.size(), written.size()));
    digits = digits.substr(0, digits.find('\n'));
    uint64_t size = 0;
    const auto [end, code] = std::from_chars(digits.data(), digits.data() + digits.size(), size);
    const bool numbered = digits.empty() || (code == std::errc() && end == digits.data() + digits.size());
    if (written.substr(0, start.size()) != std::string_view(start).substr(0, written.size()) || !numbered ||
        written.size() >= checkpoint_bytes(key_.name, size))
      return wrong("expected five lines of a signed checkpoint");
    unfinished_ = fmt::format("{} bytes of checkpoint {}", from_.left(), n_);
    return std::optional<Checkpoint>();
  }

  const PublicKey& key_;
  uint64_t zeros_;
  Forward from_;
  uint64_t n_ = 0, end_ = 0, last_ = 0;
  std::string unfinished_;
};

// Entries in their order, and at each size that somebody signed the root.
class Reader {
 public:
  Reader(const Opened& entries, const Opened& checkpoints, const PublicKey& key,
         const std::optional<Checkpoint>& kept, const OnEntry& on_entry, const OnCheckpoint& on_checkpoint)
      : entries_(entries),
        from_(*entries.file, entries.path, entries.size),
        checkpoints_(checkpoints, key),
        kept_(kept),
        on_entry_(on_entry),
        on_checkpoint_(on_checkpoint) {}

  Result<Contents> run() {
    BW_TRY(next_, checkpoints_.next());
    BW_CHECK(first_line());
    BW_CHECK(roots());
    while (from_.left() > 0 && out_.unfinished_entry.empty()) BW_CHECK(entry());
    BW_CHECK(missing());
    out_.n_checkpoints = checkpoints_.n();
    out_.checkpoints_end = checkpoints_.end();
    out_.unfinished_checkpoint = checkpoints_.unfinished();
    return std::move(out_);
  }

 private:
  Status first_line() {
    BW_TRY(const std::string_view found, from_.peek(kFirstLine.size()));
    const std::string_view written =
        found.substr(0, size_t(std::min<uint64_t>(entries_.zeros, found.size())));
    if (found == kFirstLine) {
      from_.skip(kFirstLine.size());
      out_.entries_end = from_.at();
    } else if (written.size() < kFirstLine.size() && kFirstLine.substr(0, written.size()) == written) {
      out_.unfinished_entry = "the first line";
    } else {
      return bad_input(fmt::format("{}: expected the first line '{}'", entries_.path,
                                   kFirstLine.substr(0, kFirstLine.size() - 1)),
                       "it is no audit log, one of a newer bitworth, or it was changed");
    }
    return {};
  }

  Status entry() {
    const uint64_t start = from_.at(), n = out_.n_entries;
    BW_TRY(const std::string_view head_bytes, from_.peek(kHeadBytes));
    const auto head = parse_head(head_bytes);
    if (!head) {
      const bool cut = from_.left() < kHeadBytes || entries_.zeros < start + kHeadBytes;
      const std::string begins = fmt::format("{:012} ", n);
      const size_t written =
          size_t(std::min<uint64_t>({entries_.zeros - start, head_bytes.size(), begins.size()}));
      if (cut && head_bytes.substr(0, written) == std::string_view(begins).substr(0, written))
        return unfinished();
      return wrong("its head does not fit its own check");
    }
    if (head->index != n) return wrong(fmt::format("found the head of entry {}", head->index));
    const uint64_t whole = kHeadBytes + head->n_bytes + 1;
    if (from_.left() < whole) return unfinished();
    BW_TRY(const std::string_view frame, from_.peek(whole));
    const std::string_view json = frame.substr(kHeadBytes, head->n_bytes);
    const Hash leaf = leaf_hash(json);
    if (leaf != head->leaf || frame.back() != '\n') {
      if (entries_.zeros < start + whole) return unfinished();
      if (leaf == head->leaf) return wrong("expected a line feed at its end");
      return wrong(fmt::format("expected leaf hash {}, its bytes give {}", hex(head->leaf), hex(leaf)));
    }
    if (on_entry_) on_entry_(n, start, leaf, json);
    out_.tree.add(leaf);
    ++out_.n_entries;
    from_.skip(whole);
    out_.entries_end = from_.at();
    return roots();
  }
  Status unfinished() {
    out_.unfinished_entry = fmt::format("{} bytes of entry {}", from_.left(), out_.n_entries);
    return {};
  }
  Error wrong(const std::string& what) const {
    return bad_input(
        fmt::format("{}: entry {} (byte {}): {}", entries_.path, out_.n_entries, from_.at(), what), kRestore);
  }

  // What is signed at this size.
  Status roots() {
    while (next_ && next_->size == out_.n_entries) {
      const std::string found = hex(out_.tree.root());
      if (next_->root != found)
        return bad_input(
            fmt::format("{}: checkpoint {} signs root {} over {} entries, those in {} give {}",
                        checkpoints_path(), checkpoints_.n() - 1, next_->root, next_->size, entries_.path,
                        found),
            "an entry before it was changed, reordered or replaced: restore the log from a copy");
      if (on_checkpoint_) on_checkpoint_(*next_);
      out_.last = std::move(next_);
      BW_TRY(next_, checkpoints_.next());
    }
    if (kept_ && kept_->size == out_.n_entries && kept_->root != hex(out_.tree.root()))
      return bad_input(
          fmt::format("{}: the kept checkpoint signs root {} over {} entries, those here give {}",
                      entries_.path, kept_->root, kept_->size, hex(out_.tree.root())),
          "this is another history than the one that was signed then: ask the owner for both");
    return {};
  }
  Status missing() {
    const auto fewer = [&](const std::string& who, uint64_t size) {
      return bad_input(
          fmt::format("{}: {} signs {} entries, {} are here{}", entries_.path, who, size, out_.n_entries,
                      out_.unfinished_entry.empty() ? "" : " and " + out_.unfinished_entry),
          "its end was cut off: restore the log from a copy");
    };
    if (next_) return fewer(fmt::format("checkpoint {}", checkpoints_.n() - 1), next_->size);
    if (kept_ && kept_->size > out_.n_entries) return fewer("the kept checkpoint", kept_->size);
    return {};
  }
  std::string checkpoints_path() const { return checkpoints_.path(); }

  const Opened& entries_;
  Forward from_;
  Checkpoints checkpoints_;
  std::optional<Checkpoint> next_;
  const std::optional<Checkpoint>& kept_;
  const OnEntry& on_entry_;
  const OnCheckpoint& on_checkpoint_;
  Contents out_;
};

}  // namespace

std::string head_text(const Head& head) {
  const std::string first = fmt::format("{:012} {:08} {} ", head.index, head.n_bytes, hex(head.leaf));
  Hash check;
  crypto_hash_sha256(check.data(), reinterpret_cast<const unsigned char*>(first.data()), first.size());
  return first + hex(check).substr(0, 8) + "\n";
}

std::optional<Head> parse_head(std::string_view text) {
  if (text.size() != kHeadBytes) return std::nullopt;
  Head head;
  std::from_chars(text.data(), text.data() + 12, head.index);
  std::from_chars(text.data() + 13, text.data() + 21, head.n_bytes);
  const auto leaf = hash_of_hex(text.substr(22, 64));
  if (!leaf) return std::nullopt;
  head.leaf = *leaf;
  if (head_text(head) != text) return std::nullopt;
  return head;
}

Result<Contents> read_log(Disk& disk, const std::string& folder, const PublicKey& key,
                          const std::optional<Checkpoint>& kept, const OnEntry& on_entry,
                          const OnCheckpoint& on_checkpoint) {
  // Checkpoints first: each was written after its entries, so a writer at work meanwhile makes no
  // contradiction.
  BW_TRY(const Opened checkpoints, open_to_read(disk, folder, kCheckpoints));
  BW_TRY(const Opened entries, open_to_read(disk, folder, kEntries));
  return Reader(entries, checkpoints, key, kept, on_entry, on_checkpoint).run();
}

Result<std::string> read_entry(DiskFile& entries, const std::string& path, uint64_t offset, uint64_t index) {
  std::string text(kHeadBytes, '\0');
  if (const int error = read_all(entries, offset, text.data(), text.size()))
    return disk_error(path, fmt::format("entry {}: cannot read", index), error);
  const auto head = parse_head(text);
  if (!head || head->index != index)
    return bad_input(
        fmt::format("{}: entry {} (byte {}): its head does not fit its own check", path, index, offset),
        kRestore);
  std::string json(head->n_bytes, '\0');
  if (const int error = read_all(entries, offset + kHeadBytes, json.data(), json.size()))
    return disk_error(path, fmt::format("entry {}: cannot read", index), error);
  if (leaf_hash(json) != head->leaf)
    return bad_input(fmt::format("{}: entry {}: expected leaf hash {}, its bytes give {}", path, index,
                                 hex(head->leaf), hex(leaf_hash(json))),
                     kRestore);
  return json;
}

}  // namespace bw::audit
