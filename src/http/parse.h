// The bytes of one connection become requests; knows nothing of sockets or time. In: bytes as they come, in
// any pieces. Out: one Request after another, or a refusal after which nothing more can be read. Boost.Beast
// parses; before and after it stand the checks it does not make: obs-fold, bare CR and LF, counts, framing
// said twice. Sources: RFC 9110, RFC 9112 (sections 2.2, 3.2, 5.2, 6.1, 6.3, 7.1).
#pragma once
#include <memory>
#include <string>
#include <string_view>

#include "http/http.h"

namespace bw::http {

struct Refusal {
  int status = 400;  // 400 408 413 414 417 431 501 505
  std::string what;  // for a person; our own words only, never the client's bytes
};

class Parser {
 public:
  // idle: no byte of a request yet. head, body: in the middle. done: take() it, then next().
  enum class State { idle, head, body, done, refused };

  explicit Parser(const Options& limits);
  ~Parser();
  Parser(Parser&&) = delete;

  State feed(std::string_view bytes);  // in done: kept for the next request; in refused: dropped
  State state() const;
  Request take();  // in done, once
  State next();    // after take(): begins the next request with the bytes already here

  bool wants_continue()
      const;                 // in body: the client waits for "100 Continue" and has sent nothing of the body
  bool keep_alive() const;   // of the request in hand
  bool http_1_0() const;     // of the request in hand
  size_t n_waiting() const;  // bytes that were not used yet
  size_t n_body() const;     // bytes of body so far
  const Refusal& refusal() const;  // in refused

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// "Not Found" of 404; empty for a status without a name.
std::string_view reason_phrase(int status);

}  // namespace bw::http
