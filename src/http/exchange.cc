#include "http/exchange.h"

#include <algorithm>

namespace bw::http {

std::string error_body(const Options& options, int status, std::string_view what) {
  if (options.error_body) return options.error_body(status, what);
  std::string text;  // our own words; escaped all the same
  for (const char c : what) {
    if (c == '"' || c == '\\') text += '\\';
    text += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
  }
  return "{\"error\":{\"message\":\"" + text + "\"}}";
}

void Exchange::put(std::string bytes) {
  n_waiting += bytes.size();
  out.push_back(std::move(bytes));
}

void Exchange::stir() {
  if (awake || !wake) return;
  awake = true;
  wake();
}

void Exchange::send(Response response) {
  std::lock_guard lock(mutex);
  if (said != Said::nothing) return;
  said = Said::ended;
  if (!wake) return;
  if (asks_to_close(response)) framing.keep_alive = false;
  auto head = response_head(response, response.body.size(), framing);
  if (!head) {
    response = {500, {}, "application/json", error_body(*options, 500, head.error().what)};
    head = response_head(response, response.body.size(), framing);
  }
  put(*std::move(head));
  if (!framing.head_only && has_content(response.status) && !response.body.empty())
    put(std::move(response.body));
  stir();
}

void Exchange::begin(const Response& head) {
  std::lock_guard lock(mutex);
  if (said != Said::nothing) return;
  said = Said::begun;
  if (!wake) return;
  // Without chunks only the end of the connection ends the body.
  if (framing.http_1_0 || asks_to_close(head)) framing.keep_alive = false;
  content = !framing.head_only && has_content(head.status);
  auto bytes = response_head(head, std::nullopt, framing);
  if (!bytes) {
    content = false;
    said = Said::ended;  // what the handler goes on to write has no place any more
    const Response error{500, {}, "application/json", error_body(*options, 500, bytes.error().what)};
    put(*response_head(error, error.body.size(), framing));
    if (!framing.head_only) put(error.body);
  } else {
    put(*std::move(bytes));
  }
  stir();
}

void Exchange::write(std::string piece) {
  std::lock_guard lock(mutex);
  if (said != Said::begun || !wake || too_slow || !content || piece.empty()) return;
  // A piece alone may be as long as it likes: the client has left nothing lying.
  if (n_waiting > 0 && n_waiting + piece.size() > options->max_waiting_bytes) {
    too_slow = true;
    out.clear();
  } else {
    put(framing.http_1_0 ? std::move(piece) : chunk(piece));
  }
  stir();
}

void Exchange::end() {
  std::lock_guard lock(mutex);
  if (said != Said::begun) return;
  said = Said::ended;
  if (!wake) return;
  if (content && !framing.http_1_0 && !too_slow) put(std::string(last_chunk));
  stir();
}

void Exchange::abort() {
  std::lock_guard lock(mutex);
  if (said == Said::ended || said == Said::aborted) return;
  said = Said::aborted;
  stir();
}

void Exchange::on_gone(std::function<void()> call) {
  {
    std::lock_guard lock(mutex);
    if (!gone) {
      if (wake) calls.push_back(std::move(call));
      return;
    }
  }
  call();
}

void Exchange::went(bool for_good) {
  std::vector<std::function<void()>> due;
  std::function<void()> last;  // may hold the last reference to the connection: dropped outside the lock
  {
    std::lock_guard lock(mutex);
    gone = true;
    due.swap(calls);
    if (for_good) {
      last.swap(wake);
      out.clear();
      n_waiting = 0;
    }
  }
  for (auto& call : due) call();
}

void Exchange::over() {
  std::vector<std::function<void()>> dropped;
  std::function<void()> last;
  std::lock_guard lock(mutex);
  dropped.swap(calls);
  last.swap(wake);
}

Responder::Link::~Link() {
  {
    std::lock_guard lock(exchange->mutex);
    if (exchange->said == Exchange::Said::ended) return;
  }
  exchange->send(
      {500, {}, "application/json", error_body(*exchange->options, 500, "the request was not answered")});
  exchange->abort();
}

void Responder::send(Response response) const {
  link_->exchange->send(std::move(response));
}
void Responder::begin(const Response& head) const {
  link_->exchange->begin(head);
}
void Responder::write(std::string piece) const {
  link_->exchange->write(std::move(piece));
}
void Responder::end() const {
  link_->exchange->end();
}
void Responder::abort() const {
  link_->exchange->abort();
}
size_t Responder::n_waiting() const {
  return link_->exchange->n_waiting;
}
bool Responder::gone() const {
  std::lock_guard lock(link_->exchange->mutex);
  return link_->exchange->gone;
}
void Responder::on_gone(std::function<void()> call) const {
  link_->exchange->on_gone(std::move(call));
}

}  // namespace bw::http
