// Continuous batching: requests join, leave, fork and are cancelled at any step, and all that run share every
// pass. In: requests, from any thread; step(), called by one. Out: tokens and outcomes by callback. A
// request's bits are those it would have alone in an empty cache, whatever runs beside it and whatever prefix
// was found kept (BN1). Cf. Yu et al. 2022 (Orca), Kwon et al. 2023 (vLLM), Agrawal et al. 2024 (Sarathi,
// chunked prefill).
//
// Each step is one forward(): a row for every request that decodes, and what is left of step_rows in equal
// shares for prompts, so that a long prompt delays nobody by more than a step, and no prompt waits for
// another. A request starts when the pages it may come to need are there (free, or kept and evictable): what
// has started always ends. Requests start in the order they came; one whose prompt is being computed by
// another at this moment lets later ones go first until that is done.
#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "engine/constraint.h"
#include "engine/engine.h"
#include "engine/sampler.h"

namespace bw::engine {

using RequestId = uint64_t;

struct TokenEvent {
  RequestId id = 0;
  Token token = 0;
  uint32_t index = 0;                   // in the output
  const LogProbs* log_probs = nullptr;  // where asked for; for the call only
};

struct Outcome {
  RequestId id = 0;
  enum class Reason { stop, length, cancelled, failed } reason = Reason::stop;
  std::optional<Error> error;              // failed: why
  std::vector<Token> tokens;               // of output, without a stop token
  std::vector<LogProbs> log_probs;         // one a token, where asked for
  std::vector<LogProbs> prompt_log_probs;  // one a token of the prompt from the second on, where asked for
  uint32_t n_prompt = 0;
  uint32_t n_reused = 0;  // positions of the prompt that were not computed again
  uint64_t ns_started = 0, ns_first = 0, ns_total = 0;  // since it was submitted: admitted, first token, end
};

struct ScheduledRequest {
  std::vector<Token> prompt;
  // Of output. 0 only computes the prompt: for its log-probabilities, or to have it kept.
  uint32_t max_tokens = 128;
  std::vector<Token> stop;  // ids that end the output (not part of it)
  SamplerOptions sampler;
  // What the output must obey, at its start; this request's own, read and told from step() alone. Tokens that
  // end the output stand in `stop` too. May be empty.
  std::shared_ptr<Constraint> constraint = {};
  bool log_probs = false;         // of each token of output, with the top_log_probs likeliest (at most 20)
  bool prompt_log_probs = false;  // the same of the prompt, which is then computed whole
  uint32_t top_log_probs = 0;
  bool reuse = true;  // of prefixes that are kept or run; changes no bit
  // Both are called from step(), in its thread, and may call submit(), fork() and cancel(). May be empty.
  std::function<bool(const TokenEvent&)> on_token;  // true ends it (reason stop): stop strings live there
  std::function<void(Outcome&&)> on_done;           // once, the last that is heard of it
};

struct SchedulerOptions {
  uint32_t step_rows = 0;  // rows of a step; 0: the context's n_batch. Fewer: shorter pauses, slower prompts
  uint32_t max_queued = 1024;  // requests that may wait
  bool keep_prefixes = true;   // false: reuse only from what runs
  Clock clock = monotonic_ns;
};

struct SchedulerStats {
  uint64_t n_queued = 0, n_running = 0;
  uint64_t n_steps = 0, n_decode_rows = 0, n_prompt_rows = 0;
  uint64_t n_reused = 0;  // positions found kept or running
  uint64_t n_pages = 0, n_free_pages = 0, n_kept_pages = 0, n_evicted_pages = 0;
};

class Scheduler {
 public:
  // `options` are those `context` was made with. The context belongs to the scheduler while that lives:
  // nobody else makes sequences in it.
  Scheduler(Context& context, const ContextOptions& options, SchedulerOptions scheduling = {});
  ~Scheduler();  // tells nobody; cancel and step() first where on_done matters
  Scheduler(const Scheduler&) = delete;

  // Any thread. Error: options that mean nothing, an empty prompt, one that can never fit, a full queue.
  Result<RequestId> submit(ScheduledRequest request);
  // Any thread. A request that continues another: its prompt is that one's prompt and output so far (at the
  // beginning of the next step), then request.prompt, which may be empty; nothing of the common part is
  // computed again. Where that one has ended by then, this one fails.
  Result<RequestId> fork(RequestId of, ScheduledRequest request);
  // Any thread. Takes effect at the next step, waiting or running; ended requests are no error.
  void cancel(RequestId id);

  // One pass for all. False: there was nothing to do; wait for a submit(). What goes wrong ends the request
  // it belongs to.
  bool step();
  // Any thread: whether step() has something to do.
  bool has_work() const;
  // Any thread: as of the end of the last step, n_queued as of now.
  SchedulerStats stats() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace bw::engine
