// One connection: reads requests, hands them on one at a time, writes what is answered, keeps the time
// limits, and sees when the client goes away. In: a socket. Out: calls of the handler. Everything runs on the
// socket's strand but what says otherwise.
#pragma once
#include <atomic>
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>

#include "http/asio.h"
#include "http/exchange.h"
#include "http/parse.h"

namespace bw::http {

class Connection;

// What all connections of a server share; lives until the last of them is gone.
struct Shared {
  asio::io_context context;
  std::shared_ptr<const Options> options;
  Handler handler;
  std::atomic<bool> draining{false};
  std::atomic<size_t> n_body_bytes{0};  // of bodies that are still coming in

  std::mutex mutex;  // guards the rest
  std::condition_variable changed;
  std::unordered_map<Connection*, std::weak_ptr<Connection>> connections;
  uint32_t n_tcp = 0, n_unix = 0, n_refused = 0;
};

class Connection : public std::enable_shared_from_this<Connection> {
 public:
  using Socket = asio::generic::stream_protocol::socket;
  enum class Kind { tcp, unix_socket, refused };

  Connection(std::shared_ptr<Shared> shared, Socket socket, std::string peer, Kind kind);
  // Any thread.
  void start();  // counted by its kind from here on until it is closed; refused: answers 503 and closes
  void drain();  // closes unless a request is under way; then after it
  void cut();    // closes now

 private:
  enum class Phase { reading, answering, lingering, closed };
  using Time = std::chrono::steady_clock::time_point;
  static constexpr Time never = Time::max();

  void begin();
  void read_more();
  void on_readable();
  bool take_bytes(size_t n, const char* bytes);
  void step();
  void answer();
  void refuse(const Refusal& why);
  void pump();
  void collect();
  void write_more();
  void on_written(const ErrorCode& ec, size_t n);
  void answered();
  void on_end_of_input();
  void linger();
  void cut_off();
  void close();
  void watch();
  void on_deadline();
  void account_body(size_t n);
  void put(std::string bytes);  // ours, not of an exchange
  Time in(uint64_t ms) const { return std::chrono::steady_clock::now() + std::chrono::milliseconds(ms); }

  const std::shared_ptr<Shared> shared_;
  Socket socket_;
  asio::steady_timer timer_;
  const std::string peer_;
  const Kind kind_;
  Parser parser_;
  Phase phase_ = Phase::reading;
  Parser::State seen_ = Parser::State::idle;
  bool fresh_ = true;  // no request has come yet
  bool reading_ = false, writing_ = false, input_ended_ = false;
  bool keep_alive_ = true, last_ = false;  // last_: linger once all is written
  bool ended_ = false, aborted_ = false;   // the exchange has said so; its bytes may still be on their way
  std::shared_ptr<Exchange> exchange_;
  std::deque<std::string> wire_;    // in order; the first is written from `written_` on
  size_t written_ = 0, n_own_ = 0;  // n_own_: bytes in wire_ that are no exchange's
  size_t n_body_ = 0;               // counted in shared_->n_body_bytes
  Time read_deadline_ = never, write_deadline_ = never, watched_ = never;
};

}  // namespace bw::http
