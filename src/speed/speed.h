// The speed axis: the scenario's own load on one candidate, in a child process, with order-statistic intervals.
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
  uint32_t n_requests = 8;       // in all, measured (after one warm-up request)
  uint32_t n_ctx = 2048;
  int n_threads = 0;
};

struct SpeedReport {
  Figure prefill_tokens_per_s, decode_tokens_per_s;   // medians over requests; decode is per stream
  Figure throughput_tokens_per_s;                      // output tokens of all streams / wall time
  Figure ttft_p50_ms, ttft_p95_ms, ttft_p99_ms;        // time to first token
  Figure tpot_p50_ms, tpot_p95_ms, tpot_p99_ms;        // time per output token
  Figure e2e_p50_ms, e2e_p95_ms, e2e_p99_ms;           // whole request
  Figure read_bandwidth, read_bandwidth_share;         // bytes/s of this machine on a buffer of that size; share used in decode
  Figure load_s;                                       // from start of the child to ready
  Figure cpu_s_per_token;                              // processor seconds per output token
  Figure spread;                                       // (p90 - p10) / p50 of end-to-end over repeats, share
};

struct Measured {
  SpeedReport speed;
  Figure peak_bytes;             // VmHWM of the child
  std::string logits_digest;     // of the first request's output tokens: equal on every repeat or something is wrong
  // One entry a measured request (tpot: its mean), ms, in order of arrival: src/judge pools the rounds of A B A B.
  std::vector<double> ttft_ms, tpot_ms, e2e_ms;
};
// Runs `program` (this binary) as a child: `program child-measure`, request as JSON on stdin, result JSON on stdout.
Result<Measured> measure(const std::string& program, const std::string& model_path, const Load& load,
                         const std::function<void(const std::string& what, double share)>& progress);
// The child's side.
Result<std::string> child_measure(const std::string& request_json);

}  // namespace bw::speed
