// The own engine as a backend: one file, one context, one scheduler, stepped by a thread of its own that
// sleeps while there is nothing to do. Prompts become tokens in the caller's thread. In: Asks, from any
// thread. Out: events from the engine's thread, every one of an Ask before its on_done.
#include <fmt/format.h>

#include <atomic>
#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <nlohmann/json.hpp>
#include <thread>

#include "backend/backend.h"
#include "backend/output_text.h"
#include "backend/prompts.h"
#include "backend/rate.h"
#include "base/clock.h"
#include "engine/scheduler.h"
#include "gguf/file.h"
#include "gguf/vocab.h"
#include "memory/memory.h"
#include "quant/types.h"

namespace bw::backend {
namespace {
using engine::Outcome;

// An Ask that was taken, until its on_done.
struct Live {
  Live(const Prompts& prompts, const Ask& ask, text::Token before, engine::StopStrings stops)
      : text(prompts.tokenizer(), before, std::move(stops), ask.log_probs),
        has_mean(ask.log_probs || ask.mean_log_prob) {}
  AskId id = 0;
  engine::RequestId request = 0;
  Events events;
  OutputText text;
  const bool has_mean;
  bool shows_prompt = false;  // given as ids: its text is told
  std::vector<text::Token> prompt;
  uint64_t ns_submitted = 0, ns_scheduled = 0, deadline_ns = 0;
  Reply reply;
  double sum_log_prob = 0;
  // Why it shall end before its time; set once, from any thread.
  static constexpr int none = -1;
  std::atomic<int> ends{none};
  void end(Failure::Why why) {
    int was = none;
    ends.compare_exchange_strong(was, int(why));
  }
};

struct State {
  Info info;
  std::shared_ptr<const Prompts> prompts;
  std::shared_ptr<engine::Model> model;
  std::unique_ptr<engine::Context> context;
  std::unique_ptr<grammar::Masks> masks;
  std::unique_ptr<engine::Scheduler> scheduler;
  uint64_t kv_bytes = 0, most_alive = 0, max_queued = 0;
  std::atomic<uint64_t> n_prompt{0}, n_output{0}, n_reused{0};

