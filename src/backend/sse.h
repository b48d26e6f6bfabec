// Server-sent events as they come over the wire, cut anywhere. In: bytes. Out: the data of each event.
// Source: WHATWG HTML, section 9.2.6 (lines end with LF, CR or CRLF; comments and other fields are skipped; a
// byte order mark too).
#pragma once
#include <functional>
#include <string>
#include <string_view>

namespace bw::backend {

class SseReader {
 public:
  explicit SseReader(size_t max_event_bytes = 1u << 20) : max_event_bytes_(max_event_bytes) {}
  // `event` is called for each complete event that has data; false from it ends the call. False: so it ended,
  // or an event is larger than allowed (too_large()).
  bool push(std::string_view bytes, const std::function<bool(std::string_view data)>& event);
  // The stream has ended. An event without its empty line is taken all the same: some senders leave out the
  // last one.
  bool finish(const std::function<bool(std::string_view data)>& event);
  bool too_large() const { return too_large_; }

 private:
  bool line(const std::function<bool(std::string_view)>& event);

  const size_t max_event_bytes_;
  std::string line_, data_;
  bool has_data_ = false, after_cr_ = false, first_line_ = true, too_large_ = false;
};

}  // namespace bw::backend
