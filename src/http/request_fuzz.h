// What the fuzzer does with one input, and the replay test with each file of fuzz/corpus/http: the bytes of a
// connection through the parser, whole and in pieces, which must agree in every request and in the refusal.
// The first byte is the seed of the pieces. Out: requests that came; a trap is the finding.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "http/parse.h"
#include "text/utf8.h"

namespace bw::http::testing {

struct Seen {
  std::vector<Request> requests;
  std::vector<bool> keep_alive;
  Parser::State end = Parser::State::idle;
  int status = 0;
  std::string what;
};

inline const Options& fuzz_options() {
  static const Options options = [] {
    Options o;
    o.max_header_bytes = 512;
    o.max_body_bytes = 256;
    o.max_headers = 8;
    return o;
  }();
  return options;
}

inline void check_request(const Request& r) {
  const auto require = [](bool holds) {
    if (!holds) __builtin_trap();
  };
  require(!r.method.empty() && r.body.size() <= fuzz_options().max_body_bytes);
  require(r.path == "*" || (!r.path.empty() && r.path[0] == '/'));
  require(text::find_invalid_utf8(r.path) == std::string_view::npos);
  require(("/" + r.path + "/").find("/../") == std::string::npos);
  for (const unsigned char c : r.path) require(c >= 0x20 && c != 0x7f);
  size_t n_length = 0, n_encoding = 0;
  require(r.headers.size() <= fuzz_options().max_headers);
  for (const auto& [name, value] : r.headers) {
    for (const unsigned char c : name) require(c > 0x20 && c < 0x7f && c != ':' && !(c >= 'A' && c <= 'Z'));
    require(value.find_first_of(std::string_view("\r\n\0", 3)) == std::string::npos);
    n_length += name == "content-length";
    n_encoding += name == "transfer-encoding";
  }
  require(n_length + n_encoding <= 1);
  require(n_length + n_encoding == 1 || r.body.empty());
}

// `piece` gives the length of the next piece.
template <class Piece>
Seen read_all(std::string_view bytes, Piece&& piece) {
  Seen seen;
  Parser parser(fuzz_options());
  const auto drain = [&] {
    while (parser.state() == Parser::State::done) {
      seen.keep_alive.push_back(parser.keep_alive());
      seen.requests.push_back(parser.take());
      check_request(seen.requests.back());
      parser.next();
    }
  };
  while (!bytes.empty()) {
    const size_t n = std::min<size_t>(bytes.size(), piece());
    parser.feed(bytes.substr(0, n));
    bytes.remove_prefix(n);
    drain();
    if (parser.n_waiting() > fuzz_options().max_header_bytes + n) __builtin_trap();  // memory is bounded
  }
  seen.end = parser.state();
  if (seen.end == Parser::State::refused) {
    seen.status = parser.refusal().status;
    seen.what = parser.refusal().what;
    if (seen.status < 400 || seen.what.empty()) __builtin_trap();
  }
  return seen;
}

inline size_t parse_one(std::string_view input) {
  if (input.empty()) return 0;
  uint32_t seed = static_cast<unsigned char>(input[0]);
  input.remove_prefix(1);
  const Seen whole = read_all(input, [&] { return input.size(); });
  const Seen bytes = read_all(input, [] { return size_t{1}; });
  const Seen pieces = read_all(input, [&] {
    seed = seed * 1664525u + 1013904223u;
    return size_t{1} + (seed >> 24) % 40;
  });
  for (const Seen* other : {&bytes, &pieces}) {
    if (other->requests.size() != whole.requests.size() || other->end != whole.end ||
        other->keep_alive != whole.keep_alive || other->status != whole.status || other->what != whole.what)
      __builtin_trap();
    for (size_t i = 0; i < whole.requests.size(); ++i) {
      const Request &a = whole.requests[i], &b = other->requests[i];
      if (a.method != b.method || a.target != b.target || a.path != b.path || a.query != b.query ||
          a.headers != b.headers || a.body != b.body)
        __builtin_trap();
    }
  }
  return whole.requests.size();
}

}  // namespace bw::http::testing
