// An endpoint that hangs, breaks off, redirects, floods and lies: every Ask ends once, in time, with a
// failure that names the host and not the key. The server is testing::FakeEndpoint.
#include <nlohmann/json.hpp>

#include "backend/testing.h"
#include "base/clock.h"

namespace bw::backend {
namespace {
using testing::FakeEndpoint;
using testing::Heard;
using testing::http;
using testing::stream_head;
using testing::submit;
using Talk = FakeEndpoint::Talk;
using Why = Failure::Why;

const std::string key = "sk-secret-0123456789";

EndpointOptions options(const std::string& url) {
  EndpointOptions o;
  o.name = "careful";
  o.url = url;
  o.model = "big";
  o.key = key;
  o.timeout_ms = 20'000;
  return o;
}
std::shared_ptr<Backend> open(const EndpointOptions& o) {
  auto b = open_endpoint(o);
  EXPECT_TRUE(b) << b.error().what;
  return *b;
}
Ask chat() {
  Ask a;
  a.messages_json = R"([{"role":"user","content":"hello"}])";
  return a;
}
std::string event(const std::string& text, const std::string& finish = "null") {
  return R"(data: {"choices":[{"index":0,"delta":{"content":)" + nlohmann::json(text).dump() +
         R"(},"finish_reason":)" + finish + "}]}\n\n";
}

// What a script leads to; the failure names the host, and the key stands nowhere.
Failure failure_of(FakeEndpoint::Script script, const std::function<void(EndpointOptions&)>& change = {}) {
  FakeEndpoint e(std::move(script));
  EndpointOptions o = options(e.url());
  if (change) change(o);
  const auto b = open(o);
  const auto heard = submit(*b, chat());
  const Failure f = heard->failure();
  EXPECT_EQ(heard->n_done, 1);
  EXPECT_NE(f.error.what.find(e.host()), std::string::npos) << f.error.what;
  EXPECT_EQ((f.error.what + f.error.next).find(key), std::string::npos) << f.error.what;
  EXPECT_LT(f.error.what.size(), 600u);
  return f;
}

TEST(Endpoint, a_stream_arrives_piece_by_piece_however_it_is_cut) {
  const std::string body = ": comment\r\n\r\n" + event("") + event("Hé") + event("llo 😀") +
                           event("", "\"stop\"") +
                           R"(data: {"choices":[],"usage":{"prompt_tokens":5,"completion_tokens":3}})"
                           "\r\n\r\n" +
                           "data: [DONE]\n\n";
  FakeEndpoint e([&](const Talk& t) {
    t.say(stream_head());
    for (size_t at = 0; at < body.size(); at += 3) {
      t.say(body.substr(at, 3));
      if (at % 30 == 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  });
  const auto b = open(options(e.url()));
  const auto heard = submit(*b, chat());
  const Reply& r = heard->reply();
  EXPECT_EQ(r.text, "Héllo 😀");
  EXPECT_EQ(heard->text, r.text);
  EXPECT_EQ(r.n_prompt, 5u);
  EXPECT_EQ(r.n_output, 3u);
  EXPECT_LE(r.ns_queued, r.ns_first);
  EXPECT_LE(r.ns_first, r.ns_total);
  const std::string request = e.requests().at(0);
  EXPECT_EQ(request.find("POST /v1/chat/completions HTTP/1.1\r\n"), 0u);
  EXPECT_NE(request.find("Authorization: Bearer " + key + "\r\n"), std::string::npos);
  EXPECT_NE(request.find(R"("model":"big")"), std::string::npos);
  EXPECT_FALSE(b->count(chat())->has_value());
  EXPECT_EQ(b->load().n_output_tokens, 3u);
}

TEST(Endpoint, an_answer_that_is_not_streamed_is_an_answer) {
  FakeEndpoint e([](const Talk& t) {
    t.say(http(
        200, "Content-Type: application/json\r\n",
        R"({"choices":[{"message":{"role":"assistant","content":"whole"},"finish_reason":"stop"}],"usage":{"prompt_tokens":2,"completion_tokens":1}})"));
  });
  const auto b = open(options(e.url() + "/"));
  const auto heard = submit(*b, chat());
  EXPECT_EQ(heard->reply().text, "whole");
  EXPECT_EQ(heard->text, "whole");
}

TEST(Endpoint, a_sender_that_does_not_close_after_done_is_not_waited_for) {
  FakeEndpoint e([](const Talk& t) {
    t.say(stream_head() + event("x", "\"stop\"") + "data: [DONE]\n\n");
    t.hang();
  });
  const uint64_t before = monotonic_ns();
  EXPECT_EQ(submit(*open(options(e.url())), chat())->reply().text, "x");
  EXPECT_LT(monotonic_ns() - before, 10'000'000'000u);
}

TEST(Endpoint, nobody_listening_is_unavailable) {
  std::string url, host;
  {
    FakeEndpoint gone([](const Talk&) {});
    url = gone.url();
    host = gone.host();
  }
  const auto b = open(options(url));
  const auto heard = submit(*b, chat());
  EXPECT_EQ(heard->failure().why, Why::unavailable);
  EXPECT_NE(heard->failure().error.what.find(host), std::string::npos);
}

TEST(Endpoint, one_that_never_answers_ends_with_the_timeout) {
  const uint64_t before = monotonic_ns();
  const Failure f =
      failure_of([](const Talk& t) { t.hang(); }, [](EndpointOptions& o) { o.timeout_ms = 300; });
  EXPECT_EQ(f.why, Why::unavailable);
  EXPECT_GE(monotonic_ns() - before, 290'000'000u);
}

TEST(Endpoint, one_that_stops_in_the_middle_ends_with_the_stall) {
  const Failure f = failure_of(
      [](const Talk& t) {
        t.say(stream_head() + event("so far"));
        t.hang();
      },
      [](EndpointOptions& o) { o.stall_ms = 300; });
  EXPECT_EQ(f.why, Why::unavailable);
  EXPECT_NE(f.error.what.find("300 ms"), std::string::npos) << f.error.what;
}

TEST(Endpoint, one_that_drips_for_ever_ends_with_the_timeout) {
  const Failure f = failure_of(
      [](const Talk& t) {
        t.say(stream_head());
        while (t.say(": still here\n")) std::this_thread::sleep_for(std::chrono::milliseconds(20));
      },
      [](EndpointOptions& o) { o.timeout_ms = 400; });
  EXPECT_EQ(f.why, Why::unavailable);
  EXPECT_NE(f.error.what.find("400 ms"), std::string::npos) << f.error.what;
}

TEST(Endpoint, a_deadline_is_told_as_one) {
  FakeEndpoint e([](const Talk& t) { t.hang(); });
  EndpointOptions o = options(e.url());
  o.max_running = 1;
  const auto b = open(o);
  Ask a = chat();
  a.deadline_ns = monotonic_ns() + 200'000'000;
  const auto running = submit(*b, a), waiting = submit(*b, a);
  EXPECT_EQ(running->failure().why, Why::deadline);
  EXPECT_EQ(waiting->failure().why, Why::deadline);
}

TEST(Endpoint, resets_half_answers_and_silence_are_unavailable) {
  EXPECT_EQ(failure_of([](const Talk& t) { t.reset(); }).why, Why::unavailable);
  EXPECT_EQ(failure_of([](const Talk&) {}).why, Why::unavailable);
  EXPECT_EQ(failure_of([](const Talk& t) { t.say("HTTP/1.1 200 OK\r\nContent-Le"); }).why, Why::unavailable);
  EXPECT_EQ(failure_of([](const Talk& t) {
              t.say(stream_head() + event("half"));
              t.reset();
            }).why,
            Why::unavailable);
  EXPECT_EQ(failure_of([](const Talk& t) { t.say(stream_head() + event("half")); }).why, Why::unavailable);
  EXPECT_EQ(
      failure_of([](const Talk& t) {
        t.say("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 999\r\n\r\n{\"choices\"");
      }).why,
      Why::unavailable);
}

TEST(Endpoint, statuses_are_told_as_what_they_mean) {
  const Failure busy = failure_of(
      [](const Talk& t) { t.say(http(429, "Retry-After: 12\r\n", R"({"error":{"message":"slow down"}})")); });
  EXPECT_EQ(busy.why, Why::busy);
  EXPECT_EQ(busy.retry_after_ms, 12'000u);
  EXPECT_NE(busy.error.what.find("slow down"), std::string::npos);
  EXPECT_EQ(failure_of([](const Talk& t) { t.say(http(500, "", "oops")); }).why, Why::unavailable);
  EXPECT_EQ(failure_of([](const Talk& t) { t.say(http(503, "", "")); }).why, Why::unavailable);
  EXPECT_EQ(failure_of([](const Talk& t) { t.say(http(413, "", "")); }).why, Why::too_long);
  EXPECT_EQ(failure_of([](const Talk& t) { t.say(http(500, "", std::string(1'000'000, 'e'))); }).why,
            Why::unavailable);
}

TEST(Endpoint, a_key_that_is_echoed_does_not_get_into_the_message) {
  const Failure f = failure_of([](const Talk& t) {
    t.say(http(401, "", R"({"error":{"message":"Incorrect API key provided: )" + key + R"(. Check it."}})"));
  });
  EXPECT_EQ(f.why, Why::failed);
  EXPECT_NE(f.error.what.find("provided: [key]. Check"), std::string::npos) << f.error.what;
}

TEST(Endpoint, a_redirection_is_not_followed) {
  FakeEndpoint other([](const Talk& t) { t.say(http(200, "", "{}")); });
  const Failure f = failure_of(
      [&](const Talk& t) { t.say(http(307, "Location: " + other.url() + "/chat/completions\r\n", "")); });
  EXPECT_EQ(f.why, Why::failed);
  EXPECT_NE(f.error.what.find("redirection"), std::string::npos);
  EXPECT_TRUE(other.requests().empty());
}

TEST(Endpoint, garbage_is_said_to_be_garbage) {
  EXPECT_EQ(failure_of([](const Talk& t) { t.say("SSH-2.0-OpenSSH_9.2\r\n"); }).why, Why::failed);
  EXPECT_EQ(failure_of([](const Talk& t) { t.say(http(200, "", "<html>hello</html>")); }).why, Why::failed);
  EXPECT_EQ(failure_of([](const Talk& t) { t.say(stream_head() + "data: {\"choices\": [}\n\n"); }).why,
            Why::failed);
  EXPECT_EQ(failure_of([](const Talk& t) {
              t.say(stream_head() + event("x") + "data: {\"error\":{\"message\":\"lost the model\"}}\n\n");
            }).error.what.find("lost the model") != std::string::npos,
            true);
}

TEST(Endpoint, an_endless_answer_is_cut_at_its_bound) {
  for (const bool one_line : {true, false}) {
    const Failure f = failure_of([&](const Talk& t) {
      if (!t.say(stream_head())) return;
      const std::string more = one_line ? std::string(1 << 16, 'x') : event(std::string(1 << 16, 'x'));
      if (one_line && !t.say("data: ")) return;
      while (t.say(more)) {
      }
    });
    EXPECT_EQ(f.why, Why::failed);
    EXPECT_NE(f.error.what.find("more than an answer can be"), std::string::npos) << f.error.what;
  }
}

TEST(Endpoint, cancel_and_its_end_end_what_runs_and_what_waits) {
  FakeEndpoint e([](const Talk& t) {
    t.say(stream_head() + event("x"));
    t.hang();
  });
  EndpointOptions o = options(e.url());
  o.max_running = 1;
  auto b = open(o);
  const auto running = Heard::make(), waiting = Heard::make();
  const AskId first = b->submit(chat(), Heard::events(running));
  const AskId second = b->submit(chat(), Heard::events(waiting));
  ASSERT_TRUE(running->wait_for_text());
  b->cancel(second);
  EXPECT_EQ(waiting->failure().why, Why::cancelled);
  b->cancel(first);
  EXPECT_EQ(running->failure().why, Why::cancelled);
  b->cancel(first);
  const auto third = submit(*b, chat()), fourth = submit(*b, chat());
  ASSERT_TRUE(third->wait_for_text());
  b.reset();
  EXPECT_EQ(third->failure().why, Why::unavailable);
  EXPECT_EQ(fourth->failure().why, Why::unavailable);
  EXPECT_EQ(running->n_done + waiting->n_done + third->n_done + fourth->n_done, 4);
}

TEST(Endpoint, a_full_queue_is_said_and_what_it_cannot_be_asked_refused) {
  FakeEndpoint e([](const Talk& t) { t.hang(); });
  EndpointOptions o = options(e.url());
  o.max_running = 1;
  o.max_queued = 1;
  const auto b = open(o);
  const auto one = submit(*b, chat()), two = submit(*b, chat()), three = submit(*b, chat());
  EXPECT_EQ(three->failure().why, Why::busy);
  EXPECT_GE(three->failure().retry_after_ms, 1u);
  Ask ids;
  ids.tokens = std::vector<text::Token>{1};
  const auto four = submit(*b, ids);
  EXPECT_EQ(four->failure().why, Why::bad_request);
  EXPECT_EQ(one->n_done + two->n_done, 0);
}

TEST(Endpoint, many_at_once_share_connections_and_each_gets_its_own_answer) {
  FakeEndpoint e([](const Talk& first) {
    // Keep-alive: answers until the client goes.
    Talk t = first;
    for (;;) {
      const size_t at = t.request.find("content\":\"n");
      const std::string n = t.request.substr(at + 11, t.request.find('"', at + 11) - at - 11);
      t.say(http(200, "Content-Type: text/event-stream\r\n",
                 event("answer " + n, "\"stop\"") + "data: [DONE]\n\n"));
      t.request.clear();
      while (t.request.find("\"top_p\"") == std::string::npos || !t.request.ends_with('}')) {
        pollfd p[2] = {{t.fd, POLLIN, 0}, {t.stop, POLLIN, 0}};
        char buffer[4096];
        if (::poll(p, 2, 30'000) <= 0 || p[1].revents) return;
        const ssize_t got = ::recv(t.fd, buffer, sizeof buffer, 0);
        if (got <= 0) return;
        t.request.append(buffer, size_t(got));
      }
    }
  });
  EndpointOptions o = options(e.url());
  o.max_running = 4;
  const auto b = open(o);
  std::vector<std::shared_ptr<Heard>> heard;
  for (int i = 0; i < 40; ++i) {
    Ask a = chat();
    a.messages_json = R"([{"role":"user","content":"n)" + std::to_string(i) + "\"}]";
    heard.push_back(submit(*b, a));
  }
  for (int i = 0; i < 40; ++i) EXPECT_EQ(heard[size_t(i)]->reply().text, "answer " + std::to_string(i));
  EXPECT_LE(e.requests().size(), 4u);  // connections
}

TEST(Endpoint, what_is_no_http_url_is_refused_before_anything_is_asked) {
  for (const char* url :
       {"", "ftp://a/v1", "file:///etc/passwd", "127.0.0.1:80/v1 x", "http://user:pw@host/v1",
        "http://host/v1?x=1", "http://host/v1#x", "gopher://host"}) {
    EndpointOptions o = options(url);
    EXPECT_FALSE(open_endpoint(o)) << url;
  }
  EndpointOptions o = options("http://127.0.0.1:1/v1");
  o.key = "a\r\nX-Evil: 1";
  const auto b = open_endpoint(o);
  ASSERT_FALSE(b);
  EXPECT_EQ(b.error().what.find("Evil"), std::string::npos);
  o = options("http://127.0.0.1:1/v1");
  o.model.clear();
  EXPECT_FALSE(open_endpoint(o));
}

}  // namespace
}  // namespace bw::backend
