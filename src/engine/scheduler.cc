// A request is its tokens (prompt, then output) and a sequence that holds the first of them; what the
// sequence lacks is fed, and logits are wanted where the tokens end. Prompt, decoding, a fork and what was
// found in the tree are all only lengths of that. Full pages of a running sequence are always the tree's own
// (insert() swaps them), so a page of the tree is evictable or in use by somebody whose pages were counted.
#include "engine/scheduler.h"

#include <fmt/format.h>

#include <algorithm>
#include <deque>
#include <mutex>
#include <utility>

#include "engine/job.h"
#include "engine/prefix_tree.h"

namespace bw::engine {

class Scheduler::Impl {
 public:
  Impl(Context& context, const ContextOptions& options, SchedulerOptions scheduling)
      : context_(context),
        n_ctx_(options.n_ctx),
        step_rows_(scheduling.step_rows ? scheduling.step_rows : options.n_batch),
        scheduling_(std::move(scheduling)),
        n_pages_(context.n_pages()),
        tree_(context) {}
  ~Impl() {
    for (const auto& job : running_) context_.drop(job->seq);
  }

  Result<RequestId> submit(RequestId parent, ScheduledRequest request) {
    BW_CHECK(check(request.sampler));
    if (request.top_log_probs > max_top_log_probs)
      return bad_input(fmt::format("top_log_probs: expected at most {}, found {}", max_top_log_probs,
                                   request.top_log_probs));
    if (!parent) BW_CHECK(can_ever_fit(request.prompt.size(), request.max_tokens));
    auto job = std::make_unique<Job>();
    job->parent = parent;
    job->request = std::move(request);
    job->submitted = scheduling_.clock();
    const std::lock_guard lock(mutex_);
    if (inbox_.size() + n_waiting_ >= scheduling_.max_queued)
      return failed(fmt::format("{} requests are waiting already", scheduling_.max_queued),
                    "try again later");
    job->id = job->outcome.id = ++last_id_;
    inbox_.push_back(std::move(job));
    return last_id_;
  }
  void cancel(RequestId id) {
    const std::lock_guard lock(mutex_);
    cancelled_.push_back(id);
  }

  bool step() {
    take_inbox();
    start_waiting();
    const std::vector<Job*> active = plan();
    if (!active.empty()) {
      run(active);
      for (Job* job : active) settle(*job);
      std::erase_if(running_, [](const auto& job) { return job->seq < 0; });
    }
    const std::lock_guard lock(mutex_);
    n_waiting_ = waiting_.size();
    stats_.n_running = running_.size();
    stats_.n_steps += !active.empty();
    stats_.n_pages = n_pages_;
    stats_.n_free_pages = context_.free_pages();
    stats_.n_kept_pages = tree_.n_pages();
    stats_.n_evicted_pages = tree_.n_evicted();
    return !active.empty();
  }

  bool has_work() const {
    const std::lock_guard lock(mutex_);
    return !inbox_.empty() || !cancelled_.empty() || n_waiting_ > 0 || stats_.n_running > 0;
  }
  SchedulerStats stats() const {
    const std::lock_guard lock(mutex_);
    SchedulerStats s = stats_;
    s.n_queued = n_waiting_ + inbox_.size();
    return s;
  }

 private:
  Status can_ever_fit(uint64_t n_prompt, uint32_t max_tokens) const {
    if (n_prompt == 0) return bad_input("the prompt is empty; a model continues something");
    const uint64_t n = n_prompt + max_tokens - 1;  // the last token of output is never fed
    if (n > n_ctx_)
      return bad_input(fmt::format("a prompt of {} tokens and {} of output do not fit a context of {}",
                                   n_prompt, max_tokens, n_ctx_),
                       "shorten the prompt, ask for fewer tokens, or make the context larger");
    if (pages_of(n) > n_pages_)
      return bad_input(
          fmt::format("a prompt of {} tokens and {} of output need {} pages of the KV cache, which "
                      "has {}",
                      n_prompt, max_tokens, pages_of(n), n_pages_),
          "ask for fewer tokens, or give the context a larger n_kv");
    return {};
  }
  uint64_t since(const Job& job) const { return scheduling_.clock() - job.submitted; }
  uint32_t held(const Job& job) const { return context_.length(job.seq); }

  void take_inbox() {
    std::vector<std::unique_ptr<Job>> came;
    std::vector<RequestId> gone;
    {
      const std::lock_guard lock(mutex_);
      came.swap(inbox_);
      gone.swap(cancelled_);
      n_waiting_ = waiting_.size() + came.size();
    }
    for (auto& job : came) {
      const RequestId parent = std::exchange(job->parent, 0);
      waiting_.push_back(std::move(job));
      if (Status ok = begin(*waiting_.back(), parent); !ok) {
        waiting_.back()->error = ok.error();
        finish_waiting(waiting_.size() - 1, Outcome::Reason::failed);
      }
    }
    for (const RequestId id : gone) {
      for (size_t i = 0; i < waiting_.size(); ++i)
        if (waiting_[i]->id == id) {
          finish_waiting(i, Outcome::Reason::cancelled);
          break;
        }
      for (const auto& job : running_)
        if (job->id == id) finish(*job, Outcome::Reason::cancelled);
    }
    std::erase_if(running_, [](const auto& job) { return job->seq < 0; });
  }

