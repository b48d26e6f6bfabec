// Listens, accepts, counts, and ends. In: Options and a handler. Out: a Server whose I/O threads run until it
// is destroyed.
#include <pthread.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <functional>
#include <thread>

#include "http/connection.h"

namespace bw::http {
namespace {
using Tcp = asio::ip::tcp;
using Unix = asio::local::stream_protocol;

constexpr int backlog = 1024;
constexpr uint32_t max_unix = 32;     // the operator's own, beside max_connections
constexpr uint32_t max_refused = 64;  // told "503" at once; beyond, closed without a word
// Where accepting fails for want of descriptors or memory, the connection stays in the queue and accept would
// fail again at once, for ever.
constexpr auto accept_pause = std::chrono::milliseconds(50);
constexpr int notsent_bytes =
    128 << 10;  // what a stream's client has not taken shows here, not in the kernel
// A client whose machine vanished sends nothing, not even an end: found after 15 + 3 x 5 s.
constexpr int keep_idle_s = 15, keep_every_s = 5, keep_count = 3;

using NotSent = asio::detail::socket_option::integer<IPPROTO_TCP, TCP_NOTSENT_LOWAT>;
using KeepIdle = asio::detail::socket_option::integer<IPPROTO_TCP, TCP_KEEPIDLE>;
using KeepEvery = asio::detail::socket_option::integer<IPPROTO_TCP, TCP_KEEPINTVL>;
using KeepCount = asio::detail::socket_option::integer<IPPROTO_TCP, TCP_KEEPCNT>;

std::string peer_name(const Tcp::endpoint& peer) {
  const std::string address = peer.address().to_string();
  return (peer.address().is_v6() ? "[" + address + "]" : address) + ":" + std::to_string(peer.port());
}

template <class Protocol>
struct Listener : std::enable_shared_from_this<Listener<Protocol>> {
  explicit Listener(std::shared_ptr<Shared> of)
      : shared(std::move(of)), strand(asio::make_strand(shared->context)), acceptor(strand), pause(strand) {}

  std::shared_ptr<Shared> shared;
  asio::strand<asio::io_context::executor_type> strand;
  asio::basic_socket_acceptor<Protocol> acceptor;
  asio::steady_timer pause;

  void next() {
    if (!acceptor.is_open()) return;
    acceptor.async_accept(
        asio::make_strand(shared->context),
        [self = this->shared_from_this()](const ErrorCode& ec, typename Protocol::socket socket) {
          if (ec == asio::error::operation_aborted) return;
          if (!ec) self->take(std::move(socket));
          if (!ec || ec == asio::error::connection_aborted) return self->next();
          self->pause.expires_after(accept_pause);
          self->pause.async_wait([self](const ErrorCode& stop) {
            if (!stop) self->next();
          });
        });
  }

  void take(typename Protocol::socket socket) {
    ErrorCode ec;
    std::string peer = "unix";
    Connection::Kind kind = Connection::Kind::unix_socket;
    if constexpr (std::is_same_v<Protocol, Tcp>) {
      const Tcp::endpoint from = socket.remote_endpoint(ec);
      if (ec) return;  // gone already
      peer = peer_name(from);
      socket.set_option(Tcp::no_delay(true), ec);
      socket.set_option(asio::socket_base::keep_alive(true), ec);
      socket.set_option(KeepIdle(keep_idle_s), ec);
      socket.set_option(KeepEvery(keep_every_s), ec);
      socket.set_option(KeepCount(keep_count), ec);
      socket.set_option(NotSent(notsent_bytes), ec);
      kind = Connection::Kind::tcp;
    }
    {
      std::lock_guard lock(shared->mutex);
      const bool full = kind == Connection::Kind::tcp ? shared->n_tcp >= shared->options->max_connections
                                                      : shared->n_unix >= max_unix;
      if (full && shared->n_refused >= max_refused) return;
      if (full) kind = Connection::Kind::refused;
    }
    std::make_shared<Connection>(shared, Connection::Socket(std::move(socket)), std::move(peer), kind)
        ->start();
  }

