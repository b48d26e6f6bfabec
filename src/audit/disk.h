// The file operations that the log is made of, so that tests can let each of them fail or end the process at
// each of them (sqlite.org/testing.html, section 3). In: paths. Out: what the operating system says, as
// errno.
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"

namespace bw::audit {

// Any thread; two writes of overlapping bytes are the caller's to avoid.
class DiskFile {
 public:
  virtual ~DiskFile() = default;
  // Bytes moved, which may be fewer than asked for (reading: 0 at the end), or -errno.
  virtual int64_t read(uint64_t offset, char* out, size_t n) = 0;
  virtual int64_t write(uint64_t offset, std::string_view bytes) = 0;
  virtual int64_t size() = 0;  // or -errno
  // 0 or errno:
  virtual int truncate(uint64_t size) = 0;
  virtual int sync() = 0;  // fdatasync: bytes and size are on the disk
  // Written pages leave the cache, so that what is read next comes from the disk itself.
  virtual void forget() = 0;
};

class Disk {
 public:
  enum class Open {
    read,    // it must exist
    write,   // it must exist
    make,    // made empty; it may exist
    secret,  // the same with mode 0600
  };
  virtual ~Disk() = default;
  // 0 or errno:
  virtual int open(const std::string& path, Open how, std::unique_ptr<DiskFile>& out) = 0;
  // Made where it is not, and held until `out` goes. EWOULDBLOCK: another has it.
  virtual int lock(const std::string& path, std::unique_ptr<DiskFile>& out) = 0;
  virtual int rename(const std::string& from, const std::string& to) = 0;
  virtual int make_folder(const std::string& path) = 0;     // with those above it; it may exist
  virtual int sync_folder(const std::string& path) = 0;     // what was made and renamed in it is on the disk
  virtual bool locked(const std::string& path) = 0;         // somebody holds lock(path)
  virtual std::string holder(const std::string& path) = 0;  // "process 1234", or empty
};
Disk& real_disk();

// "PATH: DOING: REASON", and the next step.
Error disk_error(const std::string& path, std::string_view doing, int error);
// All of `out`, or all of `bytes`. An end of the file in the middle is EIO.
int read_all(DiskFile& file, uint64_t offset, char* out, size_t n);
int write_all(DiskFile& file, uint64_t offset, std::string_view bytes);
// A small file as a whole; at most `limit` bytes.
Result<std::string> read_file(Disk& disk, const std::string& path, uint64_t limit);
// By a temporary name, synced and renamed, so that it is there as a whole or not at all.
Status write_file(Disk& disk, const std::string& folder, const std::string& name, std::string_view bytes,
                  Disk::Open how);

}  // namespace bw::audit
