// Time limits, slow clients, counts of connections, want of descriptors. Oracle: the limits given, by the
// clock; bounds are wide above, as the machine may be busy, and strict below.
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <atomic>
#include <thread>
#include <vector>

#include "http/http.h"
#include "http/raw_client.h"

namespace bw::http {
namespace {
using namespace testing;
using Clock = std::chrono::steady_clock;

std::unique_ptr<Server> echo(const Options& options) {
  auto server = Server::listen(options, [](Request&& r, Responder responder) {
    responder.send({200, {}, "text/plain", r.path + ":" + r.body});
  });
  EXPECT_TRUE(server) << server.error().what;
  return std::move(*server);
}

// Sends a byte every 20 ms until the server answers or ends; how long it bore that.
double trickle(RawClient& c, std::string_view start, char byte) {
  const auto begin = Clock::now();
  EXPECT_TRUE(c.send(start));
  while (ms_since(begin) < 5000) {
    pollfd p{c.fd(), POLLIN, 0};
    if (poll(&p, 1, 20) > 0) break;
    if (!c.send({&byte, 1})) break;
  }
  return ms_since(begin);
}

TEST(Limits, a_header_that_comes_too_slowly_is_a_408) {
  Options o;
  o.header_ms = 300;
  const auto server = echo(o);
  RawClient c(server->port());
  const double ms = trickle(c, "GET / HTTP/1.1\r\nX: ", 'a');
  EXPECT_GE(ms, 290);
  EXPECT_LT(ms, 2000);
  EXPECT_EQ(c.reply()->status, 408);
  EXPECT_TRUE(c.ends_within(1000));
}

TEST(Limits, the_second_request_of_a_connection_has_the_same_time_for_its_header) {
  Options o;
  o.header_ms = 300;
  const auto server = echo(o);
  RawClient c(server->port());
  ASSERT_TRUE(c.send(get("/")));
  EXPECT_EQ(c.reply()->status, 200);
  EXPECT_EQ(c.read(400), "");  // idle is no header
  EXPECT_FALSE(c.ended());
  const double ms = trickle(c, "GET / HTTP/1.1\r\nX: ", 'a');
  EXPECT_GE(ms, 290);
  EXPECT_LT(ms, 2000);
  EXPECT_EQ(c.reply()->status, 408);
}

TEST(Limits, a_connection_that_says_nothing_is_closed_without_a_word) {
  Options o;
  o.header_ms = 200;
  o.idle_ms = 300;
  const auto server = echo(o);
  RawClient fresh(server->port()), idle(server->port());
  ASSERT_TRUE(idle.send(get("/")));
  EXPECT_EQ(idle.reply()->status, 200);
  const auto start = Clock::now();
  EXPECT_TRUE(fresh.ends_within(2000));
  EXPECT_TRUE(idle.ends_within(2000));
  EXPECT_GE(ms_since(start), 280);
}

TEST(Limits, a_body_that_comes_too_slowly_is_a_408) {
  Options o;
  o.body_ms = 300;
  const auto server = echo(o);
  RawClient c(server->port());
  const double ms = trickle(c, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n", 'a');
  EXPECT_GE(ms, 290);
  EXPECT_LT(ms, 2000);
  EXPECT_EQ(c.reply()->status, 408);
}

TEST(Limits, a_client_that_takes_no_byte_of_a_long_answer_is_cut_off) {
  Options o;
  o.write_ms = 300;
  std::atomic<bool> gone{false};
  auto server = Server::listen(o, [&](Request&&, Responder responder) {
    responder.on_gone([&] { gone = true; });
    responder.send(
        {200, {}, "text/plain", std::string(64u << 20, 'x')});  // beyond any buffer of the kernel's
  });
  RawClient c((*server)->port(), 4096);
  ASSERT_TRUE(c.send(get("/")));
  const auto start = Clock::now();
  while (!gone && ms_since(start) < 5000) std::this_thread::sleep_for(std::chrono::milliseconds(5));
  EXPECT_TRUE(gone);
  EXPECT_GE(ms_since(start), 290);
  const auto reply = c.reply();
  EXPECT_FALSE(reply && reply->whole);
  EXPECT_EQ((*server)->n_connections(), 0u);
}

TEST(Limits, a_refusal_reaches_a_client_that_is_still_sending) {
  Options o;
  o.max_body_bytes = 1000;
  const auto server = echo(o);
  RawClient c(server->port());
  // 3 MB are on their way when the refusal is written; a close at once would reset the connection under it.
  EXPECT_TRUE(c.send(post("/", std::string(3 << 20, 'x'))));
  const auto reply = c.reply();
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->status, 413);
}

TEST(Limits, a_body_of_the_limit_is_taken_and_one_byte_more_is_not) {
  Options o;
  o.max_body_bytes = 1u << 20;
  const auto server = echo(o);
  const std::string body(1u << 20, 'b');
  RawClient c(server->port());
  ASSERT_TRUE(c.send(post("/", body)));
  EXPECT_EQ(c.reply()->body.size(), body.size() + 2);
  std::string chunks = "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n";
  for (int i = 0; i < 16; ++i) chunks += "10000\r\n" + body.substr(0, 65536) + "\r\n";
  ASSERT_TRUE(c.send(chunks + "0\r\n\r\n"));
  EXPECT_EQ(c.reply()->body.size(), body.size() + 2);
  ASSERT_TRUE(c.send(chunks + "1\r\nb\r\n0\r\n\r\n"));
  EXPECT_EQ(c.reply()->status, 413);
  RawClient d(server->port());
  ASSERT_TRUE(d.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1048577\r\n\r\n"));
  EXPECT_EQ(d.reply()->status, 413);
}

TEST(Limits, one_connection_too_many_is_told_503_and_when_to_come_again) {
  Options o;
  o.max_connections = 5;
  const auto server = echo(o);
  std::vector<RawClient> all;
  for (int i = 0; i < 5; ++i) {
    all.emplace_back(server->port());
    ASSERT_TRUE(all.back().send(get("/")));
    EXPECT_EQ(all.back().reply()->status, 200);
  }
  EXPECT_EQ(server->n_connections(), 5u);
  RawClient extra(server->port());
  ASSERT_TRUE(extra.send(get("/")));
  const auto reply = extra.reply();
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->status, 503);
  EXPECT_EQ(reply->headers.at("retry-after"), "1");
  EXPECT_TRUE(extra.ends_within(3000));
  ASSERT_TRUE(all[0].send(get("/still")));
  EXPECT_EQ(all[0].reply()->body, "/still:");
  all.pop_back();
  bool again = false;
  for (int i = 0; i < 100 && !again; ++i) {
    RawClient c(server->port());
    c.send(get("/"));
    const auto r = c.reply();
    again = r && r->status == 200;
  }
  EXPECT_TRUE(again);
}

TEST(Limits, bodies_on_their_way_have_a_limit_together) {
  Options o;
  o.max_body_bytes = 1u << 20;
  o.max_bodies_bytes = 3u << 19;  // one and a half
  const auto server = echo(o);
  const std::string most((1u << 20) - 1, 'b');
  const std::string head = "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1048576\r\n\r\n";
  RawClient first(server->port()), second(server->port());
  ASSERT_TRUE(first.send(head + most));
  second.send(head + most);
  RawClient* refused = nullptr;
  for (RawClient* c : {&second, &first})
    if (pollfd p{c->fd(), POLLIN, 0}; !refused && poll(&p, 1, 2000) > 0) refused = c;
  ASSERT_NE(refused, nullptr);
  EXPECT_EQ(refused->reply()->status, 503);
  RawClient& other = refused == &first ? second : first;
  ASSERT_TRUE(other.send("b"));
  EXPECT_EQ(other.reply()->status, 200);
  refused->close();
  RawClient third(server->port());  // the room came back
  ASSERT_TRUE(third.send(post("/", most)));
  EXPECT_EQ(third.reply()->status, 200);
}

double cpu_seconds() {
  rusage u{};
  getrusage(RUSAGE_SELF, &u);
  return static_cast<double>(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
         1e-6 * static_cast<double>(u.ru_utime.tv_usec + u.ru_stime.tv_usec);
}

TEST(Limits, without_descriptors_accepting_waits_and_does_not_spin) {
  const auto server = echo({});
  rlimit before{};
  getrlimit(RLIMIT_NOFILE, &before);
  // One descriptor is left, for the client; the server has none to accept with.
  const int next = dup(0);
  close(next);
  std::vector<RawClient> all;
  rlimit low = before;
  low.rlim_cur = static_cast<rlim_t>(next) + 1;
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &low), 0);
  all.emplace_back(server->port());
  ASSERT_TRUE(all[0].connected());
  ASSERT_TRUE(all[0].send(get("/")));
  const double cpu = cpu_seconds();
  EXPECT_EQ(all[0].read(500), "");
  const double spent = cpu_seconds() - cpu;
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &before), 0);
  EXPECT_LT(spent, 0.1);
  EXPECT_EQ(all[0].reply()->body, "/:");  // the connection was kept in the queue
}

}  // namespace
}  // namespace bw::http
