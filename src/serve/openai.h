// OpenAI's /v1/chat/completions, /v1/completions and /v1/models as pure functions: nothing is served here.
// In: the JSON of a request. Out: what to ask of a backend, or an error; and from what came back the JSON of
// the answer, or its server-sent events. Source: OpenAI's API description 2.3.0. docs/serve.md says field by
// field what is supported, what is accepted because it cannot matter, and what is refused by name.
#pragma once
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "backend/backend.h"

namespace bw::serve {

enum class Api { chat, completions };

// ---- errors
// ------------------------------------------------------------------------------------------------------
// {"error": {"message", "type", "param", "code"}}; the codes are stable, docs/serve.md lists them.
struct ApiError {
  int status = 400;
  std::string code, message;
  std::string param;                           // "messages[1].content"; empty: null
  std::string type = "invalid_request_error";  // 401, 429, 5xx: others
  uint64_t retry_after_ms = 0;                 // 429, 503
};
std::string error_json(const ApiError& error);
// Retry-After in whole seconds, rounded up, and retry-after-ms; empty where there is nothing to wait for.
std::vector<std::pair<std::string, std::string>> error_headers(const ApiError& error);
ApiError api_error(const backend::Failure& failure);
// A refusal of HTTP itself: the body for http::Options::error_body.
std::string http_error_json(int status, std::string_view what);
// 404, with the nearest of those there are.
ApiError model_not_found(const std::string& model, std::span<const std::string> known);

// ---- requests
// ----------------------------------------------------------------------------------------------------
struct ApiLimits {
  uint32_t max_depth = 32;         // of the body's JSON; a schema's own limits are the grammar's
  uint32_t max_choices = 16;       // prompts x n
  uint32_t max_members = 20'000;   // keys in the whole body
  uint32_t max_stop_bytes = 1024;  // of each stop string
};

struct ApiRequest {
  Api api = Api::chat;
  std::string model;
  // One a choice, by index: the first prompt's n, then the next one's. sample_index tells the n apart.
  std::vector<backend::Ask> asks;
  uint32_t n = 1;                      // choices a prompt
  std::optional<uint32_t> max_tokens;  // as asked; where absent, the asks' own is 0 and the caller's to set
  uint64_t seed = 0;                   // as asked, or the fresh one: of every ask
  bool seed_given = false;
  bool stream = false, include_usage = false;
  bool log_probs = false, echo = false;
};
using Parsed = std::variant<ApiRequest, ApiError>;
// `fresh_seed`: of the system's random source, for a request that names none. Compiles the schema of
// response_format.
Parsed parse_request(Api api, std::string_view body, uint64_t fresh_seed, const ApiLimits& limits = {});

// ---- answers
// -----------------------------------------------------------------------------------------------------
struct Head {  // the same in all events of one answer
  std::string id;
  int64_t created = 0;  // seconds since 1970
  std::string model, fingerprint;
};
// "fp_" and 16 hexadecimal digits: of everything that decides an own deployment's bits (file, cache type,
// numerics, version); of an endpoint, of its description.
std::string system_fingerprint(const backend::Info& info);

// `replies`: one a choice. `receipt`: JSON, the member "bitworth" of the answer; empty: none. Text that is
// not UTF-8 (a model may write any bytes) stands as U+FFFD; log-probabilities have the bytes.
std::string answer_json(const ApiRequest& request, const Head& head, std::span<const backend::Reply> replies,
                        std::string_view receipt = {});

// The same as server-sent events, each call one or more whole events. Of each choice: begin, text any number
// of times, end; choices may mix. Then, after all: finish. Not thread-safe.
class EventWriter {
 public:
  EventWriter(const ApiRequest& request, Head head);
  std::string begin(size_t choice);
  std::string text(size_t choice, std::string_view text, const backend::TokenText* token);
  std::string end(size_t choice, const backend::Reply& reply, std::string_view receipt = {});
  // A whole reply at once, where nothing could be shown before it was checked: begin, text, end.
  std::string all(size_t choice, const backend::Reply& reply, std::string_view receipt = {});
  // Usage where it was asked for, and [DONE].
  std::string finish();
  // Instead of finish(), when a stream that has begun cannot be ended well.
  static std::string error(const ApiError& error);

 private:
  const ApiRequest& request_;
  const Head head_;
  std::vector<uint64_t> offset_;  // characters of text so far, a choice
  uint64_t n_prompt_ = 0, n_output_ = 0, n_reused_ = 0;
};

struct ModelEntry {
  std::string id;
  int64_t created = 0;  // seconds since 1970
  std::string owned_by;
};
std::string models_json(std::span<const ModelEntry> models);
std::string model_json(const ModelEntry& model);

}  // namespace bw::serve
