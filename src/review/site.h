// The review pages as a site below /review: which page a visit gets, what a submitted form does. In: a visit,
// as a server took it. Out: a reply, headers included. Who may visit is the server's to decide before.
//   GET  /review?state=waiting|...|all&after=ID&reviewer=NAME   the list
//   GET  /review/ID?reviewer=NAME                               an item
//   POST /review/ID                                             a decision; 303 to the next item that waits
//   GET  /review/review.css, /review/review.js
#pragma once
#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "review/guard.h"
#include "review/queue.h"

namespace bw::review {

struct Visit {
  std::string method{}, path{};                              // path decoded, without the query
  std::vector<std::pair<std::string, std::string>> query{};  // decoded
  std::string content_type{}, body{};
  std::string sec_fetch_site{};  // the header; "cross-site" and "same-site" may not decide anything
};
struct Reply {
  int status = 200;
  std::string content_type = "text/html; charset=utf-8", body;
  std::vector<std::pair<std::string, std::string>> headers;  // page_headers(), and Location or Allow
};

// Any thread.
class Site {
 public:
  // `decided` is called after each decision was saved (metrics, log).
  explicit Site(Queue& queue, std::function<void(const Item&)> decided = {})
      : queue_(queue), decided_(std::move(decided)) {}
  Reply respond(const Visit& visit, uint64_t now_ms) const;

 private:
  Reply list(const Visit& visit) const;
  Reply show(const Visit& visit, int64_t id, uint64_t now_ms) const;
  Reply decide(const Visit& visit, int64_t id, uint64_t now_ms) const;

  Queue& queue_;
  std::function<void(const Item&)> decided_;
  Guard guard_;
};

}  // namespace bw::review
