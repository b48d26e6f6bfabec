// Streams: pieces as they are written, slow readers, clients that vanish, aborts. Oracle: a client of bare
// sockets.
#include <gtest/gtest.h>

#include <atomic>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>

#include "base/host.h"
#include "http/http.h"
#include "http/raw_client.h"

namespace bw::http {
namespace {
using namespace testing;
using Clock = std::chrono::steady_clock;

// A server whose handler begins a stream and hands the Responder to the test.
struct Streams {
  std::mutex mutex;
  std::condition_variable changed;
  std::vector<Responder> open;
  std::unique_ptr<Server> server;

  explicit Streams(const Options& options = {}) {
    server = std::move(*Server::listen(options, [this](Request&&, Responder responder) {
      responder.begin({200, {{"Cache-Control", "no-store"}}, "text/event-stream", ""});
      const std::lock_guard lock(mutex);
      open.push_back(std::move(responder));
      changed.notify_all();
    }));
  }
  ~Streams() { server.reset(); }
  Responder next() {
    std::unique_lock lock(mutex);
    EXPECT_TRUE(changed.wait_for(lock, std::chrono::seconds(5), [&] { return !open.empty(); }));
    Responder r = open.back();
    open.pop_back();
    return r;
  }
};

bool eventually(const std::function<bool()>& holds, int ms = 5000) {
  const auto start = Clock::now();
  while (!holds()) {
    if (ms_since(start) > ms) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return true;
}

TEST(Stream, each_piece_arrives_before_the_next_is_written) {
  Streams s;
  RawClient c(s.server->port());
  ASSERT_TRUE(c.send(get("/")));
  const Responder r = s.next();
  const auto head = c.reply(true);
  EXPECT_EQ(head->headers.at("transfer-encoding"), "chunked");
  EXPECT_EQ(head->headers.at("cache-control"), "no-store");
  for (int i = 0; i < 50; ++i) {
    r.write("data: " + std::to_string(i) + "\n\n");
    EXPECT_EQ(c.chunk(), "data: " + std::to_string(i) + "\n\n");
  }
  r.write("");  // would be the last chunk
  r.end();
  r.write("after");
  EXPECT_EQ(c.chunk(), "");
  ASSERT_TRUE(c.send(get("/again")));
  s.next().end();
  EXPECT_EQ(c.reply()->body, "");
}

TEST(Stream, many_threads_may_write_and_no_byte_is_lost) {
  Streams s;
  RawClient c(s.server->port());
  ASSERT_TRUE(c.send(get("/")));
  const Responder r = s.next();
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([r, t] {
      for (int i = 0; i < 500; ++i)
        r.write(std::string(1, static_cast<char>('a' + t)) + std::to_string(i) + ";");
    });
  for (auto& t : threads) t.join();
  r.end();
  const auto reply = c.reply();
  ASSERT_TRUE(reply->whole);
  int next[4] = {};
  size_t n = 0;
  for (size_t at = 0; at < reply->body.size(); at = reply->body.find(';', at) + 1, ++n) {
    const int t = reply->body[at] - 'a';
    ASSERT_TRUE(t >= 0 && t < 4);
    EXPECT_EQ(std::atoi(reply->body.c_str() + at + 1), next[t]++);  // each thread's pieces in its order
  }
  EXPECT_EQ(n, 2000u);
}

TEST(Stream, a_head_request_gets_no_piece_of_it) {
  Streams s;
  RawClient c(s.server->port());
  ASSERT_TRUE(c.send("HEAD / HTTP/1.1\r\nHost: x\r\n\r\n"));
  const Responder r = s.next();
  r.write("piece");
  r.end();
  EXPECT_EQ(c.reply(true)->status, 200);
  ASSERT_TRUE(c.send(get("/")));
  s.next().end();
  EXPECT_EQ(c.reply()->status, 200);
}

// However the client leaves: between pieces and while nothing is written at all.
TEST(Stream, a_client_that_vanishes_is_told_of_within_100_ms) {
  for (const bool by_reset : {false, true})
    for (const bool begun : {false, true}) {
      std::mutex mutex;
      std::condition_variable changed;
      std::optional<Responder> held;
      std::optional<Clock::time_point> told;
      auto server = std::move(*Server::listen({}, [&](Request&&, Responder responder) {
        const std::lock_guard lock(mutex);
        if (begun) responder.begin({200, {}, "text/event-stream", ""});
        responder.on_gone([&] {
          const std::lock_guard inner(mutex);
          told = Clock::now();
          changed.notify_all();
        });
        held = std::move(responder);
        changed.notify_all();
      }));
      RawClient c(server->port());
      ASSERT_TRUE(c.send(get("/")));
      std::unique_lock lock(mutex);
      ASSERT_TRUE(changed.wait_for(lock, std::chrono::seconds(5), [&] { return held.has_value(); }));
      lock.unlock();
      if (begun) {
        held->write("a");
        EXPECT_EQ(c.reply(true)->status, 200);
        EXPECT_EQ(c.chunk(), "a");
      }
      EXPECT_FALSE(held->gone());
      const auto left = Clock::now();
      if (by_reset)
        c.reset();
      else
        c.close();
      lock.lock();
      ASSERT_TRUE(changed.wait_for(lock, std::chrono::seconds(5), [&] { return told.has_value(); }));
      EXPECT_LT(std::chrono::duration<double>(*told - left).count(), 0.1) << by_reset << begun;
      lock.unlock();
      EXPECT_TRUE(held->gone());
      held->write("b");
      held->end();
      held->send({});
      EXPECT_TRUE(eventually([&] { return server->n_connections() == 0; }));
    }
}

TEST(Stream, a_slow_reader_is_cut_off_and_never_holds_more_than_its_limit) {
  Options o;
  o.max_waiting_bytes = 256u << 10;
  Streams s(o);
  RawClient c(s.server->port(), 4096);
  ASSERT_TRUE(c.send(get("/")));
  const Responder r = s.next();
  std::atomic<bool> told{false};
  r.on_gone([&] { told = true; });
  const uint64_t before = process_memory()->rss;
  size_t most = 0, written = 0;
  const std::string piece(1000, 'x');
  while (!told && written < (200u << 20)) {
    r.write(piece);
    written += piece.size();
    most = std::max(most, r.n_waiting());
    if (r.n_waiting() > 100u << 10) std::this_thread::sleep_for(std::chrono::microseconds(100));
  }
  EXPECT_TRUE(told);
  EXPECT_TRUE(r.gone());
  EXPECT_EQ(r.n_waiting(), 0u);
  EXPECT_LE(most, o.max_waiting_bytes);
  const double grown = (static_cast<double>(process_memory()->rss) - static_cast<double>(before)) / 1e6;
  if (memory_means_something) {
    EXPECT_LT(grown, 8);
  }
  EXPECT_TRUE(eventually([&] { return s.server->n_connections() == 0; }));
  const auto reply = c.reply();  // what there was, and no end that looks like one
  EXPECT_FALSE(reply && reply->whole);
  RecordProperty("written", std::to_string(written));
  RecordProperty("grown_mb", std::to_string(grown));
}

TEST(Stream, a_reader_that_is_slow_but_keeps_up_gets_all_of_it) {
  Streams s;
  RawClient c(s.server->port(), 8192);
  ASSERT_TRUE(c.send(get("/")));
  const Responder r = s.next();
  constexpr int n = 3000;
  std::thread writer([&] {
    for (int i = 0; i < n; ++i) {
      while (r.n_waiting() > 100'000) std::this_thread::sleep_for(std::chrono::milliseconds(1));
      r.write(std::string(1000, static_cast<char>('a' + i % 26)));
    }
    r.end();
  });
  const auto reply = c.reply();
  writer.join();
  ASSERT_TRUE(reply->whole);
  ASSERT_EQ(reply->body.size(), n * 1000u);
  for (size_t i = 0; i < reply->body.size(); i += 997)
    ASSERT_EQ(reply->body[i], static_cast<char>('a' + (i / 1000) % 26));
}

TEST(Stream, one_that_is_aborted_is_not_taken_for_whole) {
  for (const bool old : {false, true}) {
    Streams s;
    RawClient c(s.server->port());
    ASSERT_TRUE(c.send(old ? "GET / HTTP/1.0\r\n\r\n" : get("/")));
    const Responder r = s.next();
    r.write("some");
    if (old) {
      while (c.read().find("some") == std::string::npos && !c.ended()) {
      }
      r.abort();
      char byte = 0;
      ssize_t n = 0;
      while ((n = recv(c.fd(), &byte, 1, 0)) > 0) {
      }
      EXPECT_EQ(n, -1);  // a reset: an orderly end would be the end of the body
    } else {
      r.abort();
      const auto reply = c.reply();
      EXPECT_EQ(reply->body, "some");
      EXPECT_FALSE(reply->whole);
    }
  }
}

TEST(Stream, one_whose_responder_is_dropped_is_aborted) {
  Streams s;
  RawClient c(s.server->port());
  ASSERT_TRUE(c.send(get("/")));
  s.next().write("some");
  const auto reply = c.reply();
  EXPECT_EQ(reply->body, "some");
  EXPECT_FALSE(reply->whole);
}

}  // namespace
}  // namespace bw::http