  std::mutex mutex;  // of all below
  std::condition_variable wake;
  bool stop = false;
  AskId last_id = 0;
  std::map<AskId, std::shared_ptr<Live>> live;
  std::deque<std::function<void()>> posted;  // ends that never reached the scheduler
  Rate rate{monotonic_ns()};
};

Failure failure(Failure::Why why, Error error) {
  Failure f;
  f.why = why;
  f.error = std::move(error);
  return f;
}

Failure ended_early(Failure::Why why) {
  switch (why) {
    case Failure::Why::cancelled:
      return failure(why, failed("cancelled by whoever asked"));
    case Failure::Why::deadline:
      return failure(why, failed("the deadline passed before the answer was complete",
                                 "ask for fewer tokens, or allow more time"));
    default:
      return failure(Failure::Why::unavailable, failed("this deployment has been stopped", "ask again"));
  }
}

void tell(Live& live, OutputText::Shown shown) {
  live.reply.text += shown.text;
  if (live.events.on_text) {
    if (shown.tokens.empty() && !shown.text.empty()) live.events.on_text(shown.text, nullptr);
    for (size_t i = 0; i < shown.tokens.size(); ++i)
      live.events.on_text(i == 0 ? std::string_view(shown.text) : std::string_view(), &shown.tokens[i]);
  }
  for (TokenText& t : shown.tokens) live.reply.log_probs.push_back(std::move(t));
}

bool took(State& s, Live& live, const engine::TokenEvent& event) {
  s.n_output.fetch_add(1, std::memory_order_relaxed);
  if (event.log_probs) live.sum_log_prob += event.log_probs->chosen.log_probability;
  tell(live, live.text.push(event.token, event.log_probs));
  return live.text.stopped() || live.ends.load() != Live::none;
}

Ended ended(const State& s, Live& live, Outcome&& o) {
  if (const int why = live.ends.load(); why != Live::none) return ended_early(Failure::Why(why));
  if (o.reason == Outcome::Reason::failed) return failure(Failure::Why::failed, std::move(*o.error));
  if (o.reason == Outcome::Reason::cancelled) return ended_early(Failure::Why::cancelled);
  tell(live, live.text.finish());
  Reply& r = live.reply;
  r.finish = o.reason == Outcome::Reason::stop ? Reply::Finish::stop : Reply::Finish::length;
  r.n_prompt = o.n_prompt;
  r.n_output = uint32_t(o.tokens.size());
  r.n_reused = o.n_reused;
  r.tokens = std::move(o.tokens);
  if (live.has_mean && r.n_output > 0) r.mean_log_prob = live.sum_log_prob / r.n_output;
  const text::Tokenizer& tokenizer = s.prompts->tokenizer();
  if (live.shows_prompt) r.prompt_text = tokenizer.decode_text(live.prompt);
  if (!o.prompt_log_probs.empty()) {
    r.prompt_log_probs.push_back({live.prompt[0], tokenizer.piece(live.prompt[0]), 0, {}});
    for (const engine::LogProbs& p : o.prompt_log_probs)
      r.prompt_log_probs.push_back(token_text(tokenizer, p));
  }
  r.prompt_tokens = std::move(live.prompt);
  const uint64_t before = live.ns_scheduled - live.ns_submitted;
  r.ns_queued = before + o.ns_started;
  r.ns_first = r.n_output > 0 ? before + o.ns_first : 0;
  r.ns_total = before + o.ns_total;
  return std::move(r);
}

void done(State& s, const std::shared_ptr<Live>& live, Outcome&& o) {
  s.n_prompt.fetch_add(o.n_prompt - o.n_reused, std::memory_order_relaxed);
  s.n_reused.fetch_add(o.n_reused, std::memory_order_relaxed);
  {
    const std::lock_guard lock(s.mutex);
    s.live.erase(live->id);
    s.rate.ended(monotonic_ns());
  }
  Ended e = ended(s, *live, std::move(o));
  if (live->events.on_done) live->events.on_done(std::move(e));
}

// What is past its deadline ends; what runs and what waits.
void end_late(State& s) {
  const uint64_t now = monotonic_ns();
  const std::lock_guard lock(s.mutex);
  for (const auto& [_, live] : s.live)
    if (live->deadline_ns != 0 && now >= live->deadline_ns && live->ends.load() == Live::none) {
      live->end(Failure::Why::deadline);
      s.scheduler->cancel(live->request);
    }
}

// False: there was none.
bool run_posted(State& s) {
  std::deque<std::function<void()>> posted;
  {
    const std::lock_guard lock(s.mutex);
    posted.swap(s.posted);
  }
  for (const auto& call : posted) call();
  return !posted.empty();
}

void run(const std::shared_ptr<State>& state) {
  State& s = *state;
  for (bool stopping = false; !stopping;) {
    {
      std::unique_lock lock(s.mutex);
      s.wake.wait(lock, [&] { return s.stop || !s.posted.empty() || s.scheduler->has_work(); });
      stopping = s.stop;
      if (stopping)
        for (const auto& [_, live] : s.live) {
          live->end(Failure::Why::unavailable);
          s.scheduler->cancel(live->request);
        }
    }
    run_posted(s);
    end_late(s);
    s.scheduler->step();
  }
  // All that was cancelled above has ended in that step; who was told may have asked again, and is told
  // again.
  while (run_posted(s)) {
  }
}

class Own final : public Backend {
 public:
  explicit Own(std::shared_ptr<State> state) : state_(std::move(state)), thread_([s = state_] { run(s); }) {}
  ~Own() override {
    {
      const std::lock_guard lock(state_->mutex);
      state_->stop = true;
    }
    state_->wake.notify_one();
    // From an event of its own the thread cannot wait for itself; it holds the state until it ends.
    if (thread_.get_id() == std::this_thread::get_id())
      thread_.detach();
    else
      thread_.join();
  }

  const Info& info() const override { return state_->info; }

  Result<std::optional<uint32_t>> count(const Ask& ask) const override {
    BW_TRY(const std::vector<text::Token> tokens, state_->prompts->tokens(ask));
    return std::optional(uint32_t(tokens.size()));
  }

