// What a server takes up again when it starts: answers that a crash left out of the log, and classes that
// were stopped.
#include <fmt/format.h>

#include <map>
#include <nlohmann/json.hpp>

#include "serve/app_state.h"
#include "serve/entries.h"

namespace bw::serve {
namespace {
using nlohmann::json;

Error damaged(const Unlogged& u) {
  return failed("answers.db: the entry kept for answer " + u.id + " is not what a server wrote",
                "move answers.db away: keys of earlier requests are forgotten then");
}

}  // namespace

Status log_what_is_missing(App::State& app) {
  BW_TRY(const std::vector<Unlogged> missing, app.answers->unlogged());
  if (missing.empty()) return {};
  // The log may hold them: only the mark was lost.
  std::map<std::string, int64_t> held;
  BW_CHECK(each_entry(*app.log, [&](uint64_t i, const json& entry) -> Status {
    if (entry.value("kind", "") == "answer") held[entry.value("id", "")] = int64_t(i);
    return {};
  }));
  for (const Unlogged& u : missing) {
    const json entries = json::parse(u.entry, nullptr, false);
    if (!entries.is_array()) return damaged(u);
    int64_t first = -1;
    for (const json& one : entries) {
      const json entry = one.is_string() ? json::parse(one.get<std::string>(), nullptr, false) : json();
      if (!entry.is_object()) return damaged(u);
      const auto at = held.find(entry.value("id", ""));
      int64_t index = at == held.end() ? -1 : at->second;
      if (index < 0) {
        BW_TRY(const uint64_t now, app.log->append(one.get<std::string>()));
        index = int64_t(now);
      }
      if (first < 0) first = index;
    }
    app.answers->logged(u.id, first);
  }
  app.say(
      fmt::format("{} answers that were saved before the last end were put into the log", missing.size()));
  return {};
}

Fired refused_by(const json& entry, const std::string& class_name) {
  return {class_name, entry.value("who", "") + ": " + entry.value("why", ""),
          contract::StopTrigger::Action::refuse};
}

Status restore_stops(App::State& app) {
  std::map<std::string, std::vector<Fired>> fired;
  BW_CHECK(each_entry(*app.log, [&](uint64_t, const json& entry) -> Status {
    const std::string kind = entry.value("kind", ""), name = entry.value("class", "");
    if (kind == "resume") fired.erase(name);
    if (kind == "refuse")
      for (const std::string& c : entry.value("classes", std::vector<std::string>()))
        fired[c].push_back(refused_by(entry, c));
    if (kind != "stop_trigger") return {};
    fired[name].push_back({name, entry.value("what", ""),
                           entry.value("action", "") == "fallback" ? contract::StopTrigger::Action::fallback
                                                                   : contract::StopTrigger::Action::refuse});
    return {};
  }));
  for (const auto& [name, all] : fired) {
    for (const Fired& f : all) app.stops->restore(f);
    app.say(fmt::format("class '{}' is stopped: {} (go on: bitworth deploy resume {} --who ... --why ...)",
                        name, all.front().what, name));
  }
  return {};
}

}  // namespace bw::serve
