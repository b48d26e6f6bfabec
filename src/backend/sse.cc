#include "backend/sse.h"

#include <utility>

namespace bw::backend {

bool SseReader::push(std::string_view bytes, const std::function<bool(std::string_view)>& event) {
  for (const char c : bytes) {
    const bool lf_of_crlf = c == '\n' && std::exchange(after_cr_, false);
    if (lf_of_crlf) continue;
    after_cr_ = c == '\r';
    if (c == '\n' || c == '\r') {
      if (!line(event)) return false;
      continue;
    }
    line_ += c;
    if (line_.size() + data_.size() > max_event_bytes_) {
      too_large_ = true;
      return false;
    }
  }
  return true;
}

bool SseReader::finish(const std::function<bool(std::string_view)>& event) {
  if (!line_.empty() && !line(event)) return false;
  return line(event);
}

bool SseReader::line(const std::function<bool(std::string_view)>& event) {
  std::string text = std::exchange(line_, {});
  if (std::exchange(first_line_, false) && text.starts_with("\xEF\xBB\xBF")) text.erase(0, 3);
  if (text.empty()) {
    if (!std::exchange(has_data_, false)) return true;
    return event(std::exchange(data_, {}));
  }
  const size_t colon = text.find(':');
  if (text.substr(0, colon) != "data") return true;
  std::string_view value =
      colon == std::string::npos ? std::string_view() : std::string_view(text).substr(colon + 1);
  if (value.starts_with(' ')) value.remove_prefix(1);
  if (has_data_) data_ += '\n';
  has_data_ = true;
  data_ += value;
  return true;
}

}  // namespace bw::backend
