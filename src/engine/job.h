// One request as the scheduler keeps it: its tokens, the sequence that holds the first of them, and the
// arithmetic of pages. In: a ScheduledRequest. Out: an Outcome, piece by piece.
#pragma once
#include <algorithm>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "engine/scheduler.h"

namespace bw::engine {

// Below so many positions a page is cheaper computed again than copied, kept or waited for.
inline constexpr uint32_t worth_sharing = 32;

inline uint64_t pages_of(uint64_t n) {
  return (n + page_positions - 1) / page_positions;
}
inline uint32_t full_pages(uint32_t n) {
  return n - n % page_positions;
}
// As much of a common prefix of n positions as is worth taking.
inline uint32_t worth(uint32_t n) {
  return n % page_positions < worth_sharing ? full_pages(n) : n;
}

struct Job {
  RequestId id = 0;
  RequestId parent = 0;  // a fork that is not yet resolved
  ScheduledRequest request;
  std::vector<Token> tokens;  // prompt, then output
  int seq = -1;
  uint32_t n_take = 0;  // rows in this step
  std::optional<Token> next;
  std::optional<LogProbs> next_probs;
  std::optional<Error> error;
  uint64_t submitted = 0;
  Outcome outcome;

  // Positions the sequence is to hold before the next choice, and at most.
  uint32_t n_goal() const { return uint32_t(tokens.size()) - (request.max_tokens == 0); }
  uint64_t n_most() const { return outcome.n_prompt + uint64_t{request.max_tokens} - 1; }
};

// Pages its sequence takes until it holds n positions. A page it has begun and shares is copied before it
// goes on; that two who share one need one copy between them is not counted on.
inline uint64_t pages_to_hold(const Context& context, const Job& job, uint64_t n) {
  const std::span<const uint32_t> pages = context.pages(job.seq);
  const bool copies = context.length(job.seq) % page_positions != 0 && context.page_holders(pages.back()) > 1;
  return std::max(pages_of(n), uint64_t{pages.size()}) - pages.size() + copies;
}
// Pages it may still take in all.
inline uint64_t pages_owed(const Context& context, const Job& job) {
  return pages_to_hold(context, job, job.n_most());
}

// Takes from the logits after `position` what the request wants of them: a log-probability of its prompt, or
// the next token.
inline void read_logits(Job& job, uint32_t position, std::span<const float> logits) {
  const ScheduledRequest& r = job.request;
  const uint32_t n = position + 1;
  if (n < job.tokens.size()) {
    job.outcome.prompt_log_probs.push_back(log_probs(logits, job.tokens[n], r.top_log_probs));
    return;
  }
  const std::span<const Token> tokens = job.tokens;
  const uint32_t n_prompt = job.outcome.n_prompt;
  TokenMask mask;
  if (r.constraint) {
    auto allowed = r.constraint->allowed();
    if (!allowed) {
      job.error = allowed.error();
      return;
    }
    mask = *allowed;
  }
  auto token = sample(logits, r.sampler, n, {tokens.first(n_prompt), tokens.subspan(n_prompt)}, mask);
  if (!token) {
    job.error = token.error();
    return;
  }
  job.next = *token;
  if (r.log_probs) job.next_probs = log_probs(logits, *token, r.top_log_probs);
}

}  // namespace bw::engine
