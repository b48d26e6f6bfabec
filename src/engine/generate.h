// Generation over a Context: greedy or seeded, many requests at once, a shared prefix prefilled once, drafts
// verified. In: requests. Out: one Completion a request, in order; the same tokens whatever runs beside it
// (BN1).
#pragma once
#include <atomic>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "engine/engine.h"
#include "engine/sampler.h"

namespace bw::engine {

struct Request {
  std::string name;  // for errors; empty: "request INDEX"
  // A sequence of the context, kept by the caller, whose whole content comes before the prompt instead of the
  // shared prefix. So requests of several prefixes can run side by side. -1: the shared prefix.
  int base = -1;
  std::vector<Token> prompt;  // not empty, unless it follows a shared prefix
  uint32_t max_tokens = 128;  // of output
  std::vector<Token> stop;    // ids that end the output (not part of it)
  // Called with the output so far after each token; true ends it ("stop"). May be empty.
  std::function<bool(std::span<const Token> output)> stop_when;
  SamplerOptions sampler;  // temperature 0 = greedy; a repeat_penalty cannot see into a `base`
  bool log_probs = false;  // of each token of output, with the top_log_probs likeliest (at most 20)
  uint32_t top_log_probs = 0;
  // Draft verification: a likely output, e.g. the reference's. It is prefilled and kept up to the first token
  // that differs; the result is exactly what decoding would have given (seeded sampling included: BN1 draws
  // by position).
  std::vector<Token> draft;
};

struct Completion {
  std::vector<Token> tokens;
  std::vector<LogProbs> log_probs;  // one a token, where asked for
  enum class Reason { stop, length, not_run /* control.admit refused it */ } reason = Reason::stop;
  uint32_t n_prompt = 0;  // with the prefix
  uint32_t n_draft_accepted = 0;
  uint64_t ns_first = 0, ns_total = 0;  // from the start of generate() to the first and the last token
};

// How a caller keeps hold of a long run.
struct GenerateControl {
  // Set from anywhere (a signal handler): the call returns an Error between two passes. `done` was called for
  // every request that had finished; those under way are lost.
  const std::atomic<bool>* cancel = nullptr;
  // Asked before a request starts; the first false starts no more, and the call returns when those under way
  // have finished. May be empty.
  std::function<bool(size_t request)> admit = {};
};

// All requests follow `prefix`, or each its own base (then `prefix` must be empty): never both in one call.
// Runs at most as many requests at a time as the context has free sequences, refilling free places in request
// order. Rows of all of them share each pass, at most 256, decoding first, so a long prompt delays nobody by
// more. `done` is called as each finishes (index, completion), in the calling thread; it may be empty. The
// context's sequences are given back at the end. An error names the request; BN1 makes results independent of
// neighbours, so a failed pass is repeated for each request alone to find whose it was; and a request that
// fails beside others (too few KV pages for all) begins again when they are done, before its error counts.
Result<std::vector<Completion>> generate(Context& context, std::span<const Token> prefix,
                                         std::span<const Request> requests,
                                         const std::function<void(size_t, const Completion&)>& done = {},
                                         const GenerateControl& control = {});

}  // namespace bw::engine
