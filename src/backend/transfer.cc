// See transfer.h.
#include "backend/transfer.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/clock.h"
#include "base/version.h"

namespace bw::backend {
namespace {

// Far above any context's text with 20 log-probabilities a token; and of an answer that is an error.
constexpr size_t kMaxAnswerBytes = 16u << 20, kMaxErrorBytes = 64u << 10;
// For so long a sender that does not end its transfer after [DONE] is waited for.
constexpr uint64_t kAfterDoneNs = 200'000'000;

// The host of a URL that we will ask, or what is wrong with it.
Result<std::string> host_of(const std::string& url) {
  const std::unique_ptr<CURLU, void (*)(CURLU*)> u(curl_url(), curl_url_cleanup);
  const auto wrong = [&](const std::string& why) {
    return bad_input(fmt::format("endpoint: {}", why), "give a URL like http://127.0.0.1:8080/v1");
  };
  if (!u || curl_url_set(u.get(), CURLUPART_URL, url.c_str(), 0) != CURLUE_OK) return wrong("expected a URL");
  const auto part = [&](CURLUPart which) {
    char* text = nullptr;
    std::string out;
    if (curl_url_get(u.get(), which, &text, 0) == CURLUE_OK && text) out = text;
    curl_free(text);
    return out;
  };
  const std::string scheme = part(CURLUPART_SCHEME);
  if (scheme != "http" && scheme != "https")
    return wrong(fmt::format("expected http or https, found {}", quotable(scheme)));
  if (!part(CURLUPART_USER).empty() || !part(CURLUPART_PASSWORD).empty())
    return wrong("expected no user or password in the URL; a key goes into an environment variable");
  if (!part(CURLUPART_QUERY).empty() || !part(CURLUPART_FRAGMENT).empty())
    return wrong("expected no ? or # in the URL");
  const std::string host = part(CURLUPART_HOST), port = part(CURLUPART_PORT);
  return port.empty() ? host : host + ":" + port;
}

// The key in no message, whoever put it there.
std::string without_key(std::string text, const std::string& key) {
  if (key.empty()) return text;
  for (size_t at; (at = text.find(key)) != std::string::npos;) text.replace(at, key.size(), "[key]");
  return text;
}

}  // namespace

Failure named(const Peer& peer, Failure f) {
  f.error.what = without_key(fmt::format("endpoint {} ({}): {}", peer.options.name, peer.host, f.error.what),
                             peer.options.key);
  return f;
}
bool is_over(const Transfer& x, uint64_t now_ns) {
  return x.reader.done() && now_ns >= x.ns_last_byte + kAfterDoneNs;
}
uint64_t due_ns(const Transfer& x, const Peer& peer) {
  uint64_t due = x.deadline_ns != 0 ? x.deadline_ns : UINT64_MAX;
  if (x.ns_last_byte == 0) return due;
  return std::min(due, x.ns_last_byte + (x.reader.done() ? kAfterDoneNs : peer.options.stall_ms * 1'000'000));
}

namespace {

void tell_text(Transfer& x, std::string_view text, const TokenText* token) {
  if (x.ns_first == 0) x.ns_first = monotonic_ns();
  if (x.events.on_text) x.events.on_text(text, token);
}

size_t on_body(char* data, size_t, size_t n, void* user) {
  Transfer& x = *static_cast<Transfer*>(user);
  x.ns_last_byte = monotonic_ns();
  x.n_bytes += n;
  if (x.n_bytes == n) {  // the first bytes: the header is complete
    long status = 0;
    const char* type = nullptr;
    curl_easy_getinfo(x.easy.get(), CURLINFO_RESPONSE_CODE, &status);
    curl_easy_getinfo(x.easy.get(), CURLINFO_CONTENT_TYPE, &type);
    x.is_stream = status == 200 && type && std::string_view(type).starts_with("text/event-stream");
  }
  long status = 0;
  curl_easy_getinfo(x.easy.get(), CURLINFO_RESPONSE_CODE, &status);
  const size_t most = status == 200 ? kMaxAnswerBytes : kMaxErrorBytes;
  if (x.n_bytes > most) {
    // The beginning of an error says enough.
    x.too_large = status == 200;
    return 0;
  }
  if (!x.is_stream) {
    x.body.append(data, n);
    return n;
  }
  if (x.reader.done())
    return n;  // the end of the transfer is still to come; then the connection serves again
  const bool more = x.sse.push({data, n}, [&](std::string_view event) {
    return x.reader.event(event, [&](std::string_view text, const TokenText* t) { tell_text(x, text, t); });
  });
  x.too_large = x.sse.too_large();
  return more || x.reader.done() ? n : 0;
}

// How the exchange ended, as far as libcurl and HTTP can tell.
std::optional<Failure> transport_failure(const Transfer& x, const Peer& peer, CURLcode code, long status) {
  if (x.reader.done() || x.reader.failed()) return std::nullopt;  // it was us who ended the reading
  if (x.too_large) return failure(Failure::Why::failed, "sent more than an answer can be; reading was ended");
  if (status != 0 && status != 200 && (code == CURLE_OK || code == CURLE_WRITE_ERROR)) {
    curl_off_t retry = 0;
    curl_easy_getinfo(x.easy.get(), CURLINFO_RETRY_AFTER, &retry);
    return refusal(status, x.body, retry > 0 ? uint64_t(retry) : 0);
  }
  const std::string words = x.error[0] ? x.error : curl_easy_strerror(code);
  const std::string in_time = "it may be overloaded; a later request may succeed";
  switch (code) {
    case CURLE_OK:
      if (x.n_bytes > 0) return std::nullopt;
      return failure(Failure::Why::unavailable, "ended the exchange without an answer", in_time);
    case CURLE_OPERATION_TIMEDOUT:
      if (x.ns_last_byte == 0 && status == 0)
        return failure(Failure::Why::unavailable, quotable(words), in_time);
      return failure(Failure::Why::unavailable,
                     fmt::format("did not finish its answer within {} ms", peer.options.timeout_ms), in_time);
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_WEIRD_SERVER_REPLY:
      return failure(Failure::Why::failed, "does not speak HTTP: " + quotable(words),
                     "check the URL and its port");
    default:
      return failure(Failure::Why::unavailable, quotable(words), "check that it runs and can be reached");
  }
}

}  // namespace

Ended result_of(Transfer& x, const Peer& peer, CURLcode code) {
  long status = 0;
  curl_easy_getinfo(x.easy.get(), CURLINFO_RESPONSE_CODE, &status);
  const auto on_text = [&](std::string_view text, const TokenText* t) { tell_text(x, text, t); };
  if (auto f = transport_failure(x, peer, code, status)) return named(peer, std::move(*f));
  if (code == CURLE_OK && x.is_stream)
    x.sse.finish([&](std::string_view event) { return x.reader.event(event, on_text); });
  else if (code == CURLE_OK)
    x.reader.whole(x.body, on_text);
  Ended ended = x.reader.end();
  if (auto* f = std::get_if<Failure>(&ended)) return named(peer, std::move(*f));
  return ended;
}

bool start(Transfer& x, const Peer& peer, CURLM* multi) {
  x.easy.reset(curl_easy_init());
  if (!x.easy) return false;
  CURL* c = x.easy.get();
  const EndpointOptions& o = peer.options;
  curl_slist* list = curl_slist_append(nullptr, "Content-Type: application/json");
  list = curl_slist_append(list, "Accept: text/event-stream, application/json");
  list = curl_slist_append(list, "Expect:");  // no second of waiting for a 100
  if (!o.key.empty()) list = curl_slist_append(list, ("Authorization: Bearer " + o.key).c_str());
  x.headers.reset(list);
  const uint64_t now = x.ns_started = monotonic_ns();
  uint64_t total_ms = o.timeout_ms;
  if (x.deadline_ns != 0)
    total_ms = std::min(total_ms, (x.deadline_ns - std::min(now, x.deadline_ns)) / 1'000'000 + 1);
  const std::string url = o.url + x.spoken.path;
  curl_easy_setopt(c, CURLOPT_URL, url.c_str());
  curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 0L);
  curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(c, CURLOPT_USERAGENT, fmt::format("bitworth/{}", version).c_str());
  curl_easy_setopt(c, CURLOPT_POSTFIELDSIZE_LARGE, curl_off_t(x.spoken.body.size()));
  curl_easy_setopt(c, CURLOPT_POSTFIELDS, x.spoken.body.c_str());
  curl_easy_setopt(c, CURLOPT_HTTPHEADER, x.headers.get());
  curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT_MS, long(std::min<uint64_t>(o.connect_ms, total_ms)));
  curl_easy_setopt(c, CURLOPT_TIMEOUT_MS, long(total_ms));
  curl_easy_setopt(c, CURLOPT_ERRORBUFFER, x.error);
  curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_body);
  curl_easy_setopt(c, CURLOPT_WRITEDATA, &x);
  curl_easy_setopt(c, CURLOPT_PRIVATE, &x);
  return curl_multi_add_handle(multi, c) == CURLM_OK;
}

Result<Peer> peer_of(const EndpointOptions& options) {
  Peer peer{options, {}};
  while (peer.options.url.ends_with('/')) peer.options.url.pop_back();
  BW_TRY(peer.host, host_of(options.url));
  for (const unsigned char c : options.key)
    if (c <= 0x20 || c >= 0x7F)
      return bad_input("endpoint " + options.name + ": its key holds a character no header can carry");
  if (options.model.empty()) return bad_input("endpoint " + options.name + ": expected the name of a model");
  if (options.max_running == 0 || options.timeout_ms == 0)
    return bad_input("endpoint " + options.name + ": expected max_running and a timeout of at least 1");
  return peer;
}

}  // namespace bw::backend
