// A server over real sockets: order, keep-alive, HEAD, answers from elsewhere, its errors, draining. Oracle:
// a client of bare sockets (raw_client.h) and the RFCs.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/time.h>

#include <condition_variable>
#include <filesystem>
#include <mutex>
#include <thread>

#include "http/http.h"
#include "http/raw_client.h"

namespace bw::http {
namespace {
using namespace testing;
using Clock = std::chrono::steady_clock;

// Answers "/echo" with the body, "/hold" never by itself: those Responders are kept for the test.
struct Fixture {
  std::mutex mutex;
  std::condition_variable changed;
  std::vector<Responder> held;
  std::vector<Request> seen;
  std::unique_ptr<Server> server;

  explicit Fixture(Options options = {}) {
    auto made = Server::listen(options, [this](Request&& request, Responder responder) {
      std::lock_guard lock(mutex);
      seen.push_back(request);
      if (request.path == "/hold")
        held.push_back(responder);
      else if (request.path != "/drop")
        responder.send({200, {}, "text/plain", request.path + ":" + request.body});
      changed.notify_all();
    });
    EXPECT_TRUE(made) << made.error().what;
    server = std::move(*made);
  }
  ~Fixture() {
    server.reset();
    held.clear();
  }
  Responder wait_held(size_t n = 1) {
    std::unique_lock lock(mutex);
    EXPECT_TRUE(changed.wait_for(lock, std::chrono::seconds(5), [&] { return held.size() >= n; }));
    return held.at(n - 1);
  }
  uint16_t port() const { return server->port(); }
};

TEST(Server, answers_on_one_connection_in_order_however_the_requests_are_sent) {
  Fixture f;
  RawClient c(f.port());
  ASSERT_TRUE(c.send(post("/a", "one") + get("/b") + post("/c", std::string(3000, 'x'))));
  EXPECT_EQ(c.reply()->body, "/a:one");
  EXPECT_EQ(c.reply()->body, "/b:");
  const auto third = c.reply();
  EXPECT_EQ(third->body, "/c:" + std::string(3000, 'x'));
  EXPECT_EQ(third->headers.at("content-type"), "text/plain");
  EXPECT_EQ(third->headers.count("connection"), 0u);
  EXPECT_NE(third->headers.at("date").find(" GMT"), std::string::npos);
  for (const char byte : get("/bytes")) ASSERT_TRUE(c.send({&byte, 1}));
  EXPECT_EQ(c.reply()->body, "/bytes:");
  ASSERT_TRUE(c.send(get("/last", "Connection: close\r\n") + get("/never")));
  EXPECT_EQ(c.reply()->headers.at("connection"), "close");
  EXPECT_TRUE(c.ends_within(1000));
  const std::lock_guard lock(f.mutex);
  EXPECT_EQ(f.seen.size(), 5u);
  EXPECT_EQ(f.seen[0].peer.rfind("127.0.0.1:", 0), 0u);
  EXPECT_GT(f.seen[0].ns_received, 0u);
  EXPECT_FALSE(f.seen[0].over_unix);
}

TEST(Server, a_later_request_waits_for_an_earlier_answer) {
  Fixture f;
  RawClient c(f.port());
  ASSERT_TRUE(c.send(get("/hold") + get("/b")));
  const Responder first = f.wait_held();
  EXPECT_EQ(c.read(50), "");
  first.send({200, {}, "text/plain", "first"});
  EXPECT_EQ(c.reply()->body, "first");
  EXPECT_EQ(c.reply()->body, "/b:");
}

TEST(Server, a_pipeline_longer_than_what_is_kept_is_answered_whole) {
  Options o;
  o.max_header_bytes = 2048;
  Fixture f(o);
  RawClient c(f.port());
  constexpr int n = 2000;
  std::thread sender([&] {
    std::string all;
    for (int i = 0; i < n; ++i) all += post("/" + std::to_string(i), std::string(100, 'b'));
    EXPECT_TRUE(c.send(all));
  });
  int right = 0;
  for (int i = 0; i < n; ++i) {
    const auto r = c.reply();
    if (!r) break;
    right += r->body == "/" + std::to_string(i) + ":" + std::string(100, 'b');
  }
  sender.join();
  EXPECT_EQ(right, n);
}

TEST(Server, an_answer_may_come_from_another_thread_long_after) {
  Fixture f;
  RawClient c(f.port());
  ASSERT_TRUE(c.send(get("/hold")));
  const Responder r = f.wait_held();
  std::thread([r] {
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
    r.send({201, {{"X-Late", "yes"}}, "text/plain", "late"});
    r.send({500, {}, "text/plain", "twice"});  // nothing: it was answered
  }).join();
  const auto reply = c.reply();
  EXPECT_EQ(reply->status, 201);
  EXPECT_EQ(reply->headers.at("x-late"), "yes");
  ASSERT_TRUE(c.send(get("/again")));
  EXPECT_EQ(c.reply()->body, "/again:");
}

TEST(Server, a_request_nobody_answers_is_a_500) {
  Fixture f;
  RawClient c(f.port());
  ASSERT_TRUE(c.send(get("/drop")));
  const auto reply = c.reply();
  EXPECT_EQ(reply->status, 500);
  EXPECT_NE(reply->body.find("not answered"), std::string::npos);
  ASSERT_TRUE(c.send(get("/next")));
  EXPECT_EQ(c.reply()->status, 200);
}

TEST(Server, a_handler_that_throws_is_a_500) {
  auto server = Server::listen({}, [](Request&&, Responder) { throw std::runtime_error("oh"); });
  RawClient c((*server)->port());
  ASSERT_TRUE(c.send(get("/")));
  EXPECT_EQ(c.reply()->status, 500);
}

TEST(Server, head_gets_the_headers_alone) {
  Fixture f;
  RawClient c(f.port());
  ASSERT_TRUE(c.send("HEAD /abc HTTP/1.1\r\nHost: x\r\n\r\n"));
  const auto reply = c.reply(true);
  EXPECT_EQ(reply->status, 200);
  EXPECT_EQ(reply->headers.at("content-length"), "5");
  ASSERT_TRUE(c.send(get("/next")));  // would be garbled by a body
  EXPECT_EQ(c.reply()->body, "/next:");
}

TEST(Server, a_header_that_would_split_the_response_becomes_a_500) {
  auto server = Server::listen({}, [](Request&& r, Responder responder) {
    Response response{200, {{"X-Echo", *r.parameter("v")}}, "text/plain", "body"};
    if (r.path == "/stream") {
      responder.begin(response);
      responder.write("piece");
      responder.end();
    } else {
      responder.send(response);
    }
  });
  for (const char* path : {"/send", "/stream"}) {
    RawClient c((*server)->port());
    ASSERT_TRUE(c.send(get(std::string(path) + "?v=a%0d%0aSet-Cookie:%20evil%0d%0a%0d%0aHTTP/1.1%20200")));
    const auto reply = c.reply();
    EXPECT_EQ(reply->status, 500);
    EXPECT_EQ(reply->head.find("evil"), std::string::npos);
    ASSERT_TRUE(c.send(get(std::string(path) + "?v=fine")));
    EXPECT_EQ(c.reply()->headers.at("x-echo"), "fine");
  }
}

TEST(Server, errors_of_http_itself_take_the_form_they_were_given) {
  Options o;
  o.error_body = [](int status, std::string_view what) {
    return "{\"code\":" + std::to_string(status) + ",\"what\":\"" + std::string(what) + "\"}";
  };
  o.max_body_bytes = 10;
  Fixture f(o);
  const std::pair<std::string, int> cases[] = {
      {"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n", 400},
      {post("/", "12345678901"), 413},
      {get("/" + std::string(20000, 'a')), 414},
      {get("/", "X: " + std::string(20000, 'a') + "\r\n"), 431},
      {get("/%2e%2e/x"), 400},
  };
  for (const auto& [bytes, status] : cases) {
    RawClient c(f.port());
    ASSERT_TRUE(c.send(bytes));
    const auto reply = c.reply();
    ASSERT_TRUE(reply) << bytes.substr(0, 40);
    EXPECT_EQ(reply->status, status);
    EXPECT_EQ(reply->body.rfind("{\"code\":" + std::to_string(status), 0), 0u) << reply->body;
    EXPECT_EQ(reply->headers.at("connection"), "close");
    EXPECT_TRUE(c.ends_within(1000));
  }
  const std::lock_guard lock(f.mutex);
  EXPECT_TRUE(f.seen.empty());
}

TEST(Server, continue_is_said_where_it_is_expected_and_the_body_is_wanted) {
  Options o;
  o.max_body_bytes = 10;
  Fixture f(o);
  const std::string head = "POST /e HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: ";
  RawClient c(f.port());
  ASSERT_TRUE(c.send(head + "3\r\n\r\n"));
  EXPECT_EQ(c.reply()->status, 100);
  ASSERT_TRUE(c.send("abc"));
  EXPECT_EQ(c.reply()->body, "/e:abc");
  ASSERT_TRUE(c.send(head + "3\r\n\r\nabc"));  // did not wait: no 100
  EXPECT_EQ(c.reply()->status, 200);
  ASSERT_TRUE(c.send(head + "11\r\n\r\n"));
  EXPECT_EQ(c.reply()->status, 413);
}

TEST(Server, http_1_0_gets_no_chunks_and_is_closed_unless_it_asks) {
  auto server = Server::listen({}, [](Request&& r, Responder responder) {
    if (r.path == "/stream") {
      responder.begin({200, {}, "text/plain", ""});
      responder.write("ab");
      responder.write("c");
      responder.end();
    } else {
      responder.send({200, {}, "text/plain", "whole"});
    }
  });
  RawClient c((*server)->port());
  ASSERT_TRUE(c.send("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"));
  EXPECT_EQ(c.reply()->headers.at("connection"), "keep-alive");
  ASSERT_TRUE(c.send("GET /stream HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"));
  const auto reply = c.reply();
  EXPECT_EQ(reply->headers.count("transfer-encoding"), 0u);
  EXPECT_EQ(reply->headers.at("connection"), "close");
  EXPECT_EQ(reply->body, "abc");
  RawClient d((*server)->port());
  ASSERT_TRUE(d.send("GET / HTTP/1.0\r\n\r\n"));
  EXPECT_EQ(d.reply()->body, "whole");
  EXPECT_TRUE(d.ends_within(1000));
}

TEST(Server, a_client_that_ended_its_sending_side_gets_every_answer) {
  Fixture f;
  RawClient c(f.port());
  ASSERT_TRUE(c.send(get("/a") + get("/hold") + get("/c")));
  c.end_sending();
  const Responder r = f.wait_held();
  EXPECT_EQ(c.reply()->body, "/a:");
  std::mutex mutex;
  std::condition_variable changed;
  bool called = false;
  r.on_gone([&] {
    const std::lock_guard lock(mutex);
    called = true;
    changed.notify_all();
  });
  std::unique_lock lock(mutex);
  EXPECT_TRUE(changed.wait_for(lock, std::chrono::seconds(2), [&] { return called; }));
  lock.unlock();
  EXPECT_TRUE(r.gone());
  r.send({200, {}, "text/plain", "held"});
  EXPECT_EQ(c.reply()->body, "held");
  EXPECT_EQ(c.reply()->body, "/c:");
  EXPECT_TRUE(c.ends_within(1000));
}

TEST(Server, the_control_socket_is_the_owners_alone_and_replaces_a_stale_one) {
  const std::string path =
      std::filesystem::temp_directory_path() / ("bw_http_" + std::to_string(getpid()) + ".sock");
  Options o;
  o.unix_path = path;
  {
    Fixture f(o);
    struct stat s {};
    ASSERT_EQ(stat(path.c_str(), &s), 0);
    EXPECT_EQ(s.st_mode & 07777, 0600u);
    RawClient c(path);
    ASSERT_TRUE(c.connected());
    ASSERT_TRUE(c.send(get("/u")));
    EXPECT_EQ(c.reply()->body, "/u:");
    EXPECT_TRUE(f.seen[0].over_unix);
    EXPECT_EQ(f.seen[0].peer, "unix");
    auto second = Server::listen(o, [](Request&&, Responder) {});
    ASSERT_FALSE(second);
    EXPECT_NE(second.error().what.find("another process"), std::string::npos);
  }
  EXPECT_FALSE(std::filesystem::exists(path));
  const int stale = socket(AF_UNIX, SOCK_STREAM, 0);  // bound and left, as by a process that was killed
  sockaddr_un to{};
  to.sun_family = AF_UNIX;
  std::strncpy(to.sun_path, path.c_str(), sizeof to.sun_path - 1);
  ASSERT_EQ(bind(stale, reinterpret_cast<sockaddr*>(&to), sizeof to), 0);
  close(stale);
  { Fixture f(o); }
  const int file = open(path.c_str(), O_CREAT | O_WRONLY, 0600);
  close(file);
  auto over_file = Server::listen(o, [](Request&&, Responder) {});
  ASSERT_FALSE(over_file);
  EXPECT_NE(over_file.error().what.find("no socket"), std::string::npos);
  std::filesystem::remove(path);
}

TEST(Server, a_port_in_use_and_a_name_for_an_address_are_errors_that_say_so) {
  Fixture f;
  Options o;
  o.port = f.port();
  auto second = Server::listen(o, [](Request&&, Responder) {});
  ASSERT_FALSE(second);
  EXPECT_NE(second.error().what.find(std::to_string(f.port())), std::string::npos);
  o.address = "localhost.example";
  EXPECT_FALSE(Server::listen(o, [](Request&&, Responder) {}));
}

TEST(Server, draining_lets_what_runs_end_and_takes_nothing_new) {
  Fixture f;
  RawClient busy(f.port()), idle(f.port()), half(f.port());
  ASSERT_TRUE(idle.send(get("/i")));
  EXPECT_EQ(idle.reply()->status, 200);
  ASSERT_TRUE(half.send("POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\na"));
  ASSERT_TRUE(busy.send(get("/hold")));
  const Responder r = f.wait_held();
  r.begin({200, {}, "text/event-stream", ""});
  r.write("first");
  EXPECT_EQ(
      *[&] {
        const auto head = busy.reply(true);
        EXPECT_EQ(head->status, 200);
        return busy.chunk();
      }(),
      "first");
  bool ended = false;
  std::thread drainer([&] { ended = f.server->drain(5000); });
  EXPECT_TRUE(idle.ends_within(1000));
  EXPECT_EQ(half.reply()->status, 503);
  EXPECT_FALSE(RawClient(f.port()).connected());
  r.write("second");
  EXPECT_EQ(busy.chunk(), "second");
  r.end();
  EXPECT_EQ(busy.chunk(), "");
  EXPECT_TRUE(busy.ends_within(1000));
  busy.close();
  half.close();
  drainer.join();
  EXPECT_TRUE(ended);
  EXPECT_EQ(f.server->n_connections(), 0u);
}

TEST(Server, draining_gives_up_after_its_time) {
  Fixture f;
  RawClient c(f.port());
  ASSERT_TRUE(c.send(get("/hold")));
  const Responder r = f.wait_held();
  const auto start = Clock::now();
  EXPECT_FALSE(f.server->drain(100));
  EXPECT_LT(ms_since(start), 1000);
}

TEST(Server, a_server_that_is_destroyed_tells_its_handlers_and_leaves_their_responders_harmless) {
  std::vector<Responder> held;
  bool called = false;
  {
    Fixture f;
    RawClient c(f.port());
    ASSERT_TRUE(c.send(get("/hold")));
    held.push_back(f.wait_held());
    held[0].on_gone([&called] { called = true; });
  }
  EXPECT_TRUE(called);
  EXPECT_TRUE(held[0].gone());
  held[0].send({200, {}, "text/plain", "nobody"});
  bool at_once = false;
  held[0].on_gone([&] { at_once = true; });
  EXPECT_TRUE(at_once);
  held.clear();
}

}  // namespace
}  // namespace bw::http
