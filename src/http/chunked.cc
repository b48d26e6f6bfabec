#include "http/chunked.h"

#include <algorithm>

#include "http/head.h"

namespace bw::http {
namespace {

const Refusal malformed{400, "the chunked body is malformed"};
const Refusal too_long{400, "a line of the chunked body, or its trailer, is too long"};

int hex(unsigned char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}
bool is_text(unsigned char c) {
  return c == '\t' || (c >= 0x20 && c != 0x7f);
}

}  // namespace

std::optional<Refusal> ChunkedBody::feed(std::string_view& bytes, std::string& body) {
  while (!bytes.empty() && at_ != At::end) {
    if (at_ == At::data) {
      const size_t n = static_cast<size_t>(std::min<uint64_t>(left_, bytes.size()));
      body.append(bytes.substr(0, n));
      bytes.remove_prefix(n);
      left_ -= n;
      if (left_ == 0) at_ = At::data_cr;
      continue;
    }
    if (auto why = step(static_cast<unsigned char>(bytes[0]))) return why;
    bytes.remove_prefix(1);
  }
  return {};
}

std::optional<Refusal> ChunkedBody::size_digit(unsigned char c) {
  if (n_digits_ == 16) return malformed;  // more would not fit
  left_ = left_ * 16 + static_cast<uint64_t>(hex(c));
  ++n_digits_;
  return {};
}

std::optional<Refusal> ChunkedBody::step(unsigned char c) {
  if (++n_line_ > max_line_) return too_long;
  switch (at_) {
    case At::size:
      if (hex(c) >= 0) return size_digit(c);
      if (n_digits_ == 0) return malformed;
      [[fallthrough]];
    case At::extension:
      if (c == '\r') {
        at_ = At::size_end;
        return {};
      }
      if (!is_text(c) || (at_ == At::size && c != ';' && c != ' ' && c != '\t')) return malformed;
      at_ = At::extension;
      return {};
    case At::size_end:
      if (c != '\n') return malformed;
      if (left_ > max_body_ - n_total_) return Refusal{413, "the body is longer than this server takes"};
      n_total_ += left_;
      at_ = left_ > 0 ? At::data : At::trailer;
      n_digits_ = n_line_ = 0;
      n_name_ = 0;
      in_name_ = true;
      return {};
    case At::data_cr:
      at_ = At::data_lf;
      return c == '\r' ? std::nullopt : std::optional(malformed);
    case At::data_lf:
      at_ = At::size;
      n_line_ = 0;
      return c == '\n' ? std::nullopt : std::optional(malformed);
    case At::trailer:
      if (c == '\r') {
        if (in_name_ && n_name_ > 0) return malformed;  // no colon
        at_ = in_name_ ? At::last_lf : At::trailer_end;
      } else if (!in_name_) {
        if (!is_text(c)) return malformed;
      } else if (c == ':' && n_name_ > 0) {
        in_name_ = false;
      } else if (!is_token_char(c)) {
        return malformed;
      } else {
        ++n_name_;
      }
      return {};
    case At::trailer_end:
      at_ = At::trailer;
      in_name_ = true;
      n_name_ = 0;
      return c == '\n' ? std::nullopt : std::optional(malformed);
    case At::last_lf:
      at_ = At::end;
      return c == '\n' ? std::nullopt : std::optional(malformed);
    case At::data:
    case At::end:
      break;
  }
  return malformed;
}

}  // namespace bw::http
