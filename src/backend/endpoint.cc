// Any OpenAI-compatible endpoint as a backend: one thread runs all exchanges by libcurl's multi interface.
// In: Asks, from any thread. Out: events from that thread. Whatever the other side does (nothing, half of it,
// garbage, too much), an Ask ends in time with a Reply or a Failure that names the host; the key is in the
// request's header and in no message. Redirections are not followed: the key would go with them.
#include <curl/curl.h>
#include <fmt/format.h>

#include <atomic>
#include <deque>
#include <map>
#include <mutex>
#include <thread>

#include "backend/backend.h"
#include "backend/exchange.h"
#include "backend/rate.h"
#include "backend/sse.h"
#include "base/clock.h"
#include "base/version.h"

namespace bw::backend {
namespace {

constexpr size_t kMaxAnswerBytes = 16u
                                   << 20;  // far above any context's text with 20 log-probabilities a token
constexpr size_t kMaxErrorBytes = 64u << 10;  // of an answer that is an error
constexpr uint64_t kAfterDoneNs =
    200'000'000;  // a sender that does not end its transfer after [DONE] is waited for

struct EasyDeleter {
  void operator()(CURL* c) const { curl_easy_cleanup(c); }
};
struct ListDeleter {
  void operator()(curl_slist* l) const { curl_slist_free_all(l); }
};

// One Ask, waiting or under way.
struct Exchange {
  Exchange(Spoken s, const Ask& ask)
      : spoken(std::move(s)),
        log_probs(ask.log_probs),
        deadline_ns(ask.deadline_ns),
        reader(spoken.is_chat, ask.log_probs) {}
  AskId id = 0;
  const Spoken spoken;
  const bool log_probs;
  const uint64_t deadline_ns;
  Events events;
  std::unique_ptr<curl_slist, ListDeleter> headers;
  char error[CURL_ERROR_SIZE] = "";
  std::unique_ptr<CURL, EasyDeleter> easy;  // uses the two above
  AnswerReader reader;
  SseReader sse;
  std::string body;  // of an answer that is not a stream
  bool is_stream = false, too_large = false;
  size_t n_bytes = 0;
  uint64_t ns_submitted = 0, ns_started = 0, ns_first = 0, ns_last_byte = 0;
  std::optional<Failure::Why> ends;  // by us: cancel(), deadline, the destructor
};

struct State {
  Info info;
  EndpointOptions options;
  std::string host;
  std::unique_ptr<CURLM, CURLMcode (*)(CURLM*)> multi{nullptr, curl_multi_cleanup};
  std::atomic<uint64_t> n_prompt{0}, n_output{0}, n_reused{0};

