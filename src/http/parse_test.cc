// What the parser takes and what it refuses. Oracle: the rules of RFC 9112 and RFC 3986, written out as
// cases.
#include "http/parse.h"

#include <gtest/gtest.h>

#include "http/head.h"
#include "http/target.h"

namespace bw::http {
namespace {

Options limits() {
  Options o;
  o.max_header_bytes = 1000;
  o.max_headers = 10;
  o.max_body_bytes = 100;
  return o;
}

// Status of the refusal, 0 where a request came, -1 where more is awaited.
int verdict(std::string_view bytes, std::string* what = nullptr) {
  const Options options = limits();
  Parser parser(options);
  const auto state = parser.feed(bytes);
  if (what && state == Parser::State::refused) *what = parser.refusal().what;
  return state == Parser::State::refused ? parser.refusal().status : state == Parser::State::done ? 0 : -1;
}

TEST(Parser, a_request_comes_with_path_query_headers_and_body) {
  const Options options = limits();
  Parser parser(options);
  EXPECT_EQ(parser.feed("POST /a%20b?x=1&y=a+b%26&x=2&z HTTP/1.1\r\nHost: h:1\r\nX-Thing:  v w "
                        "\r\ncontent-length: 3\r\n\r\nabc"),
            Parser::State::done);
  EXPECT_TRUE(parser.keep_alive());
  const Request r = parser.take();
  EXPECT_EQ(r.method, "POST");
  EXPECT_EQ(r.target, "/a%20b?x=1&y=a+b%26&x=2&z");
  EXPECT_EQ(r.path, "/a b");
  const std::vector<std::pair<std::string, std::string>> query{
      {"x", "1"}, {"y", "a b&"}, {"x", "2"}, {"z", ""}};
  EXPECT_EQ(r.query, query);
  EXPECT_EQ(r.header("x-thing"), "v w");
  EXPECT_EQ(r.header("X-THING"), "v w");
  EXPECT_EQ(r.header("absent"), std::nullopt);
  EXPECT_EQ(r.parameter("x"), "1");
  EXPECT_EQ(r.body, "abc");
}

TEST(Parser, framing_that_two_programs_could_read_differently_is_refused) {
  const std::string start = "POST / HTTP/1.1\r\nHost: h\r\n";
  const std::pair<const char*, int> cases[] = {
      {"Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc", 400},
      {"Content-Length: 3\r\nContent-Length: 4\r\n\r\nabc", 400},
      {"Content-Length: 3, 3\r\n\r\nabc", 400},
      {"Content-Length: +3\r\n\r\nabc", 400},
      {"Content-Length: -1\r\n\r\n", 400},
      {"Content-Length: 0x3\r\n\r\nabc", 400},
      {"Content-Length: 3 3\r\n\r\nabc", 400},
      {"Content-Length:\r\n\r\n", 400},
      {"Content-Length: 99999999999999999999999\r\n\r\n", 400},
      {"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
      {"Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n", 400},
      {"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
      {"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n", 400},
      {"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501},
      {"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n", 501},
      {"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", 501},
      {"Transfer-Encoding: identity\r\n\r\n", 501},
      {"Transfer-Encoding:\x0b"
       "chunked\r\n\r\n0\r\n\r\n",
       400},
      {"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n", 400},
      {"Content-Length : 3\r\n\r\nabc", 400},
      {"X: a\r\n Content-Length: 3\r\n\r\n", 400},    // obs-fold
      {"X: a\r\n\tb\r\n\r\n", 400},                   // obs-fold
      {"X: a\nContent-Length: 3\r\n\r\nabc", 400},    // bare LF
      {"X: a\r\rContent-Length: 3\r\n\r\nabc", 400},  // bare CR
      {"X: a\r\n\n", 400},
      {"X\r\n\r\n", 400},
      {": a\r\n\r\n", 400},
      {"X y: a\r\n\r\n", 400},
      {"Host: other\r\n\r\n", 400},
      {"Expect: 200-ok\r\n\r\n", 417},
  };
  for (const auto& [rest, expected] : cases) {
    EXPECT_EQ(verdict(start + rest), expected) << rest;
  }
  EXPECT_EQ(verdict(start + std::string("X: a\0b\r\n\r\n", 10)), 400);
  EXPECT_EQ(verdict(start + "Content-Length: 3\r\n\r\nabc"), 0);
  EXPECT_EQ(verdict(start + "Transfer-Encoding: Chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"), 0);
}

TEST(Parser, the_first_line_and_host_are_held_to_their_forms) {
  const std::pair<const char*, int> cases[] = {
      {"GET / HTTP/1.1\r\n\r\n", 400},         // no Host
      {"GET / HTTP/1.1\r\nHost:\r\n\r\n", 0},  // empty is a Host
      {"GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\nHost: u@b\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n", 0},
      {"GET / HTTP/1.0\r\n\r\n", 0},
      {"GET / HTTP/2.0\r\nHost: h\r\n\r\n", 505},
      {"GET / HTTP/1.2\r\nHost: h\r\n\r\n", 505},
      {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505},
      {"GET /\r\n\r\n", 400},
      {"GET  / HTTP/1.1\r\nHost: h\r\n\r\n", 400},
      {"GET / HTTP/1.1 \r\nHost: h\r\n\r\n", 505},
      {"GET\t/ HTTP/1.1\r\nHost: h\r\n\r\n", 400},
      {" GET / HTTP/1.1\r\nHost: h\r\n\r\n", 400},
      {"G(T / HTTP/1.1\r\nHost: h\r\n\r\n", 400},
      {"CONNECT h:1 HTTP/1.1\r\nHost: h\r\n\r\n", 501},
      {"TRACE / HTTP/1.1\r\nHost: h\r\n\r\n", 501},
      {"BREW / HTTP/1.1\r\nHost: h\r\n\r\n", 0},  // for the handler to say 405
      {"OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n", 0},
      {"GET * HTTP/1.1\r\nHost: h\r\n\r\n", 400},
      {"GET h HTTP/1.1\r\nHost: h\r\n\r\n", 400},
      {"\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n", 0},  // one empty line before
      {"\r\n\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n", 400},
      {"\x16\x03\x01", 400},  // TLS, without waiting for an end of line
      {"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
  };
  for (const auto& [bytes, expected] : cases) {
    std::string what;
    const int got = verdict(bytes, &what);
    if (std::string_view(bytes) == "GET / HTTP/1.1 \r\nHost: h\r\n\r\n") {
      EXPECT_GE(got, 400) << bytes;
    } else {
      EXPECT_EQ(got, expected) << bytes << what;
    }
  }
}

TEST(Parser, a_path_is_decoded_or_refused) {
  const std::pair<const char*, const char*> good[] = {
      {"/", "/"},
      {"/a//b/", "/a//b/"},
      {"/%41%2fb", "/A/b"},
      {"/a..b/...", "/a..b/..."},
      {"/%C3%A4", "\xC3\xA4"},
      {"http://h", "/"},
      {"HTTP://h/x?y", "/x"},
      {"http://h?y=1", "/"},
      {"/a+b", "/a+b"},
  };
  for (const auto& [target, path] : good) {
    auto t = parse_target(target);
    ASSERT_TRUE(t) << target << t.error().what;
    EXPECT_EQ(t->path, std::string_view(path) == "\xC3\xA4" ? "/\xC3\xA4" : path) << target;
  }
  for (const char* target :
       {"",           "a",           "/%",          "/%4",         "/%zz",       "/%4g",
        "/%00",       "/%0a",        "/%7f",        "/..",         "/../etc",    "/a/..",
        "/a/./b",     "/%2e%2e/etc", "/a%2f..%2fb", "/.%2e",       "/%ff",       "/%c3",
        "/%ed%a0%80", "/%c0%ae",     "/a#b",        "/a b",        "/\xC3\xA4",  "/?%",
        "/?a=%00",    "/?%ff=1",     "http://",     "http://u@h/", "https:///x", "ftp://h/"})
    EXPECT_FALSE(parse_target(target)) << target;
  EXPECT_EQ(parse_target("http://h:8/x")->authority, "h:8");
}

TEST(Parser, the_authority_of_the_target_stands_in_for_host) {
  const Options options = limits();
  Parser parser(options);
  ASSERT_EQ(parser.feed("GET http://evil.example:1/x HTTP/1.1\r\nHost: localhost\r\n\r\n"),
            Parser::State::done);
  EXPECT_EQ(parser.take().header("host"), "evil.example:1");
}

TEST(Parser, limits_hold_to_the_byte) {
  const std::string start = "GET / HTTP/1.1\r\nHost: h\r\nX: ";
  const auto of_size = [&](size_t n) { return start + std::string(n - start.size() - 4, 'a') + "\r\n\r\n"; };
  EXPECT_EQ(verdict(of_size(1000)), 0);
  EXPECT_EQ(verdict(of_size(1001)), 431);
  EXPECT_EQ(verdict(start + std::string(5000, 'a')), 431);  // and does not wait for the end
  EXPECT_EQ(verdict("GET /" + std::string(5000, 'a')), 414);
  std::string lines = "GET / HTTP/1.1\r\nHost: h\r\n";
  for (int i = 0; i < 9; ++i) lines += "X: a\r\n";
  EXPECT_EQ(verdict(lines + "\r\n"), 0);
  EXPECT_EQ(verdict(lines + "X: a\r\n\r\n"), 431);
  const std::string put = "PUT / HTTP/1.1\r\nHost: h\r\n";
  EXPECT_EQ(verdict(put + "Content-Length: 100\r\n\r\n" + std::string(100, 'a')), 0);
  EXPECT_EQ(verdict(put + "Content-Length: 101\r\n\r\n"), 413);  // before a byte of it
  EXPECT_EQ(verdict(put + "Transfer-Encoding: chunked\r\n\r\n32\r\n" + std::string(50, 'a') + "\r\n32\r\n" +
                    std::string(50, 'b') + "\r\n0\r\n\r\n"),
            0);
  EXPECT_EQ(verdict(put + "Transfer-Encoding: chunked\r\n\r\n32\r\n" + std::string(50, 'a') + "\r\n33\r\n"),
            413);
  EXPECT_EQ(verdict(put + "Transfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n"), 413);
  EXPECT_EQ(verdict(put + "Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n"), 400);
  EXPECT_EQ(verdict(put + "Transfer-Encoding: chunked\r\n\r\n5;x=" + std::string(2000, 'a')), 400);
  EXPECT_EQ(verdict(put + "Transfer-Encoding: chunked\r\n\r\n0\r\nX: " + std::string(2000, 'a')), 400);
}

TEST(Parser, chunked_bodies_are_read_and_malformed_ones_refused) {
  const std::string start = "PUT / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n";
  const Options options = limits();
  Parser parser(options);
  ASSERT_EQ(parser.feed(start +
                        "3;a=b;c=\"d\r\nabc\r\n0A\r\n0123456789\r\n0\r\nX-Trailer: t\r\nHost: evil\r\n\r\n"),
            Parser::State::done);
  const Request r = parser.take();
  EXPECT_EQ(r.body, "abc0123456789");
  EXPECT_EQ(r.header("host"), "h");  // a trailer changes no header
  EXPECT_EQ(r.header("x-trailer"), std::nullopt);
  for (const char* body : {"3\r\nabcd\r\n", "3\nabc\r\n", "x\r\n", "\r\n", "-1\r\n", "3\r\nabc0\r\n\r\n",
                           "0x3\r\nabc\r\n", "3 \n\r\nabc\r\n", "3;a=\nb\r\nabc\r\n"})
    EXPECT_EQ(verdict(start + body + "\r\n\r\n"), 400) << body;
}

TEST(Parser, requests_that_follow_each_other_are_kept_apart) {
  const Options options = limits();
  Parser parser(options);
  EXPECT_EQ(parser.feed("PUT /1 HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nabGET /2 HTTP/1.1\r\nHost: "
                        "h\r\n\r\nGET /3"),
            Parser::State::done);
  EXPECT_EQ(parser.take().body, "ab");
  EXPECT_EQ(parser.next(), Parser::State::done);
  const Request second = parser.take();
  EXPECT_EQ(second.path, "/2");
  EXPECT_EQ(second.body, "");
  EXPECT_EQ(parser.next(), Parser::State::head);
  EXPECT_EQ(parser.feed(" HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"), Parser::State::done);
  EXPECT_FALSE(parser.keep_alive());
  EXPECT_EQ(parser.take().path, "/3");
  EXPECT_EQ(parser.next(), Parser::State::idle);
}

TEST(Parser, a_client_that_expects_continue_is_seen_before_its_body) {
  const Options options = limits();
  Parser parser(options);
  EXPECT_EQ(parser.feed("PUT / HTTP/1.1\r\nHost: h\r\nExpect: 100-Continue\r\nContent-Length: 2\r\n\r\n"),
            Parser::State::body);
  EXPECT_TRUE(parser.wants_continue());
  parser.feed("a");
  EXPECT_FALSE(parser.wants_continue());
}

TEST(Head, what_would_let_a_value_write_a_header_of_its_own_is_refused) {
  const auto with = [](std::string name, std::string value) {
    Response r;
    r.headers.emplace_back(std::move(name), std::move(value));
    return response_head(r, 0, {});
  };
  EXPECT_TRUE(with("X-A", "b\tc \xC3\xA4"));
  for (const char* value : {"a\r\nSet-Cookie: x", "a\nb", "a\rb", "\x01", "\x7f"})
    EXPECT_FALSE(with("X-A", value)) << value;
  EXPECT_FALSE(with("X-A", std::string("a\0b", 3)));
  for (const char* name :
       {"", "X A", "X:", "X\r\nY", "Content-Length", "transfer-encoding", "Connection", "Date"})
    EXPECT_FALSE(with(name, "1")) << name;
  Response r;
  r.content_type = "a\r\nb";
  EXPECT_FALSE(response_head(r, 0, {}));
  for (const int status : {0, 100, 199, 600}) {
    r = {};
    r.status = status;
    EXPECT_FALSE(response_head(r, 0, {})) << status;
  }
}

TEST(Head, the_framing_of_a_response_follows_the_request) {
  Response r{404, {{"X-A", "b"}}, "text/plain", ""};
  const auto head = *response_head(r, 5, {});
  EXPECT_EQ(head.rfind("HTTP/1.1 404 Not Found\r\nDate: ", 0), 0u);
  EXPECT_EQ(head.substr(head.find("X-A")), "X-A: b\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\n");
  EXPECT_NE(response_head(r, {}, {})->find("Transfer-Encoding: chunked\r\n"), std::string::npos);
  EXPECT_EQ(response_head(r, {}, {true, false, false})->find("Transfer-Encoding"), std::string::npos);
  EXPECT_NE(response_head(r, 1, {false, false, false})->find("Connection: close\r\n"), std::string::npos);
  EXPECT_NE(response_head(r, 1, {true, false, true})->find("Connection: keep-alive\r\n"), std::string::npos);
  r.status = 204;
  EXPECT_EQ(response_head(r, 0, {})->find("Content-"), std::string::npos);
  EXPECT_EQ(chunk(std::string(26, 'a')), "1a\r\n" + std::string(26, 'a') + "\r\n");
}

}  // namespace
}  // namespace bw::http
