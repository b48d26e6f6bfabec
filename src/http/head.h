// What goes out in front of a body, as bytes. In: a Response, and how the connection goes on. Out: status
// line and headers up to the empty line; pieces of a chunked body. Sources: RFC 9110 (Date 6.6.1, statuses
// without content 15.3.5 and 15.4.5), RFC 9112 (sections 4, 6, 7.1, 9.6).
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "http/http.h"

namespace bw::http {

struct Framing {
  bool http_1_0 = false;   // of the request: no chunks then, and the connection's end is the body's
  bool head_only = false;  // HEAD: every header, no body
  bool keep_alive = true;
};

// Of ASCII, whatever the locale.
constexpr bool is_letter_or_digit(unsigned char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
bool is_token_char(unsigned char c);  // of names and methods (RFC 9110, section 5.6.2)
// 1xx, 204 and 304 have none whatever the handler gave.
bool has_content(int status);
// `n_body`: length of the body; nothing: a stream. Error: a status outside 200 to 599, a header name that is
// no token, a value with CR, LF, NUL or another control character (a header in it would be the client's or
// the model's, not ours), or a header that is this layer's to set: Content-Length, Transfer-Encoding, Date,
// Connection (but "close").
Result<std::string> response_head(const Response& response, std::optional<uint64_t> n_body,
                                  const Framing& framing);
bool asks_to_close(const Response& response);

std::string chunk(std::string_view piece);  // not empty
inline constexpr std::string_view last_chunk = "0\r\n\r\n";

}  // namespace bw::http
