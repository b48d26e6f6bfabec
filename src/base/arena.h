// Memory taken from the operating system in one piece: 2 MiB aligned, huge pages asked for, every page
// touched. In: a size. Out: zeroed bytes that are resident from the start, so that what is planned is what is
// measured and a machine too small says so before work begins, not in the middle of it.
#pragma once
#include <cstddef>
#include <cstdint>
#include <utility>

#include "base/result.h"

namespace bw {

class ThreadPool;

class Arena {
 public:
  Arena() = default;
  // Error (failed) where the system has not that much address space. `what` names the use: "weights". The
  // kernel zeroes a page when it is touched, which takes as long as reading a cached file: with `pool` its
  // threads share that.
  static Result<Arena> make(const char* what, uint64_t n_bytes, ThreadPool* pool = nullptr);
  Arena(Arena&& o) noexcept : data_(std::exchange(o.data_, nullptr)), size_(std::exchange(o.size_, 0)) {}
  Arena& operator=(Arena&& o) noexcept {
    std::swap(data_, o.data_);
    std::swap(size_, o.size_);
    return *this;
  }
  ~Arena();
  std::byte* data() const { return data_; }
  uint64_t size() const { return size_; }  // as asked for, rounded up to 4 KiB
  static uint64_t rounded(uint64_t n_bytes) { return (n_bytes + 4095) & ~uint64_t{4095}; }

 private:
  std::byte* data_ = nullptr;
  uint64_t size_ = 0;
};

}  // namespace bw
