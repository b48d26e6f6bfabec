// The speed axis: the scenario's own load on one candidate, in a child process, with order-statistic
// intervals. What a time means here:
//   time to first token   from the intended send time (closed loop: the end of the stream's last request)
//   time per output token a gap between two tokens of one request
//   a bound of a quantile holds with 95 % by itself (stats/quantile.h); none where n is too small, which the
//   figure's reason then says (p95 needs n = 59, p99 n = 299 for an upper bound)
#pragma once
#include <functional>
#include <string>
#include <vector>

#include "base/figure.h"
#include "base/result.h"
#include "memory/memory.h"

namespace bw::speed {

struct Load {
  uint32_t n_streams = 1;        // closed loop: each stream sends its next request when its last one ended
  uint32_t prompt_tokens = 256;  // each request's
  uint32_t output_tokens = 64;
  uint32_t n_requests = 8;  // in all, measured (after one warm-up request)
  uint32_t n_ctx = 2048;
  int n_threads = 0;
  engine::KvType kv_type = engine::KvType::f16;
};

// The context that a load is run in, and that is planned for it: one row of logits a stream, which is what a
// pass can want.
engine::ContextOptions context_options(const Load& load);

struct SpeedReport {
  Figure prefill_tokens_per_s, decode_tokens_per_s;  // medians over requests; decode is per stream
  Figure throughput_tokens_per_s;                    // output tokens of all streams / wall time
  Figure ttft_p50_ms, ttft_p95_ms, ttft_p99_ms;      // time to first token
  Figure tpot_p50_ms, tpot_p95_ms, tpot_p99_ms;      // time per output token
  Figure e2e_p50_ms, e2e_p95_ms, e2e_p99_ms;         // whole request
  Figure read_bandwidth,
      read_bandwidth_share;  // bytes/s of this machine on a buffer of that size; share used in decode
  Figure load_s;             // from start of the child to ready
  Figure cpu_s_per_token;    // processor seconds per output token
  Figure spread;             // (p90 - p10) / p50 of end-to-end over repeats, share
};

struct Measured {
  SpeedReport speed;
  Figure peak_bytes;  // VmHWM of the child, bytes, read before the bandwidth buffer is made
  std::string
      logits_digest;  // of the first request's output tokens: equal on every repeat or something is wrong
  std::string isa;    // kernel table that ran
  int n_threads = 0;  // threads that ran
  std::string raw;    // the child's whole answer as JSON: what a store keeps and pool() takes
};
using Progress = std::function<void(const std::string& what, double share)>;  // share in [0, 1]; may be empty

// Runs `program` (this binary) as a child: `program child-measure`, request as JSON on stdin, result JSON on
// stdout. The child dies with this process. Its end by a signal, or for lack of memory, comes back as an
// Error that says so.
Result<Measured> measure(const std::string& program, const std::string& model_path, const Load& load,
                         const Progress& progress);

// Several measurements of one load as one: times of all requests together, walls and processor seconds added.
struct Pooled {
  SpeedReport speed;
  Figure peak_bytes;         // the largest
  Figure digests_differing;  // "repeats" whose tokens differ from the first's; unknown with one repeat
  std::string isa;
  int n_threads = 0;
};
// rounds: Measured::raw of the same load, at least one. first_token_rounds: raw of that load with
// output_tokens = 1; they add to the times to first token (and to prefill), to nothing else. Error: text that
// is no such answer.
Result<Pooled> pool(const std::vector<std::string>& rounds,
                    const std::vector<std::string>& first_token_rounds, const Load& load);

// The child's side: what it prints on stdout. An Error of the measurement itself travels inside the JSON, so
// that the parent gets it whole; an Error here means that the request cannot be read.
Result<std::string> child_measure(const std::string& request_json);

// One file's speed alone, in this process: `bitworth bench`.
struct BenchOptions {
  uint32_t prefill = 512;  // prompt tokens a repeat
  uint32_t decode = 64;    // output tokens a repeat
  uint32_t depth = 0;      // positions held before either begins
  uint32_t repeat = 5;     // measured, after one warm-up
  uint32_t n_batch = 256;
  int n_threads = 0;
  engine::KvType kv_type = engine::KvType::f16;
};
struct BenchReport {
  Figure prefill_tokens_per_s, decode_tokens_per_s;  // medians, with order-statistic bounds where n allows
  Figure read_bandwidth,
      read_bandwidth_share;  // bytes/s on a buffer of what a token reads; share used in decode
  // multiply-adds/s of the kernels' dot instruction alone; share of it that the products of a prompt's tokens
  // use, without the head and attention
  Figure dot_rate, dot_rate_share;
  Figure load_s;
  Figure peak_bytes;      // VmHWM before the bandwidth buffer is made
  uint64_t kv_bytes = 0;  // allocated for the cache
  std::string isa;
  int n_threads = 0;
};
Result<BenchReport> bench(const std::string& model_path, const BenchOptions& options,
                          const Progress& progress);

// n_streams requests sent at once to the scheduler, each a prompt of its own of options.prefill tokens and
// options.decode tokens of output; options.depth must be 0.
struct StreamsReport {
  Figure decode_tokens_per_s;  // of all streams together, from the moment each has its first token
  Figure whole_tokens_per_s;   // of all streams together, from sending to the last token
  Figure ttft_p95_ms;          // time to first token, over streams and repeats
  Figure load_s, peak_bytes;
  std::string isa;
  int n_threads = 0;
};
Result<StreamsReport> bench_streams(const std::string& model_path, uint32_t n_streams,
                                    const BenchOptions& options, const Progress& progress);

}  // namespace bw::speed
