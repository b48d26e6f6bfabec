// Generation over a Context: greedy or seeded, many requests at once, a shared prefix prefilled once, drafts verified.
// In: requests. Out: one Completion a request, in order; the same tokens whatever runs beside it (BN1).
#pragma once
#include <functional>
#include <span>
#include <vector>

#include "base/result.h"
#include "engine/engine.h"
#include "engine/sampler.h"

namespace bw::engine {

struct Request {
  std::vector<Token> prompt;      // after the shared prefix; the two together must not be empty
  uint32_t max_tokens = 128;      // of output
  std::vector<Token> stop;        // ids that end the output (not part of it)
  // Called with the output so far after each token; true ends it ("stop"). May be empty.
  std::function<bool(std::span<const Token> output)> stop_when;
  SamplerOptions sampler;         // temperature 0 = greedy
  // Draft verification (greedy only): a likely output, e.g. the reference's. It is prefilled in one pass and
  // kept up to the first token that differs; the result is exactly what decoding would have given.
  std::vector<Token> draft;
};

struct Completion {
  std::vector<Token> tokens;
  enum class Reason { stop, length } reason = Reason::stop;
  uint32_t n_prompt = 0;          // with the prefix
  uint32_t n_draft_accepted = 0;
  uint64_t ns_first = 0, ns_total = 0;  // from the start of generate() to the first and the last token
};

// Runs at most context's n_seq requests at a time, refilling free places. `done` is called as each finishes
// (index, completion), in the calling thread; it may be empty.
Result<std::vector<Completion>> generate(Context& context, std::span<const Token> prefix,
                                         std::span<const Request> requests,
                                         const std::function<void(size_t, const Completion&)>& done = {});

}  // namespace bw::engine
