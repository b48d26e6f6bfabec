#include "review/site.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "review/forms.h"
#include "review/pages.h"
#include "review/web.h"

namespace bw::review {
namespace {

constexpr size_t kPageItems = 50;

Reply reply(int status, std::string body) {
  return {status, "text/html; charset=utf-8", std::move(body), page_headers()};
}
Reply asset(std::string_view text, const char* type) {
  return {200, type, std::string(text), page_headers()};
}
Reply problem(int status, const std::string& title, const Error& error) {
  return reply(status, problem_page(title, error.what, error.next));
}

const std::string* value(const Visit& v, std::string_view name) {
  for (const auto& [n, text] : v.query)
    if (n == name) return &text;
  return nullptr;
}
// A name from a link is only a proposal for the form: it is cut, never trusted.
std::string reviewer_of(const Visit& v) {
  const std::string* name = value(v, "reviewer");
  return name && name->size() <= 200 ? *name : std::string();
}
bool whole(std::string_view s, int64_t& into) {
  const auto [end, failure] = std::from_chars(s.data(), s.data() + s.size(), into);
  return !s.empty() && failure == std::errc{} && end == s.data() + s.size() && into >= 0;
}

std::string escaped(std::string_view s) {
  std::string out;
  for (const char c : s) out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
  return out;
}

}  // namespace

Reply Site::respond(const Visit& v, uint64_t now_ms) const {
  const std::string root(root_path);
  const bool get = v.method == "GET" || v.method == "HEAD";
  const auto not_allowed = [](const char* allow) {
    Reply r = problem(405, "Not so", bad_input("this address does not take that method"));
    r.headers.emplace_back("Allow", allow);
    return r;
  };
  if (v.path == root || v.path == root + "/") return get ? list(v) : not_allowed("GET, HEAD");
  if (v.path == root + "/review.css")
    return get ? asset(web::review_css, "text/css; charset=utf-8") : not_allowed("GET, HEAD");
  if (v.path == root + "/review.js")
    return get ? asset(web::review_js, "text/javascript; charset=utf-8") : not_allowed("GET, HEAD");
  int64_t id = 0;
  if (v.path.starts_with(root + "/") && v.path.size() < root.size() + 20 &&
      whole(std::string_view(v.path).substr(root.size() + 1), id)) {
    if (get) return show(v, id, now_ms);
    if (v.method == "POST") return decide(v, id, now_ms);
    return not_allowed("GET, HEAD, POST");
  }
  return problem(404, "Not here", bad_input("there is no page of this address"));
}

Reply Site::list(const Visit& v) const {
  View view;
  view.reviewer = reviewer_of(v);
  view.state = Item::State::waiting;
  if (const std::string* state = value(v, "state"); state && *state != "waiting") {
    if (*state == "accepted")
      view.state = Item::State::accepted;
    else if (*state == "corrected")
      view.state = Item::State::corrected;
    else if (*state == "rejected")
      view.state = Item::State::rejected;
    else if (*state == "all")
      view.state.reset();
    else
      return problem(400, "Not so", bad_input("state is waiting, accepted, corrected, rejected or all"));
  }
  int64_t after = 0;
  if (const std::string* text = value(v, "after"); text && !whole(*text, after))
    return problem(400, "Not so", bad_input("after is the number of an item"));
  if (const std::string* done = value(v, "done")) {
    int64_t id = 0;
    if (whole(*done, id)) view.notice = fmt::format("Item {} is decided. Nothing else waits.", id);
  }
  auto items = queue_.list(view.state, kPageItems + 1, after);
  const auto counts = queue_.counts();
  if (!items) return problem(500, "The queue cannot be read", items.error());
  if (!counts) return problem(500, "The queue cannot be read", counts.error());
  if (items->size() > kPageItems) {
    items->pop_back();
    view.more_after = items->back().id;
  }
  return reply(200, list_page(*items, *counts, view));
}

Reply Site::show(const Visit& v, int64_t id, uint64_t now_ms) const {
  const auto item = queue_.get(id);
  if (!item) return problem(500, "The queue cannot be read", item.error());
  if (!*item) return problem(404, "Not here", bad_input(fmt::format("there is no item {}", id)));
  View view;
  view.reviewer = reviewer_of(v);
  if (const std::string* done = value(v, "done")) {
    int64_t before = 0;
    if (whole(*done, before)) view.notice = fmt::format("Item {} is decided. This is the next.", before);
  }
  if (const auto next = queue_.list(Item::State::waiting, 1, id); next && !next->empty())
    view.next = next->front().id;
  return reply(200, item_page(**item, guard_.token(id, now_ms), view));
}

Reply Site::decide(const Visit& v, int64_t id, uint64_t now_ms) const {
  if (v.sec_fetch_site == "cross-site" || v.sec_fetch_site == "same-site")
    return problem(403, "Not from there", bad_input("a decision comes from this server's own page"));
  const size_t semicolon = std::min(v.content_type.find(';'), v.content_type.size());
  if (std::string_view(v.content_type).substr(0, semicolon) != "application/x-www-form-urlencoded")
    return problem(415, "Not so", bad_input("expected a form (application/x-www-form-urlencoded)"));
  const auto item = queue_.get(id);
  if (!item) return problem(500, "The queue cannot be read", item.error());
  if (!*item) return problem(404, "Not here", bad_input(fmt::format("there is no item {}", id)));
  const auto fields = parse_form(v.body, {.body = 3 * kMaxText + (64u << 10)});
  if (!fields) return problem(400, "Not so", fields.error());
  const std::string* token = field(*fields, "csrf");
  const auto opened = guard_.check(token ? *token : "", id, now_ms);
  // Nothing of such a form is shown again: it may be another site's.
  if (!opened) return problem(403, "Not saved", opened.error());
  auto decision = decision_of(*fields);
  View view;
  const auto refuse = [&](int status, const Error& error) {
    // What was typed is not lost: the page comes back with it and a new token.
    view.problem = error.what + (error.next.empty() ? "" : ": " + error.next);
    view.typed = true;
    if (const std::string* who = field(*fields, "reviewer"); who && who->size() <= 200) view.reviewer = *who;
    if (const std::string* text = field(*fields, "text")) view.text = *text;
    if (const std::string* reason = field(*fields, "reason")) view.reason = *reason;
    return reply(status, item_page(**item, guard_.token(id, now_ms), view));
  };
  if (!decision) return refuse(400, decision.error());
  decision->at_ms = now_ms;
  decision->seconds = seconds_spent(decision->seconds, *opened, now_ms);
  const bool was_waiting = (*item)->state == Item::State::waiting;
  const auto done = queue_.decide(id, *decision);
  if (!done) {
    if (done.error().code == Code::failed) return problem(500, "Not saved", done.error());
    return refuse(was_waiting ? 400 : 409, done.error());
  }
  if (decided_) decided_(*done);
  const auto next = queue_.list(Item::State::waiting, 1, id);
  auto first = next && next->empty() ? queue_.list(Item::State::waiting, 1) : next;
  Reply r = reply(303, "");
  std::string to(root_path);
  if (first && !first->empty()) to += fmt::format("/{}", first->front().id);
  r.headers.emplace_back("Location",
                         fmt::format("{}?reviewer={}&done={}", to, escaped(decision->reviewer), id));
  return r;
}

}  // namespace bw::review
