#include "text/marked_text.h"

#include <algorithm>

namespace bw::text {

MarkedText MarkedText::as_escaped() const {
  MarkedText out = *this;
  out.escaped_ = true;
  return out;
}

MarkedText MarkedText::escape() const {
  if (escaped_) return *this;
  MarkedText out;
  for (size_t at = 0; at < size();) {
    const size_t next = std::min(bytes_.find_first_of("&<>'\"", at), size());
    out.append(slice(at, next));
    if (next == size()) break;
    const bool trusted = trusted_at(next);
    switch (bytes_[next]) {
      case '&':
        out.append("&amp;", trusted);
        break;
      case '<':
        out.append("&lt;", trusted);
        break;
      case '>':
        out.append("&gt;", trusted);
        break;
      case '\'':
        out.append("&#39;", trusted);
        break;
      default:
        out.append("&#34;", trusted);
    }
    at = next + 1;
  }
  return out.as_escaped();
}

void MarkedText::append(std::string_view bytes, bool trusted) {
  escaped_ = false;
  if (bytes.empty()) return;
  if (bytes_.empty())
    first_ = trusted;
  else if (trusted != (first_ != (cuts_.size() % 2 == 1)))
    cuts_.push_back(bytes_.size());
  bytes_ += bytes;
}

void MarkedText::append(const MarkedText& other) {
  escaped_ = false;
  size_t begin = 0;
  bool trusted = other.first_;
  for (size_t i = 0; i <= other.cuts_.size(); ++i) {
    const size_t end = i < other.cuts_.size() ? other.cuts_[i] : other.bytes_.size();
    append(std::string_view(other.bytes_).substr(begin, end - begin), trusted);
    trusted = !trusted;
    begin = end;
  }
}

bool MarkedText::trusted_at(size_t byte) const {
  const auto n = std::upper_bound(cuts_.begin(), cuts_.end(), byte) - cuts_.begin();
  return first_ != (n % 2 == 1);
}

MarkedText MarkedText::slice(size_t begin, size_t end) const {
  if (begin >= end) return {};
  MarkedText out(bytes_.substr(begin, end - begin), trusted_at(begin));
  for (auto cut = std::upper_bound(cuts_.begin(), cuts_.end(), begin); cut != cuts_.end() && *cut < end;
       ++cut)
    out.cuts_.push_back(*cut - begin);
  return out;
}

std::vector<std::pair<size_t, size_t>> MarkedText::trusted_ranges() const {
  std::vector<std::pair<size_t, size_t>> out;
  size_t begin = 0;
  bool trusted = first_;
  for (size_t i = 0; i <= cuts_.size(); ++i) {
    const size_t end = i < cuts_.size() ? cuts_[i] : bytes_.size();
    if (trusted && end > begin) out.emplace_back(begin, end);
    trusted = !trusted;
    begin = end;
  }
  return out;
}

}  // namespace bw::text