  std::mutex mutex;  // of all below
  bool stop = false;
  AskId last_id = 0;
  std::deque<std::unique_ptr<Exchange>> waiting;
  std::deque<std::function<void()>> posted;
  std::vector<AskId> cancelled;
  uint64_t n_running = 0;
  Rate rate{monotonic_ns()};
};

// The key in no message, whoever put it there.
std::string without_key(std::string text, const std::string& key) {
  if (key.empty()) return text;
  for (size_t at; (at = text.find(key)) != std::string::npos;) text.replace(at, key.size(), "[key]");
  return text;
}

Failure named(const State& s, Failure f) {
  f.error.what =
      without_key(fmt::format("endpoint {} ({}): {}", s.info.name, s.host, f.error.what), s.options.key);
  return f;
}
Failure failure(Failure::Why why, std::string what, std::string next = {}) {
  Failure f;
  f.why = why;
  f.error = failed(std::move(what), std::move(next));
  return f;
}

Failure ended_early(const State& s, Failure::Why why) {
  switch (why) {
    case Failure::Why::cancelled:
      return named(s, failure(why, "cancelled by whoever asked"));
    case Failure::Why::deadline:
      return named(s, failure(why, "the deadline passed before the answer was complete"));
    default:
      return named(s, failure(Failure::Why::unavailable, "this deployment has been stopped", "ask again"));
  }
}

void tell_text(Exchange& x, std::string_view text, const TokenText* token) {
  if (x.ns_first == 0) x.ns_first = monotonic_ns();
  if (x.events.on_text) x.events.on_text(text, token);
}

size_t on_body(char* data, size_t, size_t n, void* user) {
  Exchange& x = *static_cast<Exchange*>(user);
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
std::optional<Failure> transport_failure(const State& s, const Exchange& x, CURLcode code, long status) {
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
                     fmt::format("did not finish its answer within {} ms", s.options.timeout_ms), in_time);
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_WEIRD_SERVER_REPLY:
      return failure(Failure::Why::failed, "does not speak HTTP: " + quotable(words),
                     "check the URL and its port");
    default:
      return failure(Failure::Why::unavailable, quotable(words), "check that it runs and can be reached");
  }
}

Ended result_of(const State& s, Exchange& x, CURLcode code) {
  long status = 0;
  curl_easy_getinfo(x.easy.get(), CURLINFO_RESPONSE_CODE, &status);
  const auto on_text = [&](std::string_view text, const TokenText* t) { tell_text(x, text, t); };
  if (auto f = transport_failure(s, x, code, status)) return named(s, std::move(*f));
  if (code == CURLE_OK && x.is_stream)
    x.sse.finish([&](std::string_view event) { return x.reader.event(event, on_text); });
  else if (code == CURLE_OK)
    x.reader.whole(x.body, on_text);
  Ended ended = x.reader.end();
  if (auto* f = std::get_if<Failure>(&ended)) return named(s, std::move(*f));
  return ended;
}

void finish(State& s, Exchange& x, Ended ended) {
  const uint64_t now = monotonic_ns();
  if (auto* r = std::get_if<Reply>(&ended)) {
    r->ns_queued = x.ns_started - x.ns_submitted;
    r->ns_first = x.ns_first ? x.ns_first - x.ns_submitted : 0;
    r->ns_total = now - x.ns_submitted;
    s.n_prompt += r->n_prompt - std::min(r->n_prompt, r->n_reused);
    s.n_output += r->n_output;
    s.n_reused += r->n_reused;
  }
  {
    const std::lock_guard lock(s.mutex);
    s.rate.ended(now);
  }
  if (x.events.on_done) x.events.on_done(std::move(ended));
}

bool start(State& s, Exchange& x) {
  x.easy.reset(curl_easy_init());
  if (!x.easy) return false;
  CURL* c = x.easy.get();
  const EndpointOptions& o = s.options;
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
  return curl_multi_add_handle(s.multi.get(), c) == CURLM_OK;
}

// The exchanges under way; only the thread's own.
class Runner {
 public:
  explicit Runner(State& s) : s_(s) {}

  void run() {
    for (;;) {
      take();
      end_early();
      start_waiting();
      int n_active = 0;
      curl_multi_perform(s_.multi.get(), &n_active);
      reap();
      {
        const std::lock_guard lock(s_.mutex);
        s_.n_running = running_.size();
        if (s_.stop && running_.empty() && s_.waiting.empty() && s_.posted.empty()) return;
        if (!s_.posted.empty() || (!s_.waiting.empty() && running_.size() < s_.options.max_running)) continue;
      }
      curl_multi_poll(s_.multi.get(), nullptr, 0, poll_ms(), nullptr);
    }
  }

 private:
  void take() {
    std::deque<std::function<void()>> posted;
    std::vector<AskId> cancelled;
    std::vector<std::unique_ptr<Exchange>> out;
    {
      const std::lock_guard lock(s_.mutex);
      posted.swap(s_.posted);
      cancelled.swap(s_.cancelled);
      const uint64_t now = monotonic_ns();
      // Of those that wait.
      for (size_t i = 0; i < s_.waiting.size();) {
        Exchange& x = *s_.waiting[i];
        if (s_.stop) x.ends = Failure::Why::unavailable;
        if (x.deadline_ns != 0 && now >= x.deadline_ns) x.ends = Failure::Why::deadline;
        if (std::find(cancelled.begin(), cancelled.end(), x.id) != cancelled.end())
          x.ends = Failure::Why::cancelled;
        if (x.ends) {
          x.ns_started = now;
          out.push_back(std::move(s_.waiting[i]));
          s_.waiting.erase(s_.waiting.begin() + long(i));
        } else {
          ++i;
        }
      }
      for (auto& [id, x] : running_) {
        if (s_.stop) x->ends = Failure::Why::unavailable;
        if (std::find(cancelled.begin(), cancelled.end(), id) != cancelled.end())
          x->ends = Failure::Why::cancelled;
      }
    }
    for (const auto& call : posted) call();
    for (const auto& x : out) finish(s_, *x, ended_early(s_, *x->ends));
  }

