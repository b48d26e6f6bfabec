// Files: bounded reads by pread (never mmap), and writes that appear whole or not at all.
// In: paths. Out: bytes, or an Error that names the path and the operating system's reason.
#pragma once
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"

namespace bw {

// A file open for reading. Moves; closes itself.
class InFile {
 public:
  static Result<InFile> open(const std::string& path);
  InFile(InFile&& o) noexcept;
  InFile& operator=(InFile&& o) noexcept;
  InFile(const InFile&) = delete;
  ~InFile();
  const std::string& path() const { return path_; }
  uint64_t size() const { return size_; }
  // Fills `out` from byte `offset`; a short read is an error that names the offset.
  Status read(uint64_t offset, std::span<std::byte> out) const;
  // Tells the kernel that [offset, offset + n) will not be read again (posix_fadvise DONTNEED).
  void forget(uint64_t offset, uint64_t n) const;

 private:
  InFile(std::string path, int fd, uint64_t size) : path_(std::move(path)), fd_(fd), size_(size) {}
  std::string path_;
  int fd_ = -1;
  uint64_t size_ = 0;
};

// Writes to PATH.tmp.PID; commit() does fsync and rename; destroyed without commit, it removes the temporary.
class OutFile {
 public:
  static Result<OutFile> create(const std::string& path);
  OutFile(OutFile&& o) noexcept;
  OutFile(const OutFile&) = delete;
  ~OutFile();
  Status write(std::span<const std::byte> bytes);  // appends
  Status write(std::string_view text);
  uint64_t position() const { return position_; }
  Status commit();

 private:
  OutFile(std::string path, std::string temporary, int fd)
      : path_(std::move(path)), temporary_(std::move(temporary)), fd_(fd) {}
  std::string path_, temporary_;
  int fd_ = -1;
  uint64_t position_ = 0;
};

// Whole small file as text; refuses above `limit` bytes.
Result<std::string> read_text(const std::string& path, uint64_t limit = 64u << 20);
Status write_text(const std::string& path, std::string_view text);  // by OutFile
// ${XDG_CACHE_HOME:-~/.cache}/bitworth
std::string cache_dir();
Status make_dirs(const std::string& path);

}  // namespace bw