  AskId submit(Ask ask, Events events) override {
    State& s = *state_;
    const uint64_t now = monotonic_ns();
    auto prepared = prepare(std::move(ask));
    const std::lock_guard lock(s.mutex);
    const AskId id = ++s.last_id;
    const auto refuse = [&](Failure f) {
      s.posted.push_back([f = std::move(f), done = std::move(events.on_done)]() mutable {
        if (done) done(std::move(f));
      });
      s.wake.notify_one();
      return id;
    };
    if (auto* f = std::get_if<Failure>(&prepared)) return refuse(std::move(*f));
    if (s.stop) return refuse(ended_early(Failure::Why::unavailable));
    if (s.live.size() >= s.most_alive) {
      Failure f =
          failure(Failure::Why::busy,
                  failed(fmt::format("{} requests are waiting already", s.max_queued), "ask again later"));
      f.retry_after_ms = s.rate.retry_after_ms(now);
      return refuse(std::move(f));
    }
    engine::ScheduledRequest request = std::move(std::get<Prepared>(prepared).request);
    const std::shared_ptr<Live> live = std::get<Prepared>(prepared).live;
    live->id = id;
    live->events = std::move(events);
    live->ns_submitted = now;
    live->ns_scheduled = monotonic_ns();
    request.on_token = [&s, l = live.get()](const engine::TokenEvent& e) { return took(s, *l, e); };
    request.on_done = [&s, live](Outcome&& o) { done(s, live, std::move(o)); };
    auto scheduled = s.scheduler->submit(std::move(request));
    if (!scheduled) {
      events = std::move(live->events);
      return refuse(failure(Failure::Why::bad_request, scheduled.error()));
    }
    live->request = *scheduled;
    s.live.emplace(id, live);
    s.wake.notify_one();
    return id;
  }

  void cancel(AskId id) override {
    State& s = *state_;
    const std::lock_guard lock(s.mutex);
    const auto at = s.live.find(id);
    if (at == s.live.end()) return;
    at->second->end(Failure::Why::cancelled);
    s.scheduler->cancel(at->second->request);
    s.wake.notify_one();
  }

  Load load() const override {
    State& s = *state_;
    const engine::SchedulerStats stats = s.scheduler->stats();
    Load l;
    {
      const std::lock_guard lock(s.mutex);
      l.n_queued = std::min<uint64_t>(stats.n_queued, s.live.size());
      l.n_running = s.live.size() - l.n_queued;
    }
    l.kv_bytes = s.kv_bytes;
    if (stats.n_pages > 0) {
      const uint64_t page = s.kv_bytes / stats.n_pages;
      l.kv_used_bytes = page * (stats.n_pages - stats.n_free_pages);
      l.prefix_bytes = page * stats.n_kept_pages;
    }
    l.weight_bytes = s.model->weight_bytes();
    l.n_prompt_tokens = s.n_prompt.load(std::memory_order_relaxed);
    l.n_output_tokens = s.n_output.load(std::memory_order_relaxed);
    l.n_reused_tokens = s.n_reused.load(std::memory_order_relaxed);
    return l;
  }

 private:
  struct Prepared {
    engine::ScheduledRequest request;
    std::shared_ptr<Live> live;
  };

