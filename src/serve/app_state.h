// What the routes of a server share. Private to this layer.
#pragma once
#include <atomic>
#include <memory>
#include <mutex>
#include <nlohmann/json_fwd.hpp>
#include <set>
#include <string>

#include "audit/log.h"
#include "http/http.h"
#include "review/queue.h"
#include "review/site.h"
#include "serve/answers.h"
#include "serve/app.h"
#include "serve/deployments.h"
#include "serve/life.h"
#include "serve/metrics.h"
#include "serve/openai.h"

namespace bw::serve {

struct App::State {
  contract::Contract contract;
  AppOptions options;
  std::atomic<bool> ready{false}, draining{false};
  // Destroyed from the last to the first: the server ends before what its handlers use.
  std::unique_ptr<audit::Log> log;
  std::unique_ptr<audit::Texts> texts;
  std::unique_ptr<review::Queue> reviews;
  std::unique_ptr<Answers> answers;
  std::unique_ptr<Budgets> budgets;
  std::unique_ptr<Stops> stops;
  std::unique_ptr<Deployments> deployments;
  Shared shared;
  std::unique_ptr<review::Site> site;
  std::unique_ptr<Metrics> metrics;
  std::atomic<uint64_t> n_under_way{0};
  std::unique_ptr<Workers> workers;
  std::unique_ptr<http::Server> server;

  void say(const std::string& line) const {
    if (options.say) options.say(line);
  }
};

// Counts what must end before the server may.
class UnderWay {
 public:
  explicit UnderWay(App::State& app) : app_(&app) { ++app_->n_under_way; }
  UnderWay(UnderWay&& o) noexcept : app_(std::exchange(o.app_, nullptr)) {}
  UnderWay(const UnderWay& o) : app_(o.app_) { ++app_->n_under_way; }
  UnderWay& operator=(const UnderWay&) = delete;
  ~UnderWay() {
    if (app_) --app_->n_under_way;
  }

 private:
  App::State* app_;
};

inline ApiError refusal(int status, std::string code, std::string message, std::string param = {}) {
  ApiError e;
  e.status = status;
  e.code = std::move(code);
  e.message = std::move(message);
  e.param = std::move(param);
  return e;
}
inline ApiError server_error(int status, std::string code, std::string message) {
  ApiError e = refusal(status, std::move(code), std::move(message));
  e.type = "server_error";
  return e;
}

// ---- routes: from an I/O thread
// -----------------------------------------------------------------------------------
void route(App::State& app, http::Request&& request, http::Responder responder);

void send_error(const http::Responder& responder, const ApiError& error);
void send_json(const http::Responder& responder, std::string body, int status = 200);

// One request of either API, from its body to its response.
void exchange(App::State& app, Api api, http::Request&& request, const http::Responder& responder);
// The rest of an answer that a crash cut off between its saving and its entry in the log.
Status log_what_is_missing(App::State& app);
// What an entry of kind "refuse" does to a class.
Fired refused_by(const nlohmann::json& entry, const std::string& class_name);
// What the log says was stopped and not resumed.
Status restore_stops(App::State& app);
// Tells the rules that an answer ended, and carries out what they fire.
void tell_rules(App::State& app, const Ended& ended);

// The control socket's: /control/...
void control_route(App::State& app, http::Request&& request, const http::Responder& responder);

}  // namespace bw::serve
