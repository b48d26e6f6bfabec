// Which request goes where, and who may ask it.
#include <fmt/format.h>
#include <sodium.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/hash.h"
#include "serve/app_state.h"

namespace bw::serve {
namespace {
using nlohmann::json;

bool starts_with(std::string_view text, std::string_view head) {
  return text.substr(0, head.size()) == head;
}

// "host:port" without the port; "[::1]:80" -> "[::1]".
std::string host_of(std::string_view host) {
  const size_t end = host.empty() || host[0] != '[' ? host.find(':') : host.find(']') + 1;
  return std::string(host.substr(0, end));
}

bool loopback_name(const std::string& host) {
  return host == "localhost" || host == "127.0.0.1" || host == "[::1]";
}

// A page of another site, in a browser on this machine, must not reach a server that asks nobody for a key:
// neither by a name that points here (DNS rebinding) nor by a form or script of its own.
std::optional<ApiError> foreign(const App::State& app, const http::Request& r) {
  const std::string host = r.header("host").value_or("");
  if (app.contract.key_sha256.empty() && !loopback_name(host_of(host)) &&
      host_of(host) != app.options.address)
    return refusal(403, "host_not_allowed",
                   fmt::format("Host '{}': without API keys only localhost and {} are answered", host,
                               app.options.address));
  const auto origin = r.header("origin");
  if (origin && *origin != "http://" + host && *origin != "https://" + host)
    return refusal(403, "origin_not_allowed",
                   fmt::format("Origin '{}' is another site than '{}'", *origin, host));
  return std::nullopt;
}

std::string base64_decoded(std::string_view text) {
  std::string out(text.size(), '\0');
  size_t n = 0;
  if (sodium_base642bin(reinterpret_cast<unsigned char*>(out.data()), out.size(), text.data(), text.size(),
                        nullptr, &n, nullptr, sodium_base64_VARIANT_ORIGINAL) != 0)
    return {};
  out.resize(n);
  return out;
}

// The key a request carries: as a bearer's, or as the password of a person in a browser.
std::string key_in(const http::Request& r) {
  const std::string header = r.header("authorization").value_or("");
  if (starts_with(header, "Bearer ")) return header.substr(7);
  if (!starts_with(header, "Basic ")) return {};
  const std::string pair = base64_decoded(std::string_view(header).substr(6));
  const size_t colon = pair.find(':');
  return colon == std::string::npos ? std::string() : pair.substr(colon + 1);
}

bool key_known(const App::State& app, const http::Request& r) {
  const std::string digest = "sha256:" + sha256_hex(key_in(r));
  bool known = false;  // all are compared, each in constant time
  for (const std::string& k : app.contract.key_sha256)
    known |= k.size() == digest.size() && sodium_memcmp(k.data(), digest.data(), k.size()) == 0;
  return known;
}

void send_unauthorized(const http::Responder& responder, bool page) {
  ApiError error =
      refusal(401, "invalid_api_key", "this server answers only requests with one of its API keys");
  error.type = "authentication_error";
  http::Response response{401, {}, "application/json", error_json(error)};
  response.headers.emplace_back("WWW-Authenticate",
                                page ? "Basic realm=\"bitworth\", charset=\"UTF-8\"" : "Bearer");
  responder.send(std::move(response));
}

void send_method(const http::Responder& responder, const std::string& allow) {
  http::Response response{405,
                          {{"Allow", allow}},
                          "application/json",
                          error_json(refusal(405, "method_not_allowed", "this path takes " + allow))};
  responder.send(std::move(response));
}

ModelEntry model_of(const App::State& app) {
  int64_t created = 0;
  for (const auto& live : app.deployments->all()) created = std::max(created, int64_t(live->since_ms / 1000));
  return {app.contract.name, created, app.contract.owner.empty() ? "bitworth" : app.contract.owner};
}

// What became of an answer that a person has.
void send_answer(App::State& app, const std::string& id, const http::Responder& responder) {
  auto item = app.reviews->by_answer(id);
  if (!item) return send_error(responder, server_error(500, "internal_error", item.error().what));
  if (!*item)
    return send_error(responder,
                      refusal(404, "answer_not_found", "no answer '" + id + "' was handed to a person here"));
  const review::Item& i = **item;
  json j = {{"id", id}, {"object", "bitworth.answer"}, {"state", review::name(i.state)}, {"review", i.id}};
  if (i.state != review::Item::State::waiting) {
    j["decided"] = i.decided_ms / 1000;
    if (i.state == review::Item::State::rejected)
      j["reason"] = i.reason;
    else
      j["text"] = i.text;
  }
  send_json(responder, j.dump(-1, ' ', false, json::error_handler_t::replace));
}

void api_route(App::State& app, http::Request&& r, const http::Responder& responder) {
  const bool post = r.method == "POST", get = r.method == "GET" || r.method == "HEAD";
  if (r.path == "/v1/chat/completions") {
    if (!post) return send_method(responder, "POST");
    return exchange(app, Api::chat, std::move(r), responder);
  }
  if (r.path == "/v1/completions") {
    if (!post) return send_method(responder, "POST");
    return exchange(app, Api::completions, std::move(r), responder);
  }
  if (r.path == "/v1/models") {
    if (!get) return send_method(responder, "GET");
    return send_json(responder, models_json(std::vector{model_of(app)}));
  }
  if (starts_with(r.path, "/v1/models/")) {
    if (!get) return send_method(responder, "GET");
    const std::string name = r.path.substr(11);
    if (name != app.contract.name)
      return send_error(responder, model_not_found(name, std::vector{app.contract.name}));
    return send_json(responder, model_json(model_of(app)));
  }
  if (starts_with(r.path, "/v1/bitworth/answers/")) {
    if (!get) return send_method(responder, "GET");
    return app.workers->post([&app, id = r.path.substr(21), responder] { send_answer(app, id, responder); });
  }
  send_error(responder,
             refusal(404, "not_found",
                     fmt::format("{}: not here; there are /v1/chat/completions, /v1/completions, "
                                 "/v1/models, /v1/bitworth/answers/ID, /healthz, /readyz, /metrics, /review",
                                 r.path)));
}

void send_page(App::State& app, const http::Request& r, const http::Responder& responder) {
  review::Visit visit{r.method, r.path,
                      r.query,  r.header("content-type").value_or(""),
                      r.body,   r.header("sec-fetch-site").value_or("")};
  review::Reply reply = app.site->respond(visit, ms_since_1970());
  responder.send(
      {reply.status, std::move(reply.headers), std::move(reply.content_type), std::move(reply.body)});
}

}  // namespace

void send_error(const http::Responder& responder, const ApiError& error) {
  responder.send({error.status, error_headers(error), "application/json", error_json(error)});
}

void send_json(const http::Responder& responder, std::string body, int status) {
  responder.send({status, {}, "application/json", std::move(body)});
}

void route(App::State& app, http::Request&& r, http::Responder responder) {
  if (r.over_unix) return control_route(app, std::move(r), responder);
  if (const auto error = foreign(app, r)) return send_error(responder, *error);
  if (r.path == "/healthz") return send_json(responder, "{\"status\":\"ok\"}");
  if (r.path == "/readyz") {
    const bool ready = app.ready && !app.draining;
    return send_json(responder, ready ? "{\"status\":\"ready\"}" : "{\"status\":\"not ready\"}",
                     ready ? 200 : 503);
  }
  const bool page = r.path == "/review" || starts_with(r.path, "/review/");
  if (!app.contract.key_sha256.empty() && !key_known(app, r)) {
    app.metrics->turned_away("", 401);
    return send_unauthorized(responder, page);
  }
  if (r.path == "/metrics")
    return app.workers->post([&app, responder] {
      responder.send({200, {}, metrics_content_type, app.metrics->text()});
    });
  if (app.draining) {
    ApiError error = server_error(503, "draining", "this server is being stopped");
    error.retry_after_ms = 5000;
    return send_error(responder, error);
  }
  if (page) {
    app.workers->post([&app, r = std::move(r), responder] { send_page(app, r, responder); });
    return;
  }
  api_route(app, std::move(r), responder);
}

}  // namespace bw::serve
