// What can answer: the own engine over one file, or an OpenAI-compatible endpoint. In: an Ask. Out: pieces of
// text as they come, then a Reply. Asynchronous: many at once, each ends with exactly one on_done.
#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "engine/engine.h"
#include "engine/sampler.h"
#include "grammar/grammar.h"

namespace bw::backend {

struct Ask {
  // One of them. A chat as OpenAI's `messages` array (JSON text, already validated by who asks: roles system,
  // user, assistant, tool; contents strings), or a text to go on with.
  std::string messages_json, prompt;
  std::optional<std::vector<text::Token>> tokens;  // a prompt of ids (own engine only)
  uint32_t max_tokens = 256;                       // of output
  engine::SamplerOptions sampler;
  std::vector<std::string> stop;
  bool log_probs = false;
  uint32_t top_log_probs = 0;
  bool mean_log_prob = false;  // Reply::mean_log_prob without log_probs: a pass over the vocabulary a token
  bool echo_prompt_log_probs = false;               // own: Reply::prompt_log_probs, with top_log_probs each
  std::shared_ptr<const grammar::Grammar> grammar;  // own engine: decoded under it
  std::string schema;  // what `grammar` was made of; empty: any object. For records, not read here
  std::string response_format_json;  // endpoint: handed on
  uint64_t deadline_ns = 0;          // monotonic_ns() after which it is given up; 0: none
};

struct TokenText {
  text::Token token = -1;  // -1: an endpoint, which names none
  std::string text;        // bytes of this token
  double log_prob = 0;
  struct Other {
    std::string text;
    double log_prob;
    text::Token token;
  };
  std::vector<Other> top;
};

struct Reply {
  std::string text;
  enum class Finish { stop, length } finish = Finish::stop;
  uint32_t n_prompt = 0, n_output = 0, n_reused = 0;
  std::vector<text::Token> prompt_tokens, tokens;  // own engine; tokens: as chosen, stop string included
  // Where asked for: one a token of which `text` shows a byte at least.
  std::vector<TokenText> log_probs;
  std::vector<TokenText>
      prompt_log_probs;     // echo_prompt_log_probs: one a token; the first's log_prob is 0, of nothing
  std::string prompt_text;  // own engine, of a prompt given as ids
  std::optional<double>
      mean_log_prob;  // nats a token of output, where asked for (or log_probs), n_output > 0
  uint64_t ns_queued = 0, ns_first = 0, ns_total = 0;  // since submit()
};

// Why no Reply came, for the caller's status code.
struct Failure {
  enum class Why {
    too_long,     // 413: prompt or prompt + output beyond the context; `counts` says
    busy,         // 429: the queue is full
    cancelled,    // by cancel()
    deadline,     // 504 to a caller
    unavailable,  // 503: endpoint down, engine stopped
    bad_request,  // 400: what this backend cannot do, by name
    failed        // 500
  } why = Why::failed;
  Error error;
  uint64_t n_prompt = 0, n_context = 0;  // too_long
  uint64_t retry_after_ms = 0;           // busy: an honest estimate from the rate of the last minute
};
using Ended = std::variant<Reply, Failure>;

struct Events {
  // In order, from the backend's thread: must not block. Empty text is possible (a token that shows nothing
  // yet). May be empty.
  std::function<void(std::string_view text, const TokenText*)> on_text;
  std::function<void(Ended&&)> on_done;  // once, the last; never from inside submit()
};

struct Info {
  std::string name;          // of the deployment
  std::string kind;          // "own" | "endpoint"
  std::string model_sha256;  // own: of the file
  std::string description;   // own: architecture, type, ISA; endpoint: URL and model
  std::string kv;            // own: type of the cache, "f16" | "q8"; with model_sha256 it decides every bit
  uint32_t n_context = 0;    // 0: not known
};

struct Load {  // for metrics and admission
  uint64_t n_queued = 0, n_running = 0;
  uint64_t kv_bytes = 0, kv_used_bytes = 0, prefix_bytes = 0, weight_bytes = 0;
  uint64_t n_prompt_tokens = 0, n_output_tokens = 0, n_reused_tokens = 0;  // since the start
};

using AskId = uint64_t;

class Backend {
 public:
  // Ends what runs: on_done with unavailable, before it returns (from an event of its own: soon after).
  virtual ~Backend() = default;
  virtual const Info& info() const = 0;
  // Tokens of the prompt by its own tokenizer, or nothing where that cannot be known (an endpoint).
  virtual Result<std::optional<uint32_t>> count(const Ask& ask) const = 0;
  virtual AskId submit(Ask ask, Events events) = 0;
  virtual void cancel(AskId id) = 0;
  virtual Load load() const = 0;
};

// Asks and waits for the end; for whoever has nothing else to do.
Ended ask_and_wait(Backend& backend, Ask ask);

struct OwnOptions {
  std::string name, file;
  engine::KvType kv = engine::KvType::f16;
  uint32_t context = 4096, slots = 8;
  int threads = 0;
  uint32_t max_queued = 64;
  std::function<void(uint64_t done, uint64_t total)> progress;  // of loading
};
// Plans first: a file that does not fit this host's memory is refused with the plan.
Result<std::shared_ptr<Backend>> open_own(const OwnOptions& options);

struct EndpointOptions {
  std::string name, url, model, key;  // url: up to and with /v1
  uint64_t timeout_ms = 60'000;       // from the start of the exchange to its end
  uint64_t connect_ms = 5'000;        // name, connection, TLS
  uint64_t stall_ms = 30'000;         // an answer that has begun, and of which nothing more comes
  uint32_t max_running = 8, max_queued = 64;
};
Result<std::shared_ptr<Backend>> open_endpoint(const EndpointOptions& options);

}  // namespace bw::backend