  void end_early() {
    const uint64_t now = monotonic_ns(), stall = s_.options.stall_ms * 1'000'000;
    for (auto at = running_.begin(); at != running_.end();) {
      Exchange& x = *at->second;
      const bool late = x.deadline_ns != 0 && now >= x.deadline_ns;
      const bool stalled = x.ns_last_byte != 0 && now >= x.ns_last_byte + stall;
      const bool done = x.reader.done() && now >= x.ns_last_byte + kAfterDoneNs;
      if (!x.ends && !late && !stalled && !done) {
        ++at;
        continue;
      }
      std::unique_ptr<Exchange> owned = std::move(at->second);
      at = running_.erase(at);
      curl_multi_remove_handle(s_.multi.get(), owned->easy.get());
      if (done)
        finish(s_, *owned, result_of(s_, *owned, CURLE_OK));
      else if (owned->ends || late)
        finish(s_, *owned, ended_early(s_, owned->ends.value_or(Failure::Why::deadline)));
      else
        finish(s_, *owned,
               named(s_, failure(Failure::Why::unavailable,
                                 fmt::format("stopped in the middle of its answer for {} ms",
                                             s_.options.stall_ms))));
    }
  }

  void start_waiting() {
    for (;;) {
      std::unique_ptr<Exchange> next;
      {
        const std::lock_guard lock(s_.mutex);
        if (s_.stop || s_.waiting.empty() || running_.size() >= s_.options.max_running) return;
        next = std::move(s_.waiting.front());
        s_.waiting.pop_front();
        s_.n_running = running_.size() + 1;
      }
      if (!start(s_, *next)) {
        finish(s_, *next,
               named(s_, failure(Failure::Why::unavailable, "libcurl could not begin (out of memory?)")));
        continue;
      }
      const AskId id = next->id;
      running_.emplace(id, std::move(next));
    }
  }

  void reap() {
    int left = 0;
    while (const CURLMsg* m = curl_multi_info_read(s_.multi.get(), &left)) {
      if (m->msg != CURLMSG_DONE) continue;
      const CURLcode code = m->data.result;
      Exchange* x = nullptr;
      curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &x);
      const auto at = running_.find(x->id);
      const std::unique_ptr<Exchange> owned = std::move(at->second);
      running_.erase(at);
      curl_multi_remove_handle(s_.multi.get(), owned->easy.get());
      const bool late =
          code == CURLE_OPERATION_TIMEDOUT && owned->deadline_ns != 0 && monotonic_ns() >= owned->deadline_ns;
      finish(s_, *owned, late ? Ended(ended_early(s_, Failure::Why::deadline)) : result_of(s_, *owned, code));
    }
  }

  // Until something of ours is due; libcurl's own timers shorten it.
  int poll_ms() const {
    uint64_t due = UINT64_MAX;
    for (const auto& [_, x] : running_) {
      if (x->deadline_ns != 0) due = std::min(due, x->deadline_ns);
      if (x->ns_last_byte != 0)
        due = std::min(due,
                       x->ns_last_byte + (x->reader.done() ? kAfterDoneNs : s_.options.stall_ms * 1'000'000));
    }
    {
      const std::lock_guard lock(s_.mutex);
      for (const auto& x : s_.waiting)
        if (x->deadline_ns != 0) due = std::min(due, x->deadline_ns);
    }
    const uint64_t now = monotonic_ns();
    constexpr uint64_t most = 60'000;
    return int(std::min(most, due > now ? (due - now) / 1'000'000 + 1 : 0));
  }