  std::variant<Prepared, Failure> prepare(Ask ask) const {
    const State& s = *state_;
    const auto bad = [](Error e) { return failure(Failure::Why::bad_request, std::move(e)); };
    auto tokens = s.prompts->tokens(ask);
    if (!tokens) return bad(tokens.error());
    if (tokens->empty()) return bad(bad_input("the prompt is empty; a model continues something"));
    const uint64_t n_context = s.info.n_context;
    if (tokens->size() + ask.max_tokens > n_context) {
      Failure f = failure(
          Failure::Why::too_long,
          bad_input(fmt::format("the prompt has {} tokens; with {} of output that is more than the {} "
                                "of this deployment's context",
                                tokens->size(), ask.max_tokens, n_context),
                    "shorten the prompt or ask for fewer tokens; nothing is ever cut silently"));
      f.n_prompt = tokens->size();
      f.n_context = n_context;
      return f;
    }
    if (Status ok = s.prompts->check(ask.sampler); !ok) return bad(ok.error());
    auto stops = engine::StopStrings::make(ask.stop);
    if (!stops) return bad(stops.error());
    Prepared p;
    p.live = std::make_shared<Live>(*s.prompts, ask, tokens->back(), *std::move(stops));
    p.live->shows_prompt = ask.tokens.has_value();
    p.live->deadline_ns = ask.deadline_ns;
    p.live->prompt = *tokens;
    p.request.prompt = *std::move(tokens);
    p.request.max_tokens = ask.max_tokens;
    p.request.stop = s.prompts->ends();
    p.request.sampler = std::move(ask.sampler);
    p.request.log_probs = ask.log_probs || ask.mean_log_prob;
    p.request.top_log_probs = ask.log_probs ? ask.top_log_probs : 0;
    p.request.prompt_log_probs = ask.echo_prompt_log_probs;
    if (ask.grammar) p.request.constraint = s.masks->start(ask.grammar);
    return p;
  }

  std::shared_ptr<State> state_;
  std::thread thread_;
};

// The type that holds most of the bytes.
std::string_view main_type(const gguf::File& file) {
  std::map<uint32_t, uint64_t> bytes;
  for (const gguf::TensorInfo& t : file.tensors) bytes[t.ggml_type] += t.n_bytes;
  const auto most = std::max_element(bytes.begin(), bytes.end(),
                                     [](const auto& a, const auto& b) { return a.second < b.second; });
  const quant::TypeInfo* type = most == bytes.end() ? nullptr : quant::find(most->first);
  return type ? type->name : "unknown type";
}

}  // namespace

Result<std::shared_ptr<Backend>> open_own(const OwnOptions& o) {
  if (o.slots == 0 || o.context == 0)
    return bad_input(fmt::format("deployment {}: context {} and slots {}: expected at least 1 of each",
                                 o.name, o.context, o.slots));
  BW_TRY(gguf::File file, gguf::open(o.file));
  engine::ContextOptions context;
  context.n_ctx = o.context;
  context.n_seq = o.slots;
  context.kv_type = o.kv;
  BW_CHECK(memory::fits(file, context, o.threads));
  BW_TRY(text::Vocab vocab, gguf::vocab(file));
  BW_TRY(text::Tokenizer tokenizer, text::Tokenizer::make(std::move(vocab)));
  auto state = std::make_shared<State>();
  // Both read the whole file; the digest beside the loading costs a start nothing where a second core is
  // free.
  Result<std::string> digest = failed("not taken");
  std::thread digesting([&] { digest = gguf::sha256(file); });
  engine::LoadOptions load;
  load.n_threads = o.threads;
  load.progress = o.progress;
  auto model = engine::load(file, load);
  digesting.join();
  if (!model) return model.error();
  BW_TRY(state->info.model_sha256, std::move(digest));
  state->model = *std::move(model);
  BW_TRY(state->context, engine::make_context(state->model, context));
  state->prompts = std::make_shared<Prompts>(std::move(tokenizer), state->model->spec().n_vocab);
  state->masks = std::make_unique<grammar::Masks>(state->prompts->tokenizer());
  state->kv_bytes = state->context->kv_bytes();
  state->max_queued = o.max_queued;
  state->most_alive = uint64_t{o.slots} + o.max_queued;
  engine::SchedulerOptions scheduling;
  scheduling.max_queued = uint32_t(state->most_alive);
  state->scheduler = std::make_unique<engine::Scheduler>(*state->context, context, scheduling);
  Info& info = state->info;
  info.name = o.name;
  info.kind = "own";
  info.kv = kernels::name(o.kv);
  info.n_context = o.context;
  info.description =
      fmt::format("{} {}, {}, {} slots of {} positions, {} cache", state->model->spec().architecture,
                  main_type(file), state->model->isa(), o.slots, o.context, info.kv);
  return std::shared_ptr<Backend>(std::make_shared<Own>(std::move(state)));
}

}  // namespace bw::backend
