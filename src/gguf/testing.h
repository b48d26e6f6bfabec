// For tests and fuzzers of this folder: bytes in memory under a path that open() takes, and GGUF bytes by
// hand.
#pragma once
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

namespace bw::gguf::testing {

// The largest single allocation of this test program since it was last set to zero (allocation_test.cc).
extern size_t largest_allocation;

// A file that exists only in memory (memfd_create), at path().
class MemoryFile {
 public:
  explicit MemoryFile(std::string_view bytes) : fd_(::memfd_create("gguf", MFD_CLOEXEC)) { set(bytes); }
  ~MemoryFile() { ::close(fd_); }
  MemoryFile(const MemoryFile&) = delete;
  void set(std::string_view bytes) {
    good_ = ::ftruncate(fd_, 0) == 0 &&
            ::pwrite(fd_, bytes.data(), bytes.size(), 0) == static_cast<ssize_t>(bytes.size());
  }
  bool grow(uint64_t n_bytes) { return ::ftruncate(fd_, static_cast<off_t>(n_bytes)) == 0; }
  bool good() const { return good_; }
  std::string path() const { return "/proc/self/fd/" + std::to_string(fd_); }

 private:
  int fd_;
  bool good_ = false;
};

// GGUF written field by field from the specification, apart from writer.cc, so that any field can lie.
struct Bytes {
  std::string out;
  struct Field {
    const char* name;
    size_t at;
    size_t n_bytes;
  };
  std::vector<Field> fields;  // every integer written

  template <class T>
  Bytes& put(const char* name, T v) {
    fields.push_back({name, out.size(), sizeof v});
    char raw[sizeof v];
    std::memcpy(raw, &v, sizeof v);
    out.append(raw, sizeof v);
    return *this;
  }
  Bytes& u8(const char* name, uint8_t v) { return put(name, v); }
  Bytes& u16(const char* name, uint16_t v) { return put(name, v); }
  Bytes& u32(const char* name, uint32_t v) { return put(name, v); }
  Bytes& u64(const char* name, uint64_t v) { return put(name, v); }
  Bytes& text(const char* name, std::string_view s) {
    u64(name, s.size());
    out.append(s);
    return *this;
  }
  Bytes& head(uint64_t n_tensors, uint64_t n_kv, uint32_t version = 3) {
    out.append("GGUF");
    return u32("version", version).u64("n_tensors", n_tensors).u64("n_kv", n_kv);
  }
  Bytes& key(std::string_view k, uint32_t type) { return text("key length", k).u32("value type", type); }
  Bytes& tensor(std::string_view name, const std::vector<uint64_t>& ne, uint32_t type, uint64_t offset) {
    text("name length", name).u32("n_dims", static_cast<uint32_t>(ne.size()));
    for (const uint64_t n : ne) u64("ne", n);
    return u32("ggml type", type).u64("offset", offset);
  }
  Bytes& pad(size_t alignment = 32) {
    out.append((alignment - out.size() % alignment) % alignment, '\0');
    return *this;
  }
  Bytes& data(size_t n) {
    out.append(n, '\1');
    return *this;
  }
};

// Two keys of each shape the format has, three tensors: a whole valid file.
inline Bytes small_file() {
  Bytes b;
  b.head(3, 8);
  b.key("general.architecture", 8).text("value length", "llama");
  b.key("general.alignment", 4).u32("alignment", 32);
  b.key("a.bool", 7).u8("bool", 1);
  b.key("a.i16", 3).u16("i16", 7);
  b.key("a.f32", 6).put("f32", 1.5f);
  b.key("a.texts", 9)
      .u32("element type", 8)
      .u64("count", 2)
      .text("element length", "one")
      .text("element length", "");
  b.key("a.ints", 9).u32("element type", 5).u64("count", 3).u32("i32", 1).u32("i32", 2).u32("i32", 3);
  b.key("a.u64", 10).u64("u64", 1ull << 40);
  b.tensor("token_embd.weight", {32, 3}, 2, 0);  // Q4_0: 54 bytes
  b.tensor("norm.weight", {5}, 0, 64);           // F32: 20 bytes
  b.tensor("x.weight", {2, 2, 2, 2}, 1, 96);     // F16: 32 bytes
  b.pad().data(128);
  return b;
}

}  // namespace bw::gguf::testing
