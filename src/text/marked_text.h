// Text in which every byte knows whether the template wrote it (trusted) or the caller did.
// In: bytes with their mark. Out: the same through joining and cutting; the marks never change sides.
#pragma once
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace bw::text {

class MarkedText {
 public:
  MarkedText() = default;
  MarkedText(std::string bytes, bool trusted) : bytes_(std::move(bytes)), first_(trusted) {}

  const std::string& bytes() const { return bytes_; }
  size_t size() const { return bytes_.size(); }
  bool empty() const { return bytes_.empty(); }

  // Jinja's Markup: what the filter `safe` gives, whose operators escape < > & ' \" of what they join it
  // with.
  bool escaped() const { return escaped_; }
  MarkedText as_escaped() const;  // the same bytes, said to be escaped
  MarkedText escape() const;  // HTML's five characters written out, each with its mark, said to be escaped

  // What grows is not said to be escaped.
  void append(const MarkedText& other);
  void append(std::string_view bytes, bool trusted);
  // Bytes [begin, end), end <= size().
  MarkedText slice(size_t begin, size_t end) const;
  bool trusted_at(size_t byte) const;
  // [begin, end) byte ranges of the trusted parts, in order, neither overlapping nor touching.
  std::vector<std::pair<size_t, size_t>> trusted_ranges() const;

 private:
  // The mark of byte 0 is first_ and it flips at every cut: most texts have one owner and need no vector.
  std::string bytes_;
  std::vector<size_t> cuts_;  // ascending, each in (0, size())
  bool first_ = false;
  bool escaped_ = false;
};

}  // namespace bw::text
