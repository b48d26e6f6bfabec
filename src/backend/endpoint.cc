// Any OpenAI-compatible endpoint as a backend: one thread runs all exchanges by libcurl's multi interface.
// In: Asks, from any thread. Out: events from that thread. Whatever the other side does (nothing, half of it,
// garbage, too much), an Ask ends in time with a Reply or a Failure that names the host; the key is in the
// request's header and in no message. Redirections are not followed: the key would go with them.
#include <fmt/format.h>

#include <atomic>
#include <deque>
#include <map>
#include <mutex>
#include <thread>

#include "backend/backend.h"
#include "backend/rate.h"
#include "backend/transfer.h"
#include "base/clock.h"

namespace bw::backend {
namespace {

struct State {
  Info info;
  Peer peer;
  std::unique_ptr<CURLM, CURLMcode (*)(CURLM*)> multi{nullptr, curl_multi_cleanup};
  std::atomic<uint64_t> n_prompt{0}, n_output{0}, n_reused{0};

  std::mutex mutex;  // of all below
  bool stop = false;
  AskId last_id = 0;
  std::deque<std::unique_ptr<Transfer>> waiting;
  std::deque<std::function<void()>> posted;
  std::vector<AskId> cancelled;
  uint64_t n_running = 0;
  Rate rate{monotonic_ns()};
};

Failure ended_early(const State& s, Failure::Why why) {
  switch (why) {
    case Failure::Why::cancelled:
      return named(s.peer, failure(why, "cancelled by whoever asked"));
    case Failure::Why::deadline:
      return named(s.peer, failure(why, "the deadline passed before the answer was complete"));
    default:
      return named(s.peer,
                   failure(Failure::Why::unavailable, "this deployment has been stopped", "ask again"));
  }
}

void finish(State& s, Transfer& x, Ended ended) {
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
        if (!s_.posted.empty() || (!s_.waiting.empty() && running_.size() < s_.peer.options.max_running))
          continue;
      }
      curl_multi_poll(s_.multi.get(), nullptr, 0, poll_ms(), nullptr);
    }
  }

 private:
  void take() {
    std::deque<std::function<void()>> posted;
    std::vector<AskId> cancelled;
    std::vector<std::unique_ptr<Transfer>> out;
    {
      const std::lock_guard lock(s_.mutex);
      posted.swap(s_.posted);
      cancelled.swap(s_.cancelled);
      const uint64_t now = monotonic_ns();
      // Of those that wait.
      for (size_t i = 0; i < s_.waiting.size();) {
        Transfer& x = *s_.waiting[i];
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
    const uint64_t now = monotonic_ns(), stall = s_.peer.options.stall_ms * 1'000'000;
    for (auto at = running_.begin(); at != running_.end();) {
      Transfer& x = *at->second;
      const bool late = x.deadline_ns != 0 && now >= x.deadline_ns;
      const bool stalled = x.ns_last_byte != 0 && now >= x.ns_last_byte + stall;
      const bool done = is_over(x, now);
      if (!x.ends && !late && !stalled && !done) {
        ++at;
        continue;
      }
      std::unique_ptr<Transfer> owned = std::move(at->second);
      at = running_.erase(at);
      curl_multi_remove_handle(s_.multi.get(), owned->easy.get());
      if (done)
        finish(s_, *owned, result_of(*owned, s_.peer, CURLE_OK));
      else if (owned->ends || late)
        finish(s_, *owned, ended_early(s_, owned->ends.value_or(Failure::Why::deadline)));
      else
        finish(s_, *owned,
               named(s_.peer, failure(Failure::Why::unavailable,
                                      fmt::format("stopped in the middle of its answer for {} ms",
                                                  s_.peer.options.stall_ms))));
    }
  }

  void start_waiting() {
    for (;;) {
      std::unique_ptr<Transfer> next;
      {
        const std::lock_guard lock(s_.mutex);
        if (s_.stop || s_.waiting.empty() || running_.size() >= s_.peer.options.max_running) return;
        next = std::move(s_.waiting.front());
        s_.waiting.pop_front();
        s_.n_running = running_.size() + 1;
      }
      if (!start(*next, s_.peer, s_.multi.get())) {
        finish(
            s_, *next,
            named(s_.peer, failure(Failure::Why::unavailable, "libcurl could not begin (out of memory?)")));
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
      Transfer* x = nullptr;
      curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &x);
      const auto at = running_.find(x->id);
      const std::unique_ptr<Transfer> owned = std::move(at->second);
      running_.erase(at);
      curl_multi_remove_handle(s_.multi.get(), owned->easy.get());
      const bool late =
          code == CURLE_OPERATION_TIMEDOUT && owned->deadline_ns != 0 && monotonic_ns() >= owned->deadline_ns;
      finish(s_, *owned,
             late ? Ended(ended_early(s_, Failure::Why::deadline)) : result_of(*owned, s_.peer, code));
    }
  }

  // Until something of ours is due; libcurl's own timers shorten it.
  int poll_ms() const {
    uint64_t due = UINT64_MAX;
    for (const auto& [_, x] : running_) due = std::min(due, due_ns(*x, s_.peer));
    {
      const std::lock_guard lock(s_.mutex);
      for (const auto& x : s_.waiting) due = std::min(due, due_ns(*x, s_.peer));
    }
    const uint64_t now = monotonic_ns();
    constexpr uint64_t most = 60'000;
    return int(std::min(most, due > now ? (due - now) / 1'000'000 + 1 : 0));
  }

  State& s_;
  std::map<AskId, std::unique_ptr<Transfer>> running_;
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
    Result<Spoken> spoken = speak(ask, s.peer.options.model);
    AskId id = 0;
    {
      const std::lock_guard lock(s.mutex);
      id = ++s.last_id;
      std::optional<Failure> refused;
      if (!spoken) {
        refused = named(s.peer, failure(Failure::Why::bad_request, spoken.error().what, spoken.error().next));
      } else if (s.stop) {
        refused = ended_early(s, Failure::Why::unavailable);
      } else if (s.waiting.size() + s.n_running >=
                 uint64_t{s.peer.options.max_running} + s.peer.options.max_queued) {
        refused =
            named(s.peer, failure(Failure::Why::busy,
                                  fmt::format("{} requests are waiting already", s.peer.options.max_queued),
                                  "ask again later"));
        refused->retry_after_ms = s.rate.retry_after_ms(now);
      }
      if (refused) {
        s.posted.push_back([f = std::move(*refused), done = std::move(events.on_done)]() mutable {
          if (done) done(std::move(f));
        });
      } else {
        auto x = std::make_unique<Transfer>(*std::move(spoken), ask);
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

}  // namespace

Result<std::shared_ptr<Backend>> open_endpoint(const EndpointOptions& options) {
  static const CURLcode global = curl_global_init(CURL_GLOBAL_DEFAULT);
  if (global != CURLE_OK) return failed(fmt::format("libcurl: {}", curl_easy_strerror(global)));
  auto state = std::make_shared<State>();
  BW_TRY(state->peer, peer_of(options));
  state->multi.reset(curl_multi_init());
  if (!state->multi) return failed("libcurl: no memory for a multi handle");
  state->info.name = options.name;
  state->info.kind = "endpoint";
  state->info.description = fmt::format("{}, model {}", state->peer.options.url, options.model);
  return std::shared_ptr<Backend>(std::make_shared<Endpoint>(std::move(state)));
}

}  // namespace bw::backend
