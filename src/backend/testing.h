// For tests of this folder: a tiny model that can chat, an Ask that is waited for, and an endpoint that does
// what a script says, however bad. Model: BabyLlama's weights (data/vectors/bn1), a character a token.
#pragma once
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <condition_variable>
#include <filesystem>
#include <functional>
#include <mutex>
#include <thread>

#include "backend/backend.h"
#include "gguf/file.h"
#include "gguf/writer.h"
#include "text/utf8.h"

namespace bw::backend::testing {

inline const std::string nameless = BITWORTH_SOURCE_DIR "/data/vectors/bn1/baby-Q5_1.gguf";
// BabyLlama's vocabulary (tok105), which that file leaves out: after <unk>, <s> and </s> a character each.
inline constexpr std::string_view characters =
    " eatohnidsrlymwu.pgcbf,kTv\"SL'HOI!xBMAWj?zYFJDqCNEPRKG-\u201C\u201D:\u2019ZVU3Q;"
    "1\u20130X25\u2014\u201894\u00E9\u20268)(67/\u00F1$`+*\u00A0&\\%\u00E2\u20AC<>|\u2122[]~\u200A";
inline constexpr const char* chat_template =
    "{% for m in messages %}{{ bos_token }}{{ m.role }}: {{ m.content }} {% endfor %}"
    "{% if add_generation_prompt %}assistant: {% endif %}";

// A copy of it with its vocabulary, `more` key-values, and with changed data where `change` says so.
inline std::string write_copy(
    const std::string& path, const std::vector<std::pair<std::string, gguf::Value>>& more,
    const std::function<void(const std::string& tensor, std::vector<std::byte>&)>& change = {}) {
  const auto file = gguf::open(nameless);
  EXPECT_TRUE(file) << file.error().what;
  std::vector<std::pair<std::string, gguf::Value>> kv;
  for (const auto& entry : file->kv)
    if (entry.first != "general.alignment" && !entry.first.starts_with("tokenizer.")) kv.push_back(entry);
  std::vector<std::string> tokens = {"<unk>", "<s>", "</s>"};
  for (size_t at = 0; at < characters.size();) {
    const size_t n = text::code_point(characters, at).n_bytes;
    tokens.emplace_back(characters[at] == ' ' ? "\u2581" : characters.substr(at, n));
    at += n;
  }
  std::vector<int64_t> kinds(tokens.size(), 1);
  kinds[0] = 2;
  kinds[1] = kinds[2] = 3;
  kv.emplace_back("tokenizer.ggml.model", gguf::string_value("llama"));
  kv.emplace_back("tokenizer.ggml.tokens",
                  gguf::Value{gguf::ValueType::array, gguf::ValueType::string, gguf::Strings(tokens)});
  kv.emplace_back("tokenizer.ggml.scores", gguf::Value{gguf::ValueType::array, gguf::ValueType::f32,
                                                       std::vector<double>(tokens.size(), 0.0)});
  kv.emplace_back("tokenizer.ggml.token_type",
                  gguf::Value{gguf::ValueType::array, gguf::ValueType::i32, kinds});
  kv.emplace_back("tokenizer.ggml.unknown_token_id", gguf::u32_value(0));
  kv.emplace_back("tokenizer.ggml.bos_token_id", gguf::u32_value(1));
  kv.emplace_back("tokenizer.ggml.eos_token_id", gguf::u32_value(2));
  kv.emplace_back("tokenizer.ggml.add_bos_token", gguf::bool_value(true));
  kv.emplace_back("tokenizer.ggml.add_space_prefix", gguf::bool_value(false));
  for (const auto& entry : more) kv.push_back(entry);
  std::vector<gguf::TensorDecl> tensors;
  for (const gguf::TensorInfo& t : file->tensors)
    tensors.push_back({t.name, t.n_dims, t.ne, quant::Type(t.ggml_type)});
  auto writer = gguf::Writer::create(path, kv, tensors);
  EXPECT_TRUE(writer) << writer.error().what;
  for (const gguf::TensorInfo& t : file->tensors) {
    std::vector<std::byte> bytes(t.n_bytes);
    EXPECT_TRUE(file->read(t, 0, bytes));
    if (change) change(t.name, bytes);
    EXPECT_TRUE(writer->append(bytes));
  }
  EXPECT_TRUE(writer->commit());
  return path;
}

// A folder that goes with the test.
class Folder {
 public:
  Folder() {
    std::string name = (std::filesystem::temp_directory_path() / "bitworth-backend-XXXXXX").string();
    path_ = ::mkdtemp(name.data());
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

// What an Ask led to. One a submit(); wait() gives up after a minute, so that a lost on_done is a failure.
struct Heard {
  std::mutex mutex;
  std::condition_variable changed;
  std::string text;
  std::vector<TokenText> tokens;
  std::optional<Ended> ended;
  int n_done = 0;
  bool text_after_done = false;
  std::thread::id thread;

  static std::shared_ptr<Heard> make() { return std::make_shared<Heard>(); }
  static Events events(const std::shared_ptr<Heard>& h) {
    return {[h](std::string_view piece, const TokenText* token) {
              const std::lock_guard lock(h->mutex);
              h->text_after_done = h->text_after_done || h->n_done > 0;
              h->text += piece;
              if (token) h->tokens.push_back(*token);
              h->changed.notify_all();
            },
            [h](Ended&& e) {
              const std::lock_guard lock(h->mutex);
              h->ended = std::move(e);
              h->thread = std::this_thread::get_id();
              ++h->n_done;
              h->changed.notify_all();
            }};
  }
  const Ended& wait() {
    std::unique_lock lock(mutex);
    if (!changed.wait_for(lock, std::chrono::minutes(1), [&] { return ended.has_value(); })) {
      ADD_FAILURE() << "no on_done within a minute";
      ended = Failure{};
    }
    return *ended;
  }
  bool wait_for_text() {
    std::unique_lock lock(mutex);
    return changed.wait_for(lock, std::chrono::minutes(1), [&] { return !text.empty() || ended; }) && !ended;
  }
  const Reply& reply() {
    static const Reply none;
    const Ended& e = wait();
    if (const auto* f = std::get_if<Failure>(&e)) {
      ADD_FAILURE() << f->error.what;
      return none;
    }
    return std::get<Reply>(e);
  }
  const Failure& failure() {
    static const Failure none;
    const Ended& e = wait();
    if (std::holds_alternative<Reply>(e)) {
      ADD_FAILURE() << "a reply where a failure was expected: " << std::get<Reply>(e).text;
      return none;
    }
    return std::get<Failure>(e);
  }
};
inline std::shared_ptr<Heard> submit(Backend& b, Ask ask) {
  auto h = Heard::make();
  b.submit(std::move(ask), Heard::events(h));
  return h;
}

// An HTTP server by raw sockets: each connection's request is read whole, then the script has the socket.
class FakeEndpoint {
 public:
  struct Talk {
    int fd, stop;
    std::string request;  // header and body
    bool say(std::string_view bytes) const {
      while (!bytes.empty()) {
        const ssize_t n = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (n <= 0) return false;
        bytes.remove_prefix(size_t(n));
      }
      return true;
    }
    // Until the client goes or the test ends.
    void hang() const {
      char c;
      do {
        pollfd p[2] = {{fd, POLLIN, 0}, {stop, POLLIN, 0}};
        if (::poll(p, 2, 30'000) <= 0 || p[1].revents) return;
      } while (::recv(fd, &c, 1, 0) > 0);
    }
    void reset() const {
      const linger hard{1, 0};
      ::setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
    }
  };
  using Script = std::function<void(const Talk&)>;

  explicit FakeEndpoint(Script script) : script_(std::move(script)) {
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in a{};
    a.sin_family = AF_INET;
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::bind(listener_, reinterpret_cast<sockaddr*>(&a), sizeof a), 0);
    EXPECT_EQ(::listen(listener_, 64), 0);
    socklen_t n = sizeof a;
    ::getsockname(listener_, reinterpret_cast<sockaddr*>(&a), &n);
    port_ = ntohs(a.sin_port);
    acceptor_ = std::thread([this] { accept_all(); });
  }
  ~FakeEndpoint() {
    const uint64_t one = 1;
    EXPECT_EQ(::write(stop_, &one, sizeof one), ssize_t(sizeof one));
    acceptor_.join();
    for (std::thread& t : talks_) t.join();
    ::close(listener_);
    ::close(stop_);
  }
  std::string host() const { return "127.0.0.1:" + std::to_string(port_); }
  std::string url() const { return "http://" + host() + "/v1"; }
  std::vector<std::string> requests() {
    const std::lock_guard lock(mutex_);
    return requests_;
  }

 private:
  void accept_all() {
    for (;;) {
      pollfd p[2] = {{listener_, POLLIN, 0}, {stop_, POLLIN, 0}};
      if (::poll(p, 2, -1) < 0 || p[1].revents) return;
      const int fd = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
      if (fd >= 0) talks_.emplace_back([this, fd] { talk(fd); });
    }
  }
  void talk(int fd) {
    Talk t{fd, stop_, {}};
    size_t need = std::string::npos;
    while (t.request.size() < need) {
      pollfd p[2] = {{fd, POLLIN, 0}, {stop_, POLLIN, 0}};
      if (::poll(p, 2, 30'000) <= 0 || p[1].revents) break;
      char buffer[4096];
      const ssize_t n = ::recv(fd, buffer, sizeof buffer, 0);
      if (n <= 0) break;
      t.request.append(buffer, size_t(n));
      const size_t head = t.request.find("\r\n\r\n");
      if (head == std::string::npos) continue;
      const size_t length = t.request.find("Content-Length: ");
      need = head + 4 + (length < head ? std::stoul(t.request.substr(length + 16)) : 0);
    }
    {
      const std::lock_guard lock(mutex_);
      requests_.push_back(t.request);
    }
    script_(t);
    ::close(fd);
  }

  const Script script_;
  int listener_ = -1, stop_ = ::eventfd(0, EFD_CLOEXEC);
  uint16_t port_ = 0;
  std::mutex mutex_;
  std::vector<std::string> requests_;
  std::vector<std::thread> talks_;  // the acceptor's, then the destructor's
  std::thread acceptor_;
};

inline std::string http(int status, const std::string& headers, const std::string& body) {
  return "HTTP/1.1 " + std::to_string(status) + " X\r\n" + headers +
         "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}
inline std::string stream_head() {
  return "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n";
}

}  // namespace bw::backend::testing
