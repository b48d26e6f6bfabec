// HTTP/1.1 on Boost.Beast: connections, limits and streams, and nothing about models. In: a handler. Out:
// each request handed to it with a Responder, that may be answered from any thread, at any time. Sources: RFC
// 9110, RFC 9112; server-sent events: WHATWG HTML, section 9.2.
#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace bw::http {

struct Request {
  std::string method, target;  // target as sent
  // Percent-decoded, without the query: UTF-8 without control characters, no segment "." or "..".
  std::string path;
  std::vector<std::pair<std::string, std::string>> query, headers;  // header names in lower case
  std::string body;
  std::string peer;                                                // "127.0.0.1:5123", or "unix"
  bool over_unix = false;                                          // came over the control socket
  uint64_t ns_received = 0;                                        // monotonic: the whole request was there
  std::optional<std::string> header(std::string_view name) const;  // case does not matter
  std::optional<std::string> parameter(std::string_view name) const;
};

struct Response {
  int status = 200;
  std::vector<std::pair<std::string, std::string>> headers;
  std::string content_type = "application/json";
  std::string body;
};

// One a request, copies share it. Any thread, also after the server is gone. The last copy gone unanswered:
// 500; in the middle of a stream: abort(). What is called out of turn (a second send, a write after end) does
// nothing.
//
// A response with a status outside 200 to 599, a header with a control character in it (CR, LF: a header of
// somebody else's) or one that frames the message (Content-Length, Transfer-Encoding, Date) is a 500 instead.
// Header "Connection: close" is heeded.
class Responder {
 public:
  void send(Response response) const;  // once; instead of begin()
  // A stream (chunked): headers, then pieces, then end.
  void begin(const Response& head) const;  // body ignored
  void write(std::string piece) const;
  void end() const;
  void abort()
      const;  // a stream that cannot be finished: the connection is closed, so that the client sees it
  size_t n_waiting() const;  // bytes written but not yet taken by the client
  // The client closed the connection, or was too slow and was cut off. One that only ended its sending side
  // counts too (it looks the same), but what is answered all the same still reaches it.
  bool gone() const;
  // Once, from an I/O thread; at once where it is so already; never where the answer was out before.
  void on_gone(std::function<void()> call) const;

  struct Link;
  explicit Responder(std::shared_ptr<Link> link) : link_(std::move(link)) {}

 private:
  std::shared_ptr<Link> link_;
};

struct Options {
  std::string address = "127.0.0.1";
  uint16_t port = 0;      // 0: any free one
  std::string unix_path;  // of a control socket (mode 0600); empty: none
  int n_threads = 1;
  uint32_t max_connections = 512;  // more: 503 and closed
  size_t max_header_bytes = 16u << 10, max_body_bytes = 4u << 20;
  uint32_t max_headers = 100;            // lines
  size_t max_bodies_bytes = 256u << 20;  // of all bodies that are still coming in: beyond it 503
  uint64_t header_ms = 10'000;           // from the first byte (or the connection) to the end of the headers
  uint64_t body_ms = 30'000;             // from there to the end of the body
  uint64_t idle_ms = 75'000;             // between requests of one connection
  uint64_t write_ms = 30'000;            // a client that takes nothing for so long is cut off
  size_t max_waiting_bytes = 1u << 20;   // of a stream that a client does not take: cut off beyond it
  // What errors of HTTP itself look like (400 408 413 414 417 431 500 501 503 505): the body of status and
  // words. From any thread. A handler never sees these requests; 405 is the handler's.
  std::function<std::string(int status, std::string_view what)> error_body;
};

using Handler = std::function<void(Request&&, Responder)>;  // from an I/O thread: must not block

class Server {
 public:
  static Result<std::unique_ptr<Server>> listen(const Options& options, Handler handler);
  ~Server();  // NOLINT(bugprone-exception-escape)
  uint16_t port() const;
  uint32_t n_connections() const;
  // Takes no more connections and requests; those under way go on; returns when they have ended or after
  // `ms`. True: all ended. Not from an I/O thread, nor from a signal handler; ends the listening for good.
  bool drain(uint64_t ms);

 private:
  struct State;
  explicit Server(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace bw::http
