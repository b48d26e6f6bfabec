// A load run against a context, as times; and the report that follows from the times. Both pure: the clock is
// handed in. In: a Context, prompts, a Load, a Clock. Out: Samples, then the figures of a SpeedReport.
#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "engine/engine.h"
#include "engine/scheduler.h"
#include "speed/speed.h"

namespace bw::speed {

struct RequestSample {
  uint64_t sent_ns = 0;            // intended send time
  std::vector<uint64_t> token_ns;  // when each output token was there
};
struct Samples {
  std::vector<RequestSample> requests;      // in order of their number
  uint64_t begin_ns = 0, end_ns = 0;        // of the measured requests together
  std::vector<engine::Token> first_output;  // tokens of request 0
};

// Runs requests 0 .. prompts.size() - 1 in a closed loop of n_streams streams, greedy, output_tokens each
// whatever they are (an end-of-text token does not end one: every request costs the same). A pass holds the
// streams that decode, then prompt rows of the others, at most n_batch rows. Times are taken after each pass:
// its tokens appear together.
Result<Samples> run_load(engine::Context& context, std::span<const std::vector<engine::Token>> prompts,
                         const Load& load, uint32_t n_batch, const Clock& clock, const Progress& progress);

// Prompts sent at once, all running together.
struct StreamsSample {
  uint64_t begin_ns = 0, end_ns = 0;            // sending to the last token
  std::vector<std::vector<uint64_t>> token_ns;  // [stream], when each output token was there
};
// n_output tokens for each prompt, none reused from another; `scheduler` has nothing else to do.
Result<StreamsSample> run_streams(engine::Scheduler& scheduler,
                                  std::span<const std::vector<engine::Token>> prompts, uint32_t n_output,
                                  const Clock& clock);
struct StreamsRates {
  double decode_tokens_per_s = 0;  // after the last stream's first token; 0 where none came after it
  double whole_tokens_per_s = 0;
  std::vector<double> ttft_ms;  // [stream]
};
StreamsRates rates_of(const StreamsSample& sample);

// What the child measured besides the load.
struct Around {
  double load_s = 0;                  // start of the child to ready
  double cpu_s = 0;                   // processor seconds, user and system, over the load
  uint64_t bytes_read_per_token = 0;  // weight bytes a decode step reads (engine::plan)
  Figure read_bandwidth;              // bytes/s
};
SpeedReport report(const Samples& samples, const Load& load, const Around& around);

// Figure of quantile q of `values`, with the bounds the sample size allows and the reason where it allows
// none.
Figure quantile_figure(std::span<const double> values, double q, const std::string& unit,
                       const std::string& what);
// SHA-256 of ids as 32-bit little endian.
std::string digest(std::span<const engine::Token> tokens);

// n token ids of the file's normal tokens (tokenizer.ggml.token_type; all ids where it names none), from
// `seed`.
std::vector<engine::Token> synthetic_prompt(const gguf::File& file, uint32_t n_vocab, uint32_t n,
                                            uint64_t seed);

}  // namespace bw::speed
