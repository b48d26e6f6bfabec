// A chunked body, decoded as it comes, byte by byte, so that nothing depends on how it was cut. In: bytes.
// Out: the body; extensions and trailers are checked and dropped. Source: RFC 9112, section 7.1. Ours and not
// Beast's: Beast 1.81 asserts where "0 CR LF" and the rest of an empty body come apart, and reads a quoted
// extension past the end of its line.
#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "http/parse.h"

namespace bw::http {

class ChunkedBody {
 public:
  ChunkedBody(size_t max_line_bytes, size_t max_body_bytes)
      : max_line_(max_line_bytes), max_body_(max_body_bytes) {}
  // Takes from the front of `bytes` what belongs to the body and appends to `body`. After a refusal: not to
  // be called.
  std::optional<Refusal> feed(std::string_view& bytes, std::string& body);
  bool done() const { return at_ == At::end; }

 private:
  enum class At { size, extension, size_end, data, data_cr, data_lf, trailer, trailer_end, last_lf, end };
  std::optional<Refusal> step(unsigned char c);
  std::optional<Refusal> size_digit(unsigned char c);

  const size_t max_line_, max_body_;
  At at_ = At::size;
  uint64_t left_ = 0;    // of the chunk: first its size, as read so far
  size_t n_digits_ = 0;  // of that
  size_t n_line_ = 0;    // bytes of this line; of all trailers together
  size_t n_name_ = 0;    // of a trailer's name; no more counted behind its colon
  bool in_name_ = true;
  uint64_t n_total_ = 0;
};

}  // namespace bw::http
