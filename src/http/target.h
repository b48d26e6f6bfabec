// The target of a request, taken apart. In: its bytes as sent. Out: a decoded path, query and, in absolute
// form, the authority; or what is wrong with it. Sources: RFC 3986; RFC 9112, section 3.2 (forms of a
// target).
#pragma once
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace bw::http {

struct Target {
  std::string path;                                        // percent-decoded; "*" of OPTIONS
  std::vector<std::pair<std::string, std::string>> query;  // decoded, '+' as a space, in order, repeats kept
  std::string authority;                                   // absolute form only: "host:port"
};

// Refused: bytes outside printable ASCII, a fragment, a malformed or cut %XX, a path that decodes to a
// control character, to bytes that are no UTF-8 or to a segment "." or "..", a query that decodes to NUL or
// no UTF-8.
Result<Target> parse_target(std::string_view target);

}  // namespace bw::http