  State& s_;
  std::map<AskId, std::unique_ptr<Exchange>> running_;
};

class Endpoint final : public Backend {
 public:
  explicit Endpoint(std::shared_ptr<State> state)
      : state_(std::move(state)), thread_([s = state_] { Runner(*s).run(); }) {}
  ~Endpoint() override {
    {
      const std::lock_guard lock(state_->mutex);
      state_->stop = true;
    }
    curl_multi_wakeup(state_->multi.get());
    if (thread_.get_id() == std::this_thread::get_id())
      thread_.detach();
    else
      thread_.join();
  }

  const Info& info() const override { return state_->info; }
  Result<std::optional<uint32_t>> count(const Ask&) const override { return std::optional<uint32_t>(); }

  AskId submit(Ask ask, Events events) override {
    State& s = *state_;
    const uint64_t now = monotonic_ns();
    Result<Spoken> spoken = speak(ask, s.options.model);
    AskId id = 0;
    {
      const std::lock_guard lock(s.mutex);
      id = ++s.last_id;
      std::optional<Failure> refused;
      if (!spoken) {
        refused = named(s, failure(Failure::Why::bad_request, spoken.error().what, spoken.error().next));
      } else if (s.stop) {
        refused = ended_early(s, Failure::Why::unavailable);
      } else if (s.waiting.size() + s.n_running >= uint64_t{s.options.max_running} + s.options.max_queued) {
        refused = named(s, failure(Failure::Why::busy,
                                   fmt::format("{} requests are waiting already", s.options.max_queued),
                                   "ask again later"));
        refused->retry_after_ms = s.rate.retry_after_ms(now);
      }
      if (refused) {
        s.posted.push_back([f = std::move(*refused), done = std::move(events.on_done)]() mutable {
          if (done) done(std::move(f));
        });
      } else {
        auto x = std::make_unique<Exchange>(*std::move(spoken), ask);
        x->id = id;
        x->events = std::move(events);
        x->ns_submitted = now;
        s.waiting.push_back(std::move(x));
      }
    }
    curl_multi_wakeup(s.multi.get());
    return id;
  }

  void cancel(AskId id) override {
    {
      const std::lock_guard lock(state_->mutex);
      state_->cancelled.push_back(id);
    }
    curl_multi_wakeup(state_->multi.get());
  }

  Load load() const override {
    const std::lock_guard lock(state_->mutex);
    Load l;
    l.n_queued = state_->waiting.size();
    l.n_running = state_->n_running;
    l.n_prompt_tokens = state_->n_prompt;
    l.n_output_tokens = state_->n_output;
    l.n_reused_tokens = state_->n_reused;
    return l;
  }

 private:
  std::shared_ptr<State> state_;
  std::thread thread_;
};

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

}  // namespace

Result<std::shared_ptr<Backend>> open_endpoint(const EndpointOptions& options) {
  static const CURLcode global = curl_global_init(CURL_GLOBAL_DEFAULT);
  if (global != CURLE_OK) return failed(fmt::format("libcurl: {}", curl_easy_strerror(global)));
  auto state = std::make_shared<State>();
  state->options = options;
  while (state->options.url.ends_with('/')) state->options.url.pop_back();
  BW_TRY(state->host, host_of(options.url));
  for (const unsigned char c : options.key)
    if (c <= 0x20 || c >= 0x7F)
      return bad_input("endpoint " + options.name + ": its key holds a character no header can carry");
  if (options.model.empty()) return bad_input("endpoint " + options.name + ": expected the name of a model");
  if (options.max_running == 0 || options.timeout_ms == 0)
    return bad_input("endpoint " + options.name + ": expected max_running and a timeout of at least 1");
  state->multi.reset(curl_multi_init());
  if (!state->multi) return failed("libcurl: no memory for a multi handle");
  state->info.name = options.name;
  state->info.kind = "endpoint";
  state->info.description = fmt::format("{}, model {}", state->options.url, options.model);
  return std::shared_ptr<Backend>(std::make_shared<Endpoint>(std::move(state)));
}

}  // namespace bw::backend
