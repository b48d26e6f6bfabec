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
  send_json(responder, line_of({{"error", {{"message", error.what}, {"next", error.next}}}}), status);
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
  send_json(responder, line_of({{"deployment", s->name},
                                {"from", s->from},
                                {"to", s->to},
                                {"log_index", s->log_index},
                                {"seconds", s->seconds}}));
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

// The entry of a person's or a pilot's decision about classes: who decides it, and why, is needed.
Result<json> decision(std::string_view kind, const json& body) {
  json entry = entry_of(kind);
  for (const char* needed : {"who", "why"}) {
    const std::string said = body.value(needed, "");
    entry[needed] = said;
    if (said.empty())
      return bad_input(fmt::format("to {} needs who decides it and why", kind),
                       "say it with --who and --why");
  }
  return entry;
}

// Classes that take no more requests until they are resumed.
void refuse(App::State& app, const json& body, const http::Responder& responder) {
  auto entry = decision("refuse", body);
  if (!entry) return send_failure(responder, entry.error());
  const auto classes = body.value("classes", std::vector<std::string>());
  if (classes.empty()) return send_failure(responder, bad_input("to refuse needs a class"));
  for (const std::string& name : classes)
    if (!app.contract.find_class(name))
      return send_failure(responder, bad_input("class '" + name + "' is not in the contract"));
  (*entry)["classes"] = classes;
  const auto index = app.log->append(line_of(*entry));
  if (!index) return send_failure(responder, index.error());
  for (const std::string& name : classes) app.stops->restore(refused_by(*entry, name));
  send_json(responder, line_of({{"classes", classes}, {"log_index", *index}}));
}

void resume(App::State& app, const json& body, const http::Responder& responder) {
  auto entry = decision("resume", body);
  if (!entry) return send_failure(responder, entry.error());
  const std::string name = body.value("class", "");
  if (!app.stops->stopped(name))
    return send_failure(responder, bad_input("class '" + name + "' is not stopped"));
  (*entry)["class"] = name;
  const auto index = app.log->append(line_of(*entry));
  if (!index) return send_failure(responder, index.error());
  app.stops->resume(name);
  send_json(responder, line_of({{"class", name}, {"log_index", *index}}));
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
  send_json(responder, line_of({{"log_index", *index}}));
}

void checkpoint(App::State& app, const http::Responder& responder) {
  const auto c = app.log->checkpoint();
  if (!c) return send_failure(responder, c.error());
  send_json(responder, line_of({{"size", c->size}, {"root", c->root}, {"note", c->note}}));
}

void answer(App::State& app, const http::Request& r, const http::Responder& responder) {
  if (r.method == "GET" && r.path == "/control/state") return send_json(responder, line_of(state_of(app)));
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
  send_json(responder, line_of({{"error", {{"message", r.path + ": unknown"}}}}), 404);
}

}  // namespace

void control_route(App::State& app, http::Request&& r, const http::Responder& responder) {
  // Opening a model takes seconds and hashes gigabytes: not among the workers that answers wait for.
  std::thread([&app, r = std::move(r), responder, under_way = UnderWay(app)] {
    answer(app, r, responder);
  }).detach();
}

}  // namespace bw::serve
