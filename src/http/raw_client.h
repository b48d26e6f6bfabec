// For tests: a client of bare sockets that knows nothing of the code under test. In: bytes to send. Out: what
// came back, read by its own few lines (Content-Length, chunks, end of connection).
#pragma once
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <chrono>
#include <cstring>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace bw::http::testing {

struct Reply {
  int status = 0;
  std::map<std::string, std::string> headers;  // names in lower case
  std::string head, body;
  bool whole = false;  // ended as its framing says, not by a cut
};

class RawClient {
 public:
  explicit RawClient(uint16_t port, int receive_buffer = 0) {
    fd_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (receive_buffer > 0) setsockopt(fd_, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
    const int on = 1;
    setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(port);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    connected_ = connect(fd_, reinterpret_cast<sockaddr*>(&to), sizeof to) == 0;
  }
  explicit RawClient(const std::string& path) {
    fd_ = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_un to{};
    to.sun_family = AF_UNIX;
    std::strncpy(to.sun_path, path.c_str(), sizeof to.sun_path - 1);
    connected_ = connect(fd_, reinterpret_cast<sockaddr*>(&to), sizeof to) == 0;
  }
  ~RawClient() { close(); }
  RawClient(RawClient&& other) noexcept
      : fd_(std::exchange(other.fd_, -1)), connected_(other.connected_), left_(std::move(other.left_)) {}

  bool connected() const { return connected_; }
  int fd() const { return fd_; }
  void close() {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
  }
  void reset() {  // closes by RST
    const linger now{1, 0};
    setsockopt(fd_, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    close();
  }
  void end_sending() { shutdown(fd_, SHUT_WR); }

  // False where the server does not take it (closed, or no room for `ms`).
  bool send(std::string_view bytes, int ms = 5000) {
    while (!bytes.empty()) {
      pollfd p{fd_, POLLOUT, 0};
      if (poll(&p, 1, ms) <= 0) return false;
      const ssize_t n = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
      if (n < 0) return false;
      bytes.remove_prefix(static_cast<size_t>(n));
    }
    return true;
  }
  // One read; empty after `ms` without a byte or at the end (`ended` then).
  std::string read(int ms = 5000) {
    pollfd p{fd_, POLLIN, 0};
    if (poll(&p, 1, ms) <= 0) return {};
    char buffer[65536];
    const ssize_t n = recv(fd_, buffer, sizeof buffer, 0);
    if (n <= 0) ended_ = true;
    return n > 0 ? std::string(buffer, static_cast<size_t>(n)) : std::string();
  }
  std::string read_to_end(int ms = 5000) {
    std::string all = std::move(left_);
    left_.clear();
    for (std::string piece; !(piece = read(ms)).empty();) all += piece;
    return all;
  }
  bool ended() const { return ended_; }
  // Nothing comes and the connection ends within `ms`.
  bool ends_within(int ms) { return read(ms).empty() && ended_; }

  std::optional<Reply> reply(bool head_only = false, int ms = 5000) {
    size_t end = 0;
    while ((end = left_.find("\r\n\r\n")) == std::string::npos)
      if (!more(ms)) return {};
    Reply r;
    r.head = left_.substr(0, end + 4);
    left_.erase(0, end + 4);
    r.status = std::atoi(r.head.c_str() + 9);
    for (size_t at = r.head.find("\r\n") + 2; r.head.compare(at, 2, "\r\n") != 0;) {
      const size_t colon = r.head.find(": ", at), stop = r.head.find("\r\n", at);
      std::string name = r.head.substr(at, colon - at);
      for (char& c : name) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
      r.headers[name] = r.head.substr(colon + 2, stop - colon - 2);
      at = stop + 2;
    }
    r.whole = true;
    if (head_only || r.status < 200 || r.status == 204 || r.status == 304) return r;
    if (r.headers.count("content-length")) {
      const size_t n = std::stoul(r.headers["content-length"]);
      while (left_.size() < n && more(ms)) {
      }
      r.whole = left_.size() >= n;
      r.body = left_.substr(0, n);
      left_.erase(0, r.body.size());
    } else if (r.headers.count("transfer-encoding")) {
      r.whole = false;
      while (true) {
        auto piece = chunk(ms);
        if (!piece) break;
        if (piece->empty()) {
          r.whole = true;
          break;
        }
        r.body += *piece;
      }
    } else {
      r.body = read_to_end(ms);
    }
    return r;
  }
  // The next chunk of a chunked body; empty: the last; nothing: cut.
  std::optional<std::string> chunk(int ms = 5000) {
    size_t eol = 0;
    while ((eol = left_.find("\r\n")) == std::string::npos)
      if (!more(ms)) return {};
    const size_t n = std::stoul(left_.substr(0, eol), nullptr, 16);
    while (left_.size() < eol + 2 + n + 2)
      if (!more(ms)) return {};
    std::string piece = left_.substr(eol + 2, n);
    left_.erase(0, eol + 2 + n + 2);
    return piece;
  }

 private:
  bool more(int ms) {
    std::string piece = read(ms);
    left_ += piece;
    return !piece.empty();
  }

  int fd_ = -1;
  bool connected_ = false, ended_ = false;
  std::string left_;
};

// Under a sanitizer freed memory is kept for a while: bounds on resident memory say nothing then.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr bool memory_means_something = false;
#else
inline constexpr bool memory_means_something = true;
#endif

inline std::string get(std::string_view path, std::string_view headers = {}) {
  return "GET " + std::string(path) + " HTTP/1.1\r\nHost: x\r\n" + std::string(headers) + "\r\n";
}
inline std::string post(std::string_view path, std::string_view body, std::string_view headers = {}) {
  return "POST " + std::string(path) +
         " HTTP/1.1\r\nHost: x\r\nContent-Length: " + std::to_string(body.size()) + "\r\n" +
         std::string(headers) + "\r\n" + std::string(body);
}
inline double ms_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
}

}  // namespace bw::http::testing
