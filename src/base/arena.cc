#include "base/arena.h"

#include <fmt/format.h>
#include <sys/mman.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/thread_pool.h"

namespace bw {
namespace {
constexpr uint64_t huge_page = uint64_t{2} << 20;

void touch(std::byte* data, uint64_t n_bytes) {
  for (uint64_t at = 0; at < n_bytes; at += 4096)
    *reinterpret_cast<volatile std::byte*>(data + at) = std::byte{0};
}

}  // namespace

Result<Arena> Arena::make(const char* what, uint64_t n_bytes, ThreadPool* pool) {
  Arena a;
  if (n_bytes == 0) return a;
  const uint64_t size = rounded(n_bytes);
  // More address space than needed, then the ends given back: mmap aligns to 4 KiB only.
  const uint64_t span = size + huge_page;
  void* p = size < n_bytes || span < size
                ? MAP_FAILED
                : ::mmap(nullptr, span, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (p == MAP_FAILED)
    return failed(fmt::format("{}: cannot have {:.1f} MiB of memory: {}", what,
                              static_cast<double>(n_bytes) / (1 << 20), std::strerror(errno)),
                  "choose a smaller file, context or number of sequences, or free memory");
  auto* start = static_cast<std::byte*>(p);
  const uint64_t skip = (huge_page - reinterpret_cast<uintptr_t>(start) % huge_page) % huge_page;
  if (skip > 0) ::munmap(start, skip);
  if (span - skip - size > 0) ::munmap(start + skip + size, span - skip - size);
  a.data_ = start + skip;
  a.size_ = size;
  ::madvise(a.data_, size, MADV_HUGEPAGE);  // a wish: without it the bytes are the same, only slower
  if (!pool) {
    touch(a.data_, size);
    return a;
  }
  const uint64_t n_pages = (size + huge_page - 1) / huge_page;
  pool->run([&](int thread) {
    const Range r = share(n_pages, thread, pool->size());
    if (r.begin < r.end)
      touch(a.data_ + r.begin * huge_page, std::min(r.end * huge_page, size) - r.begin * huge_page);
  });
  return a;
}

Arena::~Arena() {
  if (data_) ::munmap(data_, size_);
}

}  // namespace bw
