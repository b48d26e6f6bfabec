#include "base/cursor.h"

#include <fmt/format.h>

#include <algorithm>

namespace bw {
namespace {
constexpr size_t window = 1u << 20;  // one read of this size costs about as much as a small one
}

bool Cursor::refill(uint64_t n, const char* field) {
  if (n > left()) {
    fail(field, at(), fmt::format("{} bytes", n), fmt::format("{} left in the file", left()),
         "the file is truncated or its lengths lie: fetch it again and compare its size and SHA-256");
    return false;
  }
  start_ += next_;
  next_ = 0;
  buffer_.resize(static_cast<size_t>(std::min<uint64_t>(window, size_ - start_)));
  if (auto read = file_.read(start_, buffer_); !read) {
    error_ = std::move(read.error());
    buffer_.clear();
    return false;
  }
  return true;
}

std::string Cursor::text(uint64_t n, const char* field) {
  if (!need(n, field)) return {};
  std::string out(static_cast<size_t>(n), '\0');
  const size_t here = std::min<size_t>(out.size(), buffer_.size() - next_);
  std::memcpy(out.data(), buffer_.data() + next_, here);
  next_ += here;
  if (here < out.size()) {  // longer than the window: the rest straight from the file
    const auto rest = std::as_writable_bytes(std::span(out.data() + here, out.size() - here));
    if (auto read = file_.read(at(), rest); !read) {
      error_ = std::move(read.error());
      return {};
    }
    start_ = at() + rest.size();
    next_ = 0;
    buffer_.clear();
  }
  return out;
}

void Cursor::fail(const char* field, uint64_t where, std::string_view expected, std::string_view found,
                  std::string next) {
  if (error_) return;
  error_ = bad_input(fmt::format("{}: {}{}{} at byte {}: expected {}, found {}", file_.path(), inside_,
                                 inside_.empty() ? "" : ", ", field, where, expected, found),
                     std::move(next));
}

std::string printable(std::string_view bytes) {
  constexpr size_t most = 80;
  std::string out;
  for (const char c : bytes.substr(0, most)) {
    if (c >= 0x20 && c < 0x7F)
      out += c;
    else
      out += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
  }
  if (bytes.size() > most) out += "...";
  return out;
}

}  // namespace bw
