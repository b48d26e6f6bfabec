// One request and its answer, between the handler's threads and the connection. In: what the Responder is
// told. Out: bytes for the wire, picked up on the connection's strand. Knows nothing of sockets.
#pragma once
#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "http/head.h"
#include "http/http.h"

namespace bw::http {

std::string error_body(const Options& options, int status, std::string_view what);

// `wake` keeps the connection alive and is taken away when the exchange is over; under `mutex` it is called
// only while the connection is open, so nothing is ever posted to an I/O context that nobody runs.
struct Exchange {
  enum class Said { nothing, begun, ended, aborted };

  Exchange(std::shared_ptr<const Options> of, Framing how) : options(std::move(of)), framing(how) {}

  const std::shared_ptr<const Options> options;  // a Responder may outlive the server
  Framing framing;
  std::atomic<size_t> n_waiting{0};  // bytes in `out` or on their way

  std::mutex mutex;  // guards the rest
  std::function<void()> wake;
  Said said = Said::nothing;
  bool gone = false, too_slow = false, awake = false, content = true;
  std::vector<std::string> out;
  std::vector<std::function<void()>> calls;  // on_gone

  void send(Response response);
  void begin(const Response& head);
  void write(std::string piece);
  void end();
  void abort();
  void on_gone(std::function<void()> call);

  // From the connection. `for_good`: no byte can be written any more (else only the client's sending side has
  // ended).
  void went(bool for_good);
  void over();  // the answer is out

 private:
  void put(std::string bytes);
  void stir();
};

struct Responder::Link {
  explicit Link(std::shared_ptr<Exchange> of) : exchange(std::move(of)) {}
  ~Link();
  Link(const Link&) = delete;
  std::shared_ptr<Exchange> exchange;
};

}  // namespace bw::http
