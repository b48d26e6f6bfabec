#include "http/connection.h"

#include <algorithm>
#include <array>
#include <chrono>

#include "base/clock.h"

namespace bw::http {
namespace {
constexpr size_t read_bytes = 32u << 10;  // on the stack: an idle connection owns no buffer
constexpr int reads_a_turn = 8;           // then others have theirs
// After the last byte was sent, what the client still sends is read for so long: closing with bytes unread
// would reset the connection and take the answer from a client that has not read it yet (RFC 9112,
// section 9.6).
constexpr uint64_t linger_ms = 2'000, linger_drain_ms = 300;
constexpr size_t max_buffers = 32;
}  // namespace

Connection::Connection(std::shared_ptr<Shared> shared, Socket socket, std::string peer, Kind kind)
    : shared_(std::move(shared)),
      socket_(std::move(socket)),
      timer_(socket_.get_executor()),
      peer_(std::move(peer)),
      kind_(kind),
      parser_(*shared_->options) {}

void Connection::start() {
  {
    std::lock_guard lock(shared_->mutex);
    shared_->connections.emplace(this, weak_from_this());
    ++(kind_ == Kind::tcp           ? shared_->n_tcp
       : kind_ == Kind::unix_socket ? shared_->n_unix
                                    : shared_->n_refused);
  }
  asio::post(socket_.get_executor(), [self = shared_from_this()] { self->begin(); });
}

void Connection::drain() {
  asio::post(socket_.get_executor(), [self = shared_from_this()] {
    if (self->phase_ != Phase::reading || self->last_) return;
    if (self->parser_.state() == Parser::State::idle)
      self->close();
    else
      self->refuse({503, "the server is shutting down"});
  });
}

void Connection::cut() {
  asio::post(socket_.get_executor(), [self = shared_from_this()] { self->close(); });
}

void Connection::begin() {
  if (phase_ == Phase::closed) return;
  ErrorCode ec;
  socket_.non_blocking(true, ec);
  if (ec) return close();
  if (kind_ == Kind::refused) return refuse({503, "the server has as many connections as it takes"});
  if (shared_->draining) return refuse({503, "the server is shutting down"});
  read_deadline_ = in(shared_->options->header_ms);
  watch();
  read_more();
}

// ---- reading
// A read is pending always but where enough of the next request is here already: so a client that goes away
// is seen while the handler works.
void Connection::read_more() {
  if (reading_ || input_ended_ || phase_ == Phase::closed) return;
  if (phase_ == Phase::answering && parser_.n_waiting() >= shared_->options->max_header_bytes) return;
  if (last_ && phase_ != Phase::lingering) return;  // refused: nothing more is taken before the answer is out
  reading_ = true;
  socket_.async_wait(Socket::wait_read, [self = shared_from_this()](const ErrorCode& ec) {
    self->reading_ = false;
    if (!ec) self->on_readable();
  });
}

void Connection::on_readable() {
  std::array<char, read_bytes> buffer;
  for (int turn = 0; turn < reads_a_turn; ++turn) {
    if (phase_ == Phase::closed) return;
    ErrorCode ec;
    const size_t n = socket_.read_some(asio::buffer(buffer), ec);
    if (ec == asio::error::would_block || ec == asio::error::try_again) break;
    if (ec == asio::error::eof) return on_end_of_input();
    if (ec) return close();
    if (!take_bytes(n, buffer.data())) break;
    if (n < buffer.size()) break;
  }
  read_more();
}

// False: no more for now.
bool Connection::take_bytes(size_t n, const char* bytes) {
  if (phase_ == Phase::lingering) return true;  // read and dropped
  parser_.feed({bytes, n});
  if (phase_ != Phase::reading) return parser_.n_waiting() < shared_->options->max_header_bytes;
  step();
  return phase_ == Phase::reading && !last_;
}

void Connection::step() {
  const Options& options = *shared_->options;
  const Parser::State state = parser_.state();
  if (state == Parser::State::refused) return refuse(parser_.refusal());
  account_body(state == Parser::State::body ? parser_.n_body() : 0);
  if (state == Parser::State::body && shared_->n_body_bytes > options.max_bodies_bytes)
    return refuse({503, "bodies of other requests take all the room there is for them"});
  if (state == Parser::State::done) {
    if (shared_->draining) return refuse({503, "the server is shutting down"});
    return answer();
  }
  if (state == seen_) return;
  if (state == Parser::State::head && !fresh_) read_deadline_ = in(options.header_ms);
  if (state == Parser::State::body) {
    read_deadline_ = in(options.body_ms);
    if (parser_.wants_continue()) put("HTTP/1.1 100 Continue\r\n\r\n");
  }
  seen_ = state;
  watch();
}

void Connection::account_body(size_t n) {
  shared_->n_body_bytes += n;
  shared_->n_body_bytes -= n_body_;
  n_body_ = n;
}

void Connection::answer() {
  phase_ = Phase::answering;
  read_deadline_ = never;
  ended_ = aborted_ = false;
  exchange_ = std::make_shared<Exchange>(
      shared_->options, Framing{parser_.http_1_0(), false, parser_.keep_alive() && !shared_->draining});
  Request request = parser_.take();
  exchange_->framing.head_only = request.method == "HEAD";
  request.peer = peer_;
  request.over_unix = kind_ == Kind::unix_socket;
  request.ns_received = monotonic_ns();
  exchange_->wake = [self = shared_from_this()] {
    asio::post(self->socket_.get_executor(), [self] { self->pump(); });
  };
  if (input_ended_) exchange_->went(false);
  const Responder responder(std::make_shared<Responder::Link>(exchange_));
  try {
    shared_->handler(std::move(request), responder);
  } catch (...) {  // NOLINT(bugprone-empty-catch): the Responder, dropped unanswered, says 500
  }
}

// An answer of HTTP's own; the connection ends with it, as nobody knows where the next request would begin.
void Connection::refuse(const Refusal& why) {
  if (last_ || phase_ == Phase::closed) return;
  account_body(0);
  Response response{why.status,
                    {{"Connection", "close"}},
                    "application/json",
                    error_body(*shared_->options, why.status, why.what)};
  if (why.status == 503) response.headers.emplace_back("Retry-After", "1");
  auto head = response_head(response, response.body.size(), {false, false, false});
  last_ = true;
  read_deadline_ = never;
  put(*std::move(head) + response.body);
}

void Connection::on_end_of_input() {
  input_ended_ = true;
  // A client that only stopped sending cannot be told from one that closed: the handler hears that it is
  // gone, and if it answers all the same, a half-closed client still gets it.
  if (phase_ == Phase::answering)
    exchange_->went(false);
  else if (!last_ || phase_ == Phase::lingering)
    close();
}

// ---- writing
void Connection::put(std::string bytes) {
  n_own_ += bytes.size();
  wire_.push_back(std::move(bytes));
  write_more();
}

void Connection::pump() {
  if (phase_ != Phase::answering) return;
  collect();
  if (phase_ == Phase::answering) write_more();
}

void Connection::collect() {
  bool too_slow = false;
  {
    std::lock_guard lock(exchange_->mutex);
    exchange_->awake = false;
    for (std::string& bytes : exchange_->out) wire_.push_back(std::move(bytes));
    exchange_->out.clear();
    ended_ = exchange_->said == Exchange::Said::ended;
    aborted_ = exchange_->said == Exchange::Said::aborted;
    keep_alive_ = exchange_->framing.keep_alive;
    too_slow = exchange_->too_slow;
  }
  if (too_slow) cut_off();
}

void Connection::write_more() {
  if (writing_ || phase_ == Phase::closed) return;
  if (wire_.empty()) {
    write_deadline_ = never;
    if (last_) return linger();
    if (phase_ != Phase::answering) return;
    if (aborted_)
      return exchange_->framing.http_1_0 ? cut_off() : close();  // the end of 1.0's body is the connection's
    if (ended_) answered();
    return;
  }
  std::vector<asio::const_buffer> buffers;
  for (size_t i = 0; i < std::min(wire_.size(), max_buffers); ++i)
    buffers.emplace_back(wire_[i].data() + (i == 0 ? written_ : 0),
                         wire_[i].size() - (i == 0 ? written_ : 0));
  writing_ = true;
  write_deadline_ = in(shared_->options->write_ms);
  watch();
  socket_.async_write_some(
      buffers, [self = shared_from_this()](const ErrorCode& ec, size_t n) { self->on_written(ec, n); });
}

void Connection::on_written(const ErrorCode& ec, size_t n) {
  writing_ = false;
  if (phase_ == Phase::closed) return;
  if (ec) return close();
  const size_t own =
      std::min(n, n_own_);  // ours always go first: an exchange begins when all before it is queued
  n_own_ -= own;
  if (exchange_) exchange_->n_waiting -= n - own;
  for (written_ += n; !wire_.empty() && written_ >= wire_.front().size(); wire_.pop_front())
    written_ -= wire_.front().size();
  if (phase_ == Phase::answering)
    pump();
  else
    write_more();
}

void Connection::answered() {
  exchange_->over();
  exchange_.reset();
  fresh_ = false;
  // A client that sent several requests and then ended its side gets all its answers.
  if (!keep_alive_ || shared_->draining || (input_ended_ && parser_.n_waiting() == 0)) {
    last_ = true;
    return linger();
  }
  phase_ = Phase::reading;
  seen_ = Parser::State::idle;
  read_deadline_ = in(shared_->options->idle_ms);
  watch();
  parser_.next();
  step();
  if (phase_ == Phase::reading && input_ended_ && !last_) return close();
  read_more();
}

// ---- ending
void Connection::linger() {
  if (input_ended_) return close();
  ErrorCode ec;
  socket_.shutdown(Socket::shutdown_send, ec);
  if (ec) return close();
  phase_ = Phase::lingering;
  read_deadline_ = in(shared_->draining ? linger_drain_ms : linger_ms);
  watch();
  read_more();
}

// Closed by reset: what the client has not taken is dropped, in the kernel too.
void Connection::cut_off() {
  ErrorCode ec;
  if (kind_ != Kind::unix_socket) socket_.set_option(asio::socket_base::linger(true, 0), ec);
  close();
}

void Connection::close() {
  if (phase_ == Phase::closed) return;
  phase_ = Phase::closed;
  account_body(0);
  timer_.cancel();
  ErrorCode ec;
  socket_.close(ec);
  if (exchange_) std::exchange(exchange_, nullptr)->went(true);
  std::lock_guard lock(shared_->mutex);
  if (shared_->connections.erase(this) > 0)
    --(kind_ == Kind::tcp           ? shared_->n_tcp
       : kind_ == Kind::unix_socket ? shared_->n_unix
                                    : shared_->n_refused);
  shared_->changed.notify_all();
}

// One timer, set anew only where it would ring too late.
void Connection::watch() {
  const Time due = std::min(read_deadline_, write_deadline_);
  if (due >= watched_ || phase_ == Phase::closed) return;
  watched_ = due;
  timer_.expires_at(due);
  timer_.async_wait([self = shared_from_this()](const ErrorCode& ec) {
    if (ec) return;  // set anew, or closed
    self->watched_ = never;
    if (self->phase_ != Phase::closed) self->on_deadline();
  });
}

void Connection::on_deadline() {
  const Time now = std::chrono::steady_clock::now();
  if (now >= write_deadline_) return cut_off();
  if (now >= read_deadline_) {
    if (phase_ == Phase::lingering || parser_.state() == Parser::State::idle) return close();
    read_deadline_ = never;
    refuse({408, parser_.state() == Parser::State::body ? "the body did not come in time"
                                                        : "the header did not come in time"});
  }
  watch();
}

}  // namespace bw::http
