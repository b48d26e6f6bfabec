#include "audit/disk.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "base/file.h"

namespace bw::audit {
namespace {

// A call that a signal interrupted is made again.
template <class F>
auto again(F&& call) {
  for (;;) {
    const auto result = call();
    if (result >= 0 || errno != EINTR) return result;
  }
}
int code(int result) {
  return result < 0 ? errno : 0;
}

class RealFile : public DiskFile {
 public:
  explicit RealFile(int fd) : fd_(fd) {}
  ~RealFile() override { ::close(fd_); }
  int64_t read(uint64_t offset, char* out, size_t n) override {
    const ssize_t got = again([&] { return ::pread(fd_, out, n, static_cast<off_t>(offset)); });
    return got < 0 ? -errno : got;
  }
  int64_t write(uint64_t offset, std::string_view bytes) override {
    const ssize_t put =
        again([&] { return ::pwrite(fd_, bytes.data(), bytes.size(), static_cast<off_t>(offset)); });
    return put < 0 ? -errno : put;
  }
  int64_t size() override {
    struct stat st {};
    if (::fstat(fd_, &st) != 0) return -errno;
    return S_ISREG(st.st_mode) ? st.st_size : -EINVAL;
  }
  int truncate(uint64_t size) override {
    return code(again([&] { return ::ftruncate(fd_, static_cast<off_t>(size)); }));
  }
  int sync() override {
    return code(again([&] { return ::fdatasync(fd_); }));
  }
  void forget() override { ::posix_fadvise(fd_, 0, 0, POSIX_FADV_DONTNEED); }

 private:
  int fd_;
};

class RealDisk : public Disk {
 public:
  int open(const std::string& path, Open how, std::unique_ptr<DiskFile>& out) override {
    int flags = O_CLOEXEC | (how == Open::read ? O_RDONLY : O_RDWR);
    if (how == Open::make || how == Open::secret) flags |= O_CREAT | O_TRUNC;
    return take(again([&] { return ::open(path.c_str(), flags, how == Open::secret ? 0600 : 0644); }), out);
  }
  int lock(const std::string& path, std::unique_ptr<DiskFile>& out) override {
    const int fd = again([&] { return ::open(path.c_str(), O_CLOEXEC | O_RDWR | O_CREAT, 0644); });
    if (const int error = take(fd, out)) return error;
    int error = EWOULDBLOCK;
    // locked() of a reader holds it for a moment: that is no writer.
    for (int attempt = 0; attempt < 5 && error == EWOULDBLOCK; ++attempt) {
      if (attempt) ::usleep(2000);
      error = code(again([&] { return ::flock(fd, LOCK_EX | LOCK_NB); }));
    }
    if (error) out.reset();
    return error;
  }
  int rename(const std::string& from, const std::string& to) override {
    return code(::rename(from.c_str(), to.c_str()));
  }
  int make_folder(const std::string& path) override {
    std::error_code ec;
    std::filesystem::create_directories(path, ec);
    return ec.value();
  }
  int sync_folder(const std::string& path) override {
    const int fd = again([&] { return ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC); });
    if (fd < 0) return errno;
    const int error = code(again([&] { return ::fsync(fd); }));
    ::close(fd);
    return error;
  }
  bool locked(const std::string& path) override {
    const int fd = again([&] { return ::open(path.c_str(), O_RDONLY | O_CLOEXEC); });
    if (fd < 0) return false;
    const bool held = ::flock(fd, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
    ::close(fd);
    return held;
  }
  // From the kernel's table, so that the file itself stays empty: it is no part of what is proved.
  std::string holder(const std::string& path) override {
    struct stat st {};
    if (::stat(path.c_str(), &st) != 0) return {};
    const std::string wanted =
        fmt::format(" {:02x}:{:02x}:{} ", major(st.st_dev), minor(st.st_dev), st.st_ino);
    std::string table;
    std::unique_ptr<DiskFile> file;
    if (open("/proc/locks", Open::read, file) != 0) return {};
    char buffer[4096];
    for (int64_t n; (n = file->read(table.size(), buffer, sizeof buffer)) > 0;)
      table.append(buffer, size_t(n));
    const size_t at = table.find(wanted);
    if (at == std::string::npos) return {};
    const size_t space = table.rfind(' ', at - 1);
    const std::string pid = table.substr(space + 1, at - space - 1);
    return pid == "0" || pid == "-1" ? std::string() : "process " + pid;  // 0: of another container
  }

 private:
  static int take(int fd, std::unique_ptr<DiskFile>& out) {
    if (fd < 0) return errno;
    out = std::make_unique<RealFile>(fd);
    return 0;
  }
};

}  // namespace

Disk& real_disk() {
  static RealDisk disk;
  return disk;
}

Error disk_error(const std::string& path, std::string_view doing, int error) {
  const std::string what = fmt::format("{}: {}: {}", path, doing, std::strerror(error));
  switch (error) {
    case ENOENT:
    case ENOTDIR:
      return bad_input(what, "bitworth audit init FOLDER makes a log");
    case ENOSPC:
    case EDQUOT:
      return failed(what, "free space on that disk; the log then takes entries again");
    case EACCES:
    case EPERM:
    case EROFS:
      return failed(what, "check who may read and write that folder");
    default:
      return failed(what, "check that disk (dmesg)");
  }
}

int read_all(DiskFile& file, uint64_t offset, char* out, size_t n) {
  for (size_t done = 0; done < n;) {
    const int64_t got = file.read(offset + done, out + done, n - done);
    if (got < 0) return int(-got);
    if (got == 0) return EIO;
    done += size_t(got);
  }
  return 0;
}

int write_all(DiskFile& file, uint64_t offset, std::string_view bytes) {
  while (!bytes.empty()) {
    const int64_t put = file.write(offset, bytes);
    if (put < 0) return int(-put);
    if (put == 0) return ENOSPC;
    offset += uint64_t(put);
    bytes.remove_prefix(size_t(put));
  }
  return 0;
}

Result<std::string> read_file(Disk& disk, const std::string& path, uint64_t limit) {
  std::unique_ptr<DiskFile> file;
  if (const int error = disk.open(path, Disk::Open::read, file))
    return disk_error(path, "cannot open", error);
  const int64_t n = file->size();
  if (n < 0) return disk_error(path, "cannot stat", int(-n));
  if (uint64_t(n) > limit) return bad_input(fmt::format("{}: {} bytes, expected at most {}", path, n, limit));
  std::string out(size_t(n), '\0');
  if (const int error = read_all(*file, 0, out.data(), out.size()))
    return disk_error(path, "cannot read", error);
  return out;
}

Status write_file(Disk& disk, const std::string& folder, const std::string& name, std::string_view bytes,
                  Disk::Open how) {
  const std::string path = folder + "/" + name, temporary = path + ".new";
  std::unique_ptr<DiskFile> file;
  if (const int error = disk.open(temporary, how, file)) return disk_error(path, "cannot make it", error);
  if (const int error = write_all(*file, 0, bytes)) return disk_error(path, "cannot write", error);
  if (const int error = file->sync()) return disk_error(path, "cannot sync", error);
  file.reset();
  if (const int error = disk.rename(temporary, path))
    return disk_error(path, "cannot rename into place", error);
  if (const int error = disk.sync_folder(folder)) return disk_error(folder, "cannot sync", error);
  return {};
}

}  // namespace bw::audit