  Status begin(Job& job, RequestId parent) {
    if (parent) {
      const Job* of = find(parent);
      if (!of || of == &job)
        return failed(fmt::format("request {}, which this one continues, has ended", parent));
      job.tokens = of->tokens;
    }
    job.tokens.insert(job.tokens.end(), job.request.prompt.begin(), job.request.prompt.end());
    job.outcome.n_prompt = uint32_t(job.tokens.size());
    return parent ? can_ever_fit(job.tokens.size(), job.request.max_tokens) : Status{};
  }
  const Job* find(RequestId id) const {
    for (const auto& job : running_)
      if (job->id == id && job->seq >= 0) return job.get();
    for (const auto& job : waiting_)
      if (job->id == id) return job.get();
    return nullptr;
  }

  // What a job may take over: a prefix kept in the tree, or of a running sequence.
  struct Source {
    uint32_t n = 0;
    PrefixTree::Match kept;
    int seq = -1;  // instead of `kept`
  };
  Source source(const Job& job) {
    Source s;
    if (!job.request.reuse || job.request.prompt_log_probs) return s;
    const std::span<const Token> wanted = std::span(job.tokens).first(job.tokens.size() - 1);
    s.kept = tree_.find(wanted);
    s.n = worth(s.kept.n);
    for (const auto& other : running_) {
      const uint32_t n = worth(std::min(n_common(wanted, other->tokens), held(*other)));
      if (n <= s.n) continue;
      s.n = n;
      s.seq = other->seq;
    }
    return s;
  }
  // Somebody is computing more of this prompt than there is by now.
  bool is_being_computed(const Job& job, uint32_t n_now) const {
    if (!job.request.reuse || job.request.prompt_log_probs) return false;
    const std::span<const Token> wanted = std::span(job.tokens).first(job.tokens.size() - 1);
    return std::any_of(running_.begin(), running_.end(), [&](const auto& other) {
      const uint32_t n = std::min(n_common(wanted, other->tokens), other->n_goal());
      return n > held(*other) && worth(n) >= n_now + worth_sharing;
    });
  }

  void start_waiting() {
    for (size_t i = 0; i < waiting_.size();) {
      Job& job = *waiting_[i];
      const Source from = source(job);
      if (is_being_computed(job, from.n)) {
        ++i;
        continue;
      }
      // Sharing part of a page may cost one more than there is.
      if (!start(job, from, from.n) && !(from.n % page_positions && start(job, from, full_pages(from.n))))
        return;
      job.outcome.ns_started = since(job);
      running_.push_back(std::move(waiting_[i]));
      waiting_.erase(waiting_.begin() + long(i));
      if (job.n_goal() <= held(job) && job.request.max_tokens == 0) {
        finish(job, Outcome::Reason::length);
        running_.pop_back();
      }
    }
  }

  // False, with nothing changed, where a sequence or pages are lacking.
  bool start(Job& job, const Source& from, uint32_t n) {
    const auto seq = from.seq >= 0 ? context_.fork(from.seq, n) : context_.adopt(from.kept.pages, n);
    if (!seq) return false;
    job.seq = *seq;
    uint64_t all = pages_owed(context_, job);
    for (const auto& other : running_) all += pages_owed(context_, *other);
    if (all > context_.free_pages() && all > context_.free_pages() + tree_.n_evictable()) {
      context_.drop(std::exchange(job.seq, -1));
      return false;
    }
    job.outcome.n_reused = n;
    stats_reused(n);
    return true;
  }
  void stats_reused(uint32_t n) {
    const std::lock_guard lock(mutex_);
    stats_.n_reused += n;
  }

  // Rows of this step: one for whoever has one to feed, the rest in equal shares; what a short prompt does
  // not take of its share goes to the longer ones.
  std::vector<Job*> plan() {
    std::vector<Job*> active, prompts;
    for (const auto& job : running_) {
      job->n_take = job->n_goal() - held(*job);
      (job->n_take > 1 ? prompts : active).push_back(job.get());
    }
    const size_t n_decode = active.size();
    std::stable_sort(prompts.begin(), prompts.end(),
                     [](const Job* a, const Job* b) { return a->n_take < b->n_take; });
    size_t left = std::max<size_t>(step_rows_ - std::min<size_t>(step_rows_, n_decode), prompts.size());
    for (size_t i = 0; i < prompts.size(); ++i) {
      const size_t share = left / (prompts.size() - i);
      prompts[i]->n_take = uint32_t(std::min<size_t>(prompts[i]->n_take, share));
      left -= prompts[i]->n_take;
      active.push_back(prompts[i]);
    }
    uint64_t needed = 0, n_rows = 0;
    for (const Job* job : active) {
      needed += pages_to_hold(context_, *job, held(*job) + job->n_take);
      n_rows += job->n_take;
    }
    if (needed > context_.free_pages()) tree_.evict(needed - context_.free_pages());
    const std::lock_guard lock(mutex_);
    stats_.n_decode_rows += n_decode;
    stats_.n_prompt_rows += n_rows - n_decode;
    return active;
  }

