// A bounded cursor over a file: little-endian fields in order, each checked against the bytes that are left.
// In: an open file. Out: values, and at the first thing that is wrong a sticky error naming file, field and
// byte. After an error every read gives zero or nothing, so a parser may check once at the end of a group of
// fields.
#pragma once
#include <concepts>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "base/file.h"

namespace bw {

class Cursor {
 public:
  // `file` must outlive the cursor.
  explicit Cursor(const InFile& file) : file_(file), size_(file.size()) {}

  explicit operator bool() const { return !error_; }
  const Error& error() const { return *error_; }
  uint64_t at() const { return start_ + next_; }  // byte offset of the next field
  uint64_t left() const { return size_ - at(); }

  // What the following fields belong to ("key general.alignment"); stands before the field in an error.
  void inside(std::string what) { inside_ = std::move(what); }

  template <class T>
  requires std::is_arithmetic_v<T> T number(const char* field) {
    T v{};
    if (need(sizeof(T), field)) {
      std::memcpy(&v, buffer_.data() + next_, sizeof(T));
      next_ += sizeof(T);
    }
    return v;
  }
  // n bytes as text (any bytes). Nothing is allocated before n is known to be in the file.
  std::string text(uint64_t n, const char* field);

  // Records the first error; later ones are dropped. `where` is the byte offset of the field.
  void fail(const char* field, uint64_t where, std::string_view expected, std::string_view found,
            std::string next = {});

 private:
  // True when n more bytes exist; numbers (n <= 8) are then in the buffer.
  bool need(uint64_t n, const char* field) {
    if (error_) return false;
    if (n <= buffer_.size() - next_) return true;
    return refill(n, field);
  }
  bool refill(uint64_t n, const char* field);

  const InFile& file_;
  uint64_t size_;
  uint64_t start_ = 0;  // file offset of buffer_[0]
  size_t next_ = 0;     // in buffer_
  std::vector<std::byte> buffer_;
  std::string inside_;
  std::optional<Error> error_;
};

// Bytes of a file as a person can read them: control and non-ASCII bytes as \xNN, cut at 80.
std::string printable(std::string_view bytes);

}  // namespace bw
