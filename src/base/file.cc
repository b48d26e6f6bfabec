#include "base/file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>

namespace bw {
namespace {
Error os_error(const std::string& path, const char* doing, std::string next = {}) {
  const int e = errno;
  const Code code = (e == ENOENT || e == EISDIR || e == ENOTDIR) ? Code::bad_input : Code::failed;
  if (e == ENOSPC && next.empty()) next = "free some space there and run the same command again";
  return {code, fmt::format("{}: {}: {}", path, doing, std::strerror(e)), std::move(next)};
}
}  // namespace

Result<InFile> InFile::open(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0)
    return os_error(path, "cannot open", "check the path; `bitworth models` lists the files found here");
  struct stat st {};
  if (::fstat(fd, &st) != 0) {
    Error e = os_error(path, "cannot stat");
    ::close(fd);
    return e;
  }
  if (!S_ISREG(st.st_mode)) {
    ::close(fd);
    return bad_input(fmt::format("{}: expected a regular file", path),
                     "name a file, not a folder or a device");
  }
  return InFile(path, fd, static_cast<uint64_t>(st.st_size));
}
InFile::InFile(InFile&& o) noexcept
    : path_(std::move(o.path_)), fd_(std::exchange(o.fd_, -1)), size_(o.size_) {}
InFile& InFile::operator=(InFile&& o) noexcept {
  std::swap(path_, o.path_);
  std::swap(fd_, o.fd_);
  std::swap(size_, o.size_);
  return *this;
}
InFile::~InFile() {
  if (fd_ >= 0) ::close(fd_);
}
Status InFile::read(uint64_t offset, std::span<std::byte> out) const {
  size_t done = 0;
  while (done < out.size()) {
    const ssize_t n = ::pread(fd_, out.data() + done, out.size() - done, static_cast<off_t>(offset + done));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return os_error(path_, "read failed");
    if (n == 0)
      return bad_input(
          fmt::format("{}: ends at byte {}, expected {} more", path_, offset + done, out.size() - done),
          "the file is truncated: fetch it again and compare its SHA-256");
    done += static_cast<size_t>(n);
  }
  return {};
}
void InFile::forget(uint64_t offset, uint64_t n) const {
  ::posix_fadvise(fd_, static_cast<off_t>(offset), static_cast<off_t>(n), POSIX_FADV_DONTNEED);
}

Result<OutFile> OutFile::create(const std::string& path) {
  if (std::error_code ec; std::filesystem::is_directory(path, ec))
    return bad_input(fmt::format("{}: is a folder, expected the name of a file to write", path));
  std::string temporary = fmt::format("{}.tmp.{}", path, ::getpid());
  const int fd = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (fd < 0) return os_error(path, "cannot create", "choose a folder that exists and can be written to");
  return OutFile(path, std::move(temporary), fd);
}
OutFile::OutFile(OutFile&& o) noexcept
    : path_(std::move(o.path_)),
      temporary_(std::move(o.temporary_)),
      fd_(std::exchange(o.fd_, -1)),
      position_(o.position_) {}
OutFile::~OutFile() {
  if (fd_ < 0) return;
  ::close(fd_);
  ::unlink(temporary_.c_str());
}
Status OutFile::write(std::span<const std::byte> bytes) {
  size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t n = ::write(fd_, bytes.data() + done, bytes.size() - done);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return os_error(path_, "write failed");
    done += static_cast<size_t>(n);
  }
  position_ += bytes.size();
  return {};
}
Status OutFile::write(std::string_view text) {
  return write(std::as_bytes(std::span(text.data(), text.size())));
}
Status OutFile::commit() {
  if (::fsync(fd_) != 0) return os_error(path_, "fsync failed");
  const int fd = std::exchange(fd_, -1);
  if (::close(fd) != 0 || ::rename(temporary_.c_str(), path_.c_str()) != 0) {
    Error e = os_error(path_, "cannot rename into place");
    ::unlink(temporary_.c_str());
    return e;
  }
  // The rename is durable once the folder is.
  const std::string dir = std::filesystem::path(path_).parent_path().string();
  const int d = ::open(dir.empty() ? "." : dir.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (d >= 0) {
    ::fsync(d);
    ::close(d);
  }
  return {};
}

Result<std::string> read_text(const std::string& path, uint64_t limit) {
  BW_TRY(InFile f, InFile::open(path));
  if (f.size() > limit)
    return bad_input(fmt::format("{}: {} bytes, expected at most {}", path, f.size(), limit));
  std::string out(f.size(), '\0');
  BW_CHECK(f.read(0, std::as_writable_bytes(std::span(out.data(), out.size()))));
  return out;
}
Status write_text(const std::string& path, std::string_view text) {
  BW_TRY(OutFile f, OutFile::create(path));
  BW_CHECK(f.write(text));
  return f.commit();
}
std::string cache_dir() {
  if (const char* x = std::getenv("XDG_CACHE_HOME"); x && *x) return std::string(x) + "/bitworth";
  const char* home = std::getenv("HOME");
  return std::string(home && *home ? home : "/tmp") + "/.cache/bitworth";
}
Status make_dirs(const std::string& path) {
  std::error_code ec;
  std::filesystem::create_directories(path, ec);
  if (ec) return failed(fmt::format("{}: cannot create the folder: {}", path, ec.message()));
  return {};
}

}  // namespace bw