  Status forward(std::span<Job* const> active) {
    struct Owner {
      Job* job;
      uint32_t position;
    };
    std::vector<Row> rows;
    std::vector<Owner> owners;
    for (Job* job : active) {
      job->next.reset();
      job->next_probs.reset();
      const uint32_t from = held(*job);
      job->outcome.prompt_log_probs.resize(std::min<size_t>(job->outcome.prompt_log_probs.size(), from));
      for (uint32_t p = from; p < from + job->n_take; ++p) {
        const bool chooses = p + 1 == job->tokens.size();
        const bool tells = job->request.prompt_log_probs && p + 1 < job->outcome.n_prompt;
        rows.push_back({job->seq, job->tokens[p], chooses || tells});
        owners.push_back({job, p});
      }
    }
    return context_.forward(rows, [&](size_t row, std::span<const float> logits) -> Status {
      read_logits(*owners[row].job, owners[row].position, logits);
      return {};
    });
  }

  // What fails together is tried apart: the error is of one of them.
  void run(std::span<Job* const> active) {
    Status ok = forward(active);
    if (ok) return;
    if (active.size() == 1) {
      active[0]->error = ok.error();
      return;
    }
    for (Job* job : active) run(std::span(&job, 1));
  }

  void settle(Job& job) {
    if (job.error) return finish(job, Outcome::Reason::failed);
    if (scheduling_.keep_prefixes && held(job) / page_positions > (held(job) - job.n_take) / page_positions)
      tree_.insert(job.seq, std::span(job.tokens).first(held(job)), false);
    if (job.request.max_tokens == 0) {
      if (held(job) == job.n_goal()) finish(job, Outcome::Reason::length);
      return;
    }
    if (!job.next) return;
    const ScheduledRequest& r = job.request;
    Outcome& o = job.outcome;
    const Token token = *job.next;
    if (o.tokens.empty()) o.ns_first = since(job);
    if (std::find(r.stop.begin(), r.stop.end(), token) != r.stop.end())
      return finish(job, Outcome::Reason::stop);
    if (r.constraint) r.constraint->accept(token);
    job.tokens.push_back(token);
    o.tokens.push_back(token);
    const uint32_t index = uint32_t(o.tokens.size() - 1);
    if (job.next_probs) o.log_probs.push_back(std::move(*job.next_probs));
    const LogProbs* probs = r.log_probs ? &o.log_probs.back() : nullptr;
    if (r.on_token && r.on_token({job.id, token, index, probs})) return finish(job, Outcome::Reason::stop);
    if (o.tokens.size() >= r.max_tokens) finish(job, Outcome::Reason::length);
  }

  void tell(Job& job, Outcome::Reason reason) {
    job.outcome.reason = reason;
    job.outcome.error = std::move(job.error);
    job.outcome.ns_total = since(job);
    if (job.request.on_done) job.request.on_done(std::move(job.outcome));
  }
  // A running one; what it computed stays in the tree.
  void finish(Job& job, Outcome::Reason reason) {
    if (job.seq < 0) return;
    if (scheduling_.keep_prefixes) {
      const uint32_t n = worth(held(job));
      tree_.insert(job.seq, std::span(job.tokens).first(n), n % page_positions != 0);
    }
    context_.drop(std::exchange(job.seq, -1));
    tell(job, reason);
  }
  void finish_waiting(size_t i, Outcome::Reason reason) {
    const std::unique_ptr<Job> job = std::move(waiting_[i]);
    waiting_.erase(waiting_.begin() + long(i));
    tell(*job, reason);
  }

  Context& context_;
  const uint32_t n_ctx_, step_rows_;
  const SchedulerOptions scheduling_;
  const uint64_t n_pages_;
  PrefixTree tree_;
  std::deque<std::unique_ptr<Job>> waiting_;
  std::vector<std::unique_ptr<Job>> running_;

  mutable std::mutex mutex_;  // of all that follows
  std::vector<std::unique_ptr<Job>> inbox_;
  std::vector<RequestId> cancelled_;
  RequestId last_id_ = 0;
  size_t n_waiting_ = 0;
  SchedulerStats stats_;
};

Scheduler::Scheduler(Context& context, const ContextOptions& options, SchedulerOptions scheduling)
    : impl_(std::make_unique<Impl>(context, options, std::move(scheduling))) {}
Scheduler::~Scheduler() = default;
Result<RequestId> Scheduler::submit(ScheduledRequest request) {
  return impl_->submit(0, std::move(request));
}
Result<RequestId> Scheduler::fork(RequestId of, ScheduledRequest request) {
  if (of == 0) return bad_input("fork: there is no request 0");
  return impl_->submit(of, std::move(request));
}
void Scheduler::cancel(RequestId id) {
  impl_->cancel(id);
}
bool Scheduler::step() {
  return impl_->step();
}
bool Scheduler::has_work() const {
  return impl_->has_work();
}
SchedulerStats Scheduler::stats() const {
  return impl_->stats();
}

}  // namespace bw::engine