  void close() {
    asio::post(strand, [self = this->shared_from_this()] {
      ErrorCode ec;
      self->acceptor.close(ec);
      self->pause.cancel();
    });
  }
};

Status open_tcp(Listener<Tcp>& of, const Options& options) {
  ErrorCode ec;
  const auto address = asio::ip::make_address(options.address, ec);
  if (ec)
    return bad_input("address " + options.address + ": expected an IP address",
                     "for example 127.0.0.1 or ::1");
  const Tcp::endpoint at(address, options.port);
  of.acceptor.open(at.protocol(), ec);
  if (!ec) of.acceptor.set_option(asio::socket_base::reuse_address(true), ec);
  if (!ec) of.acceptor.bind(at, ec);
  if (!ec) of.acceptor.listen(backlog, ec);
  if (ec)
    return failed("listen on " + peer_name(at) + ": " + ec.message(),
                  ec == asio::error::address_in_use ? "another program has the port; choose another" : "");
  return {};
}

// A socket file that nobody listens on is left over from a process that was killed; any other file is not
// ours to remove.
Status remove_stale(const std::string& path) {
  struct stat s {};
  if (lstat(path.c_str(), &s) != 0) return {};
  if (!S_ISSOCK(s.st_mode))
    return failed(path + ": is there already and is no socket", "choose another path");
  asio::io_context context;
  Unix::socket probe(context);
  ErrorCode ec;
  probe.connect(Unix::endpoint(path), ec);
  if (ec != asio::error::connection_refused)
    return failed(path + ": another process listens there", "stop it, or choose another path");
  if (unlink(path.c_str()) != 0) return failed(path + ": " + std::strerror(errno));
  return {};
}

Status open_unix(Listener<Unix>& of, const std::string& path) {
  if (path.size() >= sizeof(sockaddr_un::sun_path))
    return bad_input(path + ": too long for a socket's path", "choose a shorter one");
  BW_CHECK(remove_stale(path));
  ErrorCode ec;
  of.acceptor.open(Unix(), ec);
  if (!ec) of.acceptor.bind(Unix::endpoint(path), ec);
  if (ec) return failed("control socket " + path + ": " + ec.message());
  // Between bind and listen nobody can connect, so the mode holds from the first connection on.
  if (chmod(path.c_str(), 0600) != 0) return failed("control socket " + path + ": " + std::strerror(errno));
  of.acceptor.listen(backlog, ec);
  if (ec) return failed("control socket " + path + ": " + ec.message());
  return {};
}

}  // namespace

std::optional<std::string> Request::header(std::string_view name) const {
  for (const auto& [key, value] : headers)
    if (key.size() == name.size() && strncasecmp(key.data(), name.data(), key.size()) == 0) return value;
  return {};
}

std::optional<std::string> Request::parameter(std::string_view name) const {
  for (const auto& [key, value] : query)
    if (key == name) return value;
  return {};
}

struct Server::State {
  std::shared_ptr<Shared> shared = std::make_shared<Shared>();
  std::optional<asio::executor_work_guard<asio::io_context::executor_type>> work{
      shared->context.get_executor()};
  std::shared_ptr<Listener<Tcp>> tcp = std::make_shared<Listener<Tcp>>(shared);
  std::shared_ptr<Listener<Unix>> unix_socket;
  uint16_t port = 0;
  std::vector<std::thread> threads;

  void close_listeners() {
    tcp->close();
    if (unix_socket && !shared->options->unix_path.empty()) {
      unlink(shared->options->unix_path.c_str());
      unix_socket->close();
    }
    unix_socket.reset();
  }
  void each(void (Connection::*call)()) {
    std::vector<std::shared_ptr<Connection>> all;
    {
      std::lock_guard lock(shared->mutex);
      for (auto& [raw, weak] : shared->connections)
        if (auto connection = weak.lock()) all.push_back(std::move(connection));
    }
    for (auto& connection : all) ((*connection).*call)();
  }
};

Server::Server(std::unique_ptr<State> state) : state_(std::move(state)) {}

Result<std::unique_ptr<Server>> Server::listen(const Options& options, Handler handler) {
  auto state = std::make_unique<State>();
  state->shared->options = std::make_shared<const Options>(options);
  state->shared->handler = std::move(handler);
  BW_CHECK(open_tcp(*state->tcp, options));
  state->port = state->tcp->acceptor.local_endpoint().port();
  if (!options.unix_path.empty()) {
    state->unix_socket = std::make_shared<Listener<Unix>>(state->shared);
    BW_CHECK(open_unix(*state->unix_socket, options.unix_path));
  }
  state->tcp->next();
  if (state->unix_socket) state->unix_socket->next();
  // Signals are for the thread that waits for them, not for these.
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  for (int i = 0; i < std::max(1, options.n_threads); ++i)
    state->threads.emplace_back([shared = state->shared] { shared->context.run(); });
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return std::unique_ptr<Server>(new Server(std::move(state)));
}

// Out of memory here ends the process: threads that nobody can stop would be worse.
Server::~Server() {  // NOLINT(bugprone-exception-escape)
  state_->shared->draining = true;
  state_->close_listeners();
  state_->work.reset();
  // A connection that was accepted meanwhile is not in the list yet: it sees that the server drains, and ends
  // by itself.
  state_->each(&Connection::cut);
  for (auto& thread : state_->threads) thread.join();
}

uint16_t Server::port() const {
  return state_->port;
}

uint32_t Server::n_connections() const {
  std::lock_guard lock(state_->shared->mutex);
  return state_->shared->n_tcp + state_->shared->n_unix;
}

bool Server::drain(uint64_t ms) {
  Shared& shared = *state_->shared;
  shared.draining = true;
  state_->close_listeners();
  state_->each(&Connection::drain);
  std::unique_lock lock(shared.mutex);
  return shared.changed.wait_for(lock, std::chrono::milliseconds(ms),
                                 [&shared] { return shared.n_tcp + shared.n_unix == 0; });
}

}  // namespace bw::http
