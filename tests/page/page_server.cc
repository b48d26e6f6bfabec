// For tests/page/review_page.py: the review pages on a port, without a model behind them. In: a queue's path,
// a JSON file of items to put in it. Out: "port N" on stdout, then it answers until standard input ends.
#include <cstdio>
#include <iostream>
#include <nlohmann/json.hpp>
#include <string>

#include "base/clock.h"
#include "base/file.h"
#include "http/http.h"
#include "review/site.h"

namespace {

using nlohmann::json;

bool fill(bw::review::Queue& queue, const std::string& path) {
  const auto text = bw::read_text(path);
  if (!text) return false;
  for (const json& j : json::parse(*text)) {
    bw::review::Item item;
    item.answer_id = j["answer"];
    item.class_name = j["class"];
    item.messages_json = j["messages"].is_string() ? j["messages"].get<std::string>() : j["messages"].dump();
    item.why = j["why"];
    item.created_ms = bw::ms_since_1970();
    for (const json& a : j["attempts"]) {
      bw::review::Attempt attempt{a["deployment"], a["text"], {}};
      for (const json& f : a["failed"]) attempt.failed.emplace_back(f[0], f[1]);
      item.attempts.push_back(attempt);
    }
    if (!queue.add(item)) return false;
  }
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  auto queue = bw::review::Queue::open(argv[1]);
  if (!queue || !fill(**queue, argv[2])) return 1;
  const bw::review::Site site(**queue);
  bw::http::Options options;
  options.max_body_bytes = 16u << 20;
  auto server =
      bw::http::Server::listen(options, [&](bw::http::Request&& r, const bw::http::Responder& responder) {
        bw::review::Visit visit{r.method, r.path,
                                r.query,  r.header("content-type").value_or(""),
                                r.body,   r.header("sec-fetch-site").value_or("")};
        bw::review::Reply reply = site.respond(visit, bw::ms_since_1970());
        responder.send(
            {reply.status, std::move(reply.headers), std::move(reply.content_type), std::move(reply.body)});
      });
  if (!server) {
    std::fprintf(stderr, "%s\n", server.error().what.c_str());
    return 1;
  }
  std::printf("port %d\n", (*server)->port());
  std::fflush(stdout);
  while (std::cin.get() != EOF) {
  }
  return 0;
}
