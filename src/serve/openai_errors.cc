// Errors in OpenAI's form, with the codes of docs/serve.md. See openai.h.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/hash.h"
#include "base/version.h"
#include "scenario/quantity.h"
#include "serve/openai.h"

namespace bw::serve {
namespace {
using Json = nlohmann::ordered_json;

std::string words(const Error& e) {
  return e.next.empty() ? e.what : e.what + "; " + e.next;
}
}  // namespace

std::string error_json(const ApiError& e) {
  const Json j{{"error",
                {{"message", e.message},
                 {"type", e.type},
                 {"param", e.param.empty() ? Json() : Json(e.param)},
                 {"code", e.code}}}};
  return j.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::vector<std::pair<std::string, std::string>> error_headers(const ApiError& e) {
  if (e.retry_after_ms == 0) return {};
  return {{"Retry-After", fmt::format("{}", (e.retry_after_ms + 999) / 1000)},
          {"retry-after-ms", fmt::format("{}", e.retry_after_ms)}};
}

ApiError api_error(const backend::Failure& f) {
  using Why = backend::Failure::Why;
  ApiError e;
  e.message = words(f.error);
  e.retry_after_ms = f.retry_after_ms;
  const auto as = [&](int status, const char* code, const char* type) {
    e.status = status;
    e.code = code;
    e.type = type;
  };
  switch (f.why) {
    case Why::too_long:
      as(413, "context_length_exceeded", "invalid_request_error");
      break;
    case Why::busy:
      as(429, "queue_full", "rate_limit_error");
      break;
    case Why::cancelled:
      as(503, "cancelled", "server_error");
      break;
    case Why::deadline:
      as(503, "deadline_exceeded", "server_error");
      break;
    case Why::unavailable:
      as(503, "unavailable", "server_error");
      break;
    case Why::bad_request:
      as(400, "unsupported_by_deployment", "invalid_request_error");
      break;
    case Why::failed:
      as(500, "internal_error", "server_error");
      break;
  }
  return e;
}

std::string http_error_json(int status, std::string_view what) {
  ApiError e;
  e.status = status;
  e.message = std::string(what);
  e.type = status >= 500 ? "server_error" : "invalid_request_error";
  switch (status) {
    case 404:
      e.code = "unknown_url";
      break;
    case 405:
      e.code = "method_not_allowed";
      break;
    case 408:
      e.code = "request_timeout";
      break;
    case 413:
      e.code = "request_too_large";
      break;
    case 431:
      e.code = "headers_too_large";
      break;
    case 503:
      e.code = "overloaded";
      break;
    default:
      e.code = status >= 500 ? "internal_error" : "bad_http";
  }
  return error_json(e);
}

ApiError model_not_found(const std::string& model, std::span<const std::string> known) {
  const std::string near = scenario::nearest(model, known);
  std::string list;
  for (const std::string& k : known) list += (list.empty() ? "" : ", ") + k;
  ApiError e;
  e.status = 404;
  e.code = "model_not_found";
  e.param = "model";
  e.message =
      near.empty()
          ? fmt::format("model: \"{}\" is not served here; there is {}", model.substr(0, 128), list)
          : fmt::format("model: \"{}\" is not served here; did you mean {}?", model.substr(0, 128), near);
  return e;
}

std::string system_fingerprint(const backend::Info& info) {
  const std::string of = info.model_sha256.empty()
                             ? info.description
                             : fmt::format("{} {} {} {}", info.model_sha256, info.kv, numerics, version);
  return "fp_" + sha256_hex(of).substr(0, 16);
}

}  // namespace bw::serve
