// What may be asked through the control socket, by who may write to the log's folder: state, deploy, undo,
// resume.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "serve/app_state.h"
#include "serve/entries.h"

namespace bw::serve {
namespace {
using nlohmann::json;

void send_failure(const http::Responder& responder, const Error& error) {
  const int status = error.code == Code::failed ? 500 : 400;
  send_json(responder, json{{"error", {{"message", error.what}, {"next", error.next}}}}.dump(), status);
}

json state_of(const App::State& app) {
  json out = {
      {"contract", app.contract.path},          {"name", app.contract.name},
      {"draining", bool(app.draining)},         {"log_entries", app.log->size()},
      {"under_way", uint64_t(app.n_under_way)}, {"replaced_and_draining", app.deployments->n_draining()}};
  for (const auto& live : app.deployments->all()) {
    const backend::Info& info = live->backend->info();
    const backend::Load load = live->backend->load();
    out["deployments"].push_back({{"name", live->spec.name},
                                  {"what", live->spec.own() ? live->spec.file : live->spec.endpoint},
                                  {"description", info.description},
                                  {"model_sha256", info.model_sha256},
                                  {"since", rfc3339(live->since_ms)},
                                  {"running", load.n_running},
                                  {"queued", load.n_queued}});
  }
  for (const contract::Class& c : app.contract.classes) {
    const auto stopped = app.stops->stopped(c.name);
    out["classes"].push_back({{"name", c.name}, {"stopped", stopped ? json(stopped->what) : json()}});
  }
  return out;
}

void send_switched(const http::Responder& responder, const Result<Switched>& s) {
  if (!s) return send_failure(responder, s.error());
  send_json(responder, json{{"deployment", s->name},
                            {"from", s->from},
                            {"to", s->to},
                            {"log_index", s->log_index},
                            {"seconds", s->seconds}}
                           .dump());
}

void deploy(App::State& app, const json& body, const http::Responder& responder) {
  Change change;
  change.file = body.value("file", "");
  if (const std::string kv = body.value("kv", ""); !kv.empty())
    change.kv = kv == "q8" ? engine::KvType::q8 : engine::KvType::f16;
  change.context = body.value("context", 0u);
  change.slots = body.value("slots", 0u);
  send_switched(responder, app.deployments->change(body.value("deployment", ""), change,
                                                   body.value("who", ""), body.value("why", "")));
}

// Classes that take no more requests until they are resumed, by the decision of a person or a pilot.
void refuse(App::State& app, const json& body, const http::Responder& responder) {
  const std::string who = body.value("who", ""), why = body.value("why", "");
  const auto classes = body.value("classes", std::vector<std::string>());
  if (who.empty() || why.empty())
    return send_failure(responder,
                        bad_input("refusing needs who decides it and why", "say it with --who and --why"));
  if (classes.empty()) return send_failure(responder, bad_input("refusing needs a class"));
  for (const std::string& name : classes)
    if (!app.contract.find_class(name))
      return send_failure(responder, bad_input("class '" + name + "' is not in the contract"));
  json entry = entry_of("refuse");
  entry["classes"] = classes;
  entry["who"] = who;
  entry["why"] = why;
  const auto index = app.log->append(entry.dump());
  if (!index) return send_failure(responder, index.error());
  for (const std::string& name : classes)
    app.stops->restore({name, who + ": " + why, contract::StopTrigger::Action::refuse});
  send_json(responder, json{{"classes", classes}, {"log_index", *index}}.dump());
}

void resume(App::State& app, const json& body, const http::Responder& responder) {
  const std::string name = body.value("class", ""), who = body.value("who", ""), why = body.value("why", "");
  if (who.empty() || why.empty())
    return send_failure(responder,
                        bad_input("resuming needs who decides it and why", "say it with --who and --why"));
  if (!app.stops->stopped(name))
    return send_failure(responder, bad_input("class '" + name + "' is not stopped"));
  json entry = entry_of("resume");
  entry["class"] = name;
  entry["who"] = who;
  entry["why"] = why;
  const auto index = app.log->append(entry.dump());
  if (!index) return send_failure(responder, index.error());
  app.stops->resume(name);
  send_json(responder, json{{"class", name}, {"log_index", *index}}.dump());
}

// Entries of commands beside the server, which alone may write to its log. What a server says of itself only
// it says.
void enter(App::State& app, const json& body, const http::Responder& responder) {
  const std::string text = body.value("entry", "");
  const json entry = json::parse(text, nullptr, false);
  const std::string kind = entry.is_object() ? entry.value("kind", "") : "";
  if (kind != "judgement" && kind != "review" && kind.rfind("pilot_", 0) != 0)
    return send_failure(responder,
                        bad_input("entry of kind '" + kind + "': expected judgement, review or pilot_..."));
  const auto index = app.log->append(text);
  if (!index) return send_failure(responder, index.error());
  if (kind == "review") app.budgets->reviewed(entry.value("seconds", 0.0), ms_since_1970());
  send_json(responder, json{{"log_index", *index}}.dump());
}

void checkpoint(App::State& app, const http::Responder& responder) {
  const auto c = app.log->checkpoint();
  if (!c) return send_failure(responder, c.error());
  send_json(responder, json{{"size", c->size}, {"root", c->root}, {"note", c->note}}.dump());
}

void answer(App::State& app, const http::Request& r, const http::Responder& responder) {
  if (r.method == "GET" && r.path == "/control/state") return send_json(responder, state_of(app).dump());
  const json body = json::parse(r.body, nullptr, false);
  if (!body.is_object()) return send_failure(responder, bad_input("expected a JSON object"));
  try {
    if (r.path == "/control/deploy") return deploy(app, body, responder);
    if (r.path == "/control/undo")
      return send_switched(responder, app.deployments->undo(body.value("deployment", ""),
                                                            body.value("who", ""), body.value("why", "")));
    if (r.path == "/control/entry") return enter(app, body, responder);
    if (r.path == "/control/checkpoint") return checkpoint(app, responder);
    if (r.path == "/control/refuse") return refuse(app, body, responder);
    if (r.path == "/control/resume") return resume(app, body, responder);
  } catch (const json::exception& e) {
    return send_failure(responder, bad_input(e.what()));
  }
  send_json(responder, json{{"error", {{"message", r.path + ": unknown"}}}}.dump(), 404);
}

}  // namespace

void control_route(App::State& app, http::Request&& r, const http::Responder& responder) {
  // Opening a model takes seconds and hashes gigabytes: not among the workers that answers wait for.
  std::thread([&app, r = std::move(r), responder, under_way = UnderWay(app)] {
    answer(app, r, responder);
  }).detach();
}

}  // namespace bw::serve
