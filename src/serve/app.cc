#include "serve/app.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <thread>

#include "base/clock.h"
#include "base/file.h"
#include "base/model_path.h"
#include "base/version.h"
#include "serve/app_state.h"
#include "serve/control.h"
#include "serve/entries.h"

namespace bw::serve {
namespace {
using nlohmann::json;

constexpr int kWorkers =
    4;  // checks, tokenizing, pages; most of their time they wait for a disk or a command

Result<std::shared_ptr<backend::Backend>> open_deployment(const App::State& app,
                                                          const contract::Deployment& d) {
  if (!d.own()) {
    backend::EndpointOptions o;
    o.name = d.name;
    o.url = d.endpoint;
    o.model = d.model;
    o.timeout_ms = d.timeout_ms;
    if (!d.key_env.empty()) {
      const char* key = std::getenv(d.key_env.c_str());
      if (!key)
        return bad_input(
            fmt::format("deployment '{}': key_env {}: no such environment variable", d.name, d.key_env),
            fmt::format("set {} before starting the server", d.key_env));
      o.key = key;
    }
    return backend::open_endpoint(o);
  }
  backend::OwnOptions o;
  o.name = d.name;
  BW_TRY(o.file, resolve_model(d.file));
  o.kv = d.kv;
  o.context = d.context;
  o.slots = d.slots;
  o.threads = d.threads;
  o.max_queued = app.contract.max_queued;
  if (app.options.progress)
    o.progress = [progress = app.options.progress, file = d.file](uint64_t done, uint64_t total) {
      progress(file, done, total);
    };
  return backend::open_own(o);
}

// Checks and grammars are compiled once, before the first request meets them.
Status compile(App::State& app) {
  for (const contract::Class& c : app.contract.classes) {
    BW_TRY(app.shared.checks[c.name], contract::Checks::make(c));
    for (const contract::Check& check : c.checks) {
      if (check.kind != contract::Check::Kind::schema || !check.constrain) continue;
      BW_TRY(auto grammar, grammar::Grammar::from_schema(check.schema));
      app.shared.grammars[c.name] = {std::move(grammar), check.schema};
    }
  }
  return {};
}

Reading reading_of(const App::State& app) {
  Reading now;
  for (const auto& live : app.deployments->all())
    now.deployments.push_back({live->spec.name, live->spec.slots, live->backend->load()});
  if (const auto counts = app.reviews->counts()) now.reviews_waiting = counts->waiting;
  if (app.ready)
    now.connections = app.server->n_connections();  // listen() answers before it returns the server
  return now;
}

// What serves from now on: the ground truth of every later question about a deployment.
Status log_start(App::State& app) {
  json entry = entry_of("serve_start");
  entry["engine"] = std::string(version) + " " + numerics;
  entry["contract"] = {{"path", app.contract.path},
                       {"name", app.contract.name},
                       {"owner", app.contract.owner},
                       {"sha256", app.contract.sha256}};
  entry["deployments"] = json::array();
  for (const auto& live : app.deployments->all()) {
    const backend::Info& info = live->backend->info();
    json d = {{"name", live->spec.name}, {"description", info.description}};
    if (live->spec.own()) {
      d["file"] = live->spec.file;
      d["model_sha256"] = info.model_sha256;
      d["kv"] = info.kv;
    } else {
      d["endpoint"] = live->spec.endpoint;
    }
    entry["deployments"].push_back(std::move(d));
  }
  const auto index = app.log->append(line_of(entry));
  return index ? Status() : Status(index.error());
}

void log_review(App::State& app, const review::Item& item) {
  app.budgets->reviewed(item.seconds, ms_since_1970());
  app.metrics->reviewed(item.class_name, item.state, item.timed ? std::optional(item.seconds) : std::nullopt);
  app.log->append(review::log_entry(item), [&app](const Result<uint64_t>& index) {
    if (!index) app.say("a review is not in the log: " + index.error().what);
  });
}

}  // namespace

void tell_rules(App::State& app, const Ended& ended) {
  for (const Fired& f : app.stops->ended(ended)) {
    json entry = entry_of("stop_trigger");
    entry["class"] = f.class_name;
    entry["what"] = f.what;
    entry["action"] = f.action == contract::StopTrigger::Action::fallback ? "fallback" : "refuse";
    app.log->append(line_of(entry), [&app](const Result<uint64_t>& index) {
      if (!index)
        app.say("a trigger that fired is not in the log, and a restart forgets it: " + index.error().what);
    });
    app.say(fmt::format("class '{}' stops by its contract: {}", f.class_name, f.what));
  }
}

App::App(std::unique_ptr<State> state) : state_(std::move(state)) {}

App::~App() {
  State& s = *state_;
  s.draining = true;
  if (s.server) s.server->drain(0);
  while (s.n_under_way > 0) std::this_thread::sleep_for(std::chrono::milliseconds(5));
  s.server.reset();
  if (s.workers) s.workers->stop();
}

Result<std::unique_ptr<App>> App::open(contract::Contract contract, const AppOptions& options) {
  auto app = std::unique_ptr<App>(new App(std::make_unique<State>()));
  State& s = *app->state_;
  s.contract = std::move(contract);
  s.options = options;
  const std::string& folder = options.folder;
  BW_CHECK(make_dirs(folder));
  BW_CHECK(compile(s));
  BW_TRY(s.log, audit::Log::open(folder, {.origin = "bitworth/" + s.contract.name}));
  if (!s.log->repaired().empty()) s.say(s.log->repaired());
  if (s.contract.keep_text) {
    BW_TRY(s.texts, audit::Texts::open(folder + "/texts.db"));
  }
  BW_TRY(s.reviews, review::Queue::open(review::queue_path(folder)));
  BW_TRY(s.answers, Answers::open(folder + "/answers.db"));
  BW_CHECK(s.answers->forget_before(ms_since_1970() - options.forget_ms));
  s.budgets = std::make_unique<Budgets>(s.contract.budget);
  s.stops = std::make_unique<Stops>(s.contract.stops);
  s.workers = std::make_unique<Workers>(kWorkers);
  BW_CHECK(log_what_is_missing(s));
  BW_CHECK(restore_stops(s));
  BW_TRY(s.deployments, Deployments::open(
                            s.contract, folder + "/deployments.json",
                            [&s](const contract::Deployment& d) { return open_deployment(s, d); }, *s.log));
  BW_CHECK(log_start(s));
  s.shared.contract = &s.contract;
  s.shared.deployments = s.deployments.get();
  s.shared.reviews = s.reviews.get();
  s.shared.texts = s.texts.get();
  s.shared.workers = s.workers.get();
  s.shared.budgets = s.budgets.get();
  s.shared.stops = s.stops.get();
  MetricsOptions metrics;
  metrics.reading = [&s] { return reading_of(s); };
  s.metrics = std::make_unique<Metrics>(s.contract, std::move(metrics));
  s.site =
      std::make_unique<review::Site>(*s.reviews, [&s](const review::Item& item) { log_review(s, item); });
  http::Options http;
  http.address = options.address;
  http.port = options.port;
  http.unix_path = control_socket(folder);
  http.max_connections = options.max_connections;
  http.error_body = http_error_json;
  BW_TRY(s.server, http::Server::listen(http, [&s](http::Request&& request, http::Responder responder) {
           route(s, std::move(request), std::move(responder));
         }));
  s.ready = true;
  return app;
}

uint16_t App::port() const {
  return state_->server->port();
}

const std::string& App::public_key() const {
  return state_->log->public_key();
}

bool App::drain(uint64_t ms) {
  State& s = *state_;
  s.draining = true;
  const uint64_t until = monotonic_ns() + ms * 1'000'000;
  bool ended = s.server->drain(ms);
  while (s.n_under_way > 0 && monotonic_ns() < until)
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  ended = ended && s.n_under_way == 0;
  if (const auto checkpoint = s.log->checkpoint(); !checkpoint)
    s.say("no checkpoint: " + checkpoint.error().what);
  return ended;
}

}  // namespace bw::serve
