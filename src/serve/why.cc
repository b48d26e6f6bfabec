#include "serve/why.h"

#include <fmt/format.h>

#include <map>
#include <set>
#include <vector>

#include "audit/log.h"
#include "base/clock.h"
#include "base/time.h"
#include "serve/entries.h"

namespace bw::serve {
namespace {
using nlohmann::json;

struct Seen {
  uint64_t index;
  json entry;
};

std::string kind_of(const json& e) {
  return e.value("kind", "");
}
bool is_switch(const json& e) {
  return kind_of(e) == "deploy" || kind_of(e) == "deploy_undo";
}

// The digest of a judged candidate, and what was said of it.
bool judged(const json& judgement, const std::string& sha256) {
  for (const json& c : judgement.value("candidates", json::array()))
    if (c.value("sha256", "") == sha256) return true;
  return false;
}

json evidence_of(const Seen& s, const std::string& sha256) {
  json out = {{"log_index", s.index},
              {"time", s.entry.value("time", "")},
              {"scenario", s.entry.value("scenario", json())},
              {"alternatives", json::array()}};
  for (const json& c : s.entry.value("candidates", json::array())) {
    const char* as = c.value("sha256", "") == sha256 ? "this" : "alternative";
    json one = c;
    one["as"] = as;
    out["alternatives"].push_back(std::move(one));
  }
  for (const char* k : {"record", "record_digest"})
    if (s.entry.contains(k)) out[k] = s.entry[k];
  return out;
}

// What the answers since then say of it.
json since_of(const std::vector<Seen>& all, uint64_t from, const std::string& name,
              const std::string& sha256) {
  std::map<std::string, uint64_t> outcomes;
  std::set<std::string> answers;  // in which it made an attempt
  uint64_t n_attempts = 0, n_passed = 0;
  json triggers = json::array(), judgements = json::array();
  std::map<std::string, uint64_t> reviews;
  double review_seconds = 0;
  for (const Seen& s : all) {
    if (s.index <= from) continue;
    const json& e = s.entry;
    const std::string kind = kind_of(e);
    if (kind == "answer") {
      bool asked = false;
      for (const json& a : e.value("attempts", json::array())) {
        if (a.value("deployment", "") != name) continue;
        asked = true;
        ++n_attempts;
        n_passed += a.value("ending", "") == "passed";
      }
      if (!asked) continue;
      answers.insert(e.value("id", ""));
      ++outcomes[e.value("outcome", "")];
    } else if (kind == "review" && answers.count(e.value("id", ""))) {
      ++reviews[e.value("state", "")];
      review_seconds += e.value("seconds", 0.0);
    } else if (kind == "stop_trigger") {
      triggers.push_back({{"log_index", s.index},
                          {"time", e.value("time", "")},
                          {"class", e.value("class", "")},
                          {"what", e.value("what", "")}});
    } else if (kind == "judgement" && judged(e, sha256)) {
      judgements.push_back(evidence_of(s, sha256));
    }
  }
  return {{"answers", answers.size()},   {"outcomes", outcomes},    {"attempts", n_attempts},
          {"attempts_passed", n_passed}, {"reviews", reviews},      {"review_seconds", review_seconds},
          {"triggers_fired", triggers},  {"judgements", judgements}};
}

Result<std::vector<Seen>> read(const WhyOptions& o) {
  BW_TRY(const auto log, audit::Log::open(o.folder, {.read_only = true}));
  std::string until;  // entries have UTC with milliseconds: times of one form sort as text
  if (!o.at.empty()) {
    BW_TRY(const int64_t ms, parse_rfc3339(o.at));
    until = rfc3339(ms);
  }
  std::vector<Seen> all;
  BW_CHECK(each_entry(*log, [&](uint64_t i, const json& e) -> Status {
    if (until.empty() || e.value("time", "") <= until) all.push_back({i, e});
    return {};
  }));
  return all;
}

}  // namespace

Result<json> why(const WhyOptions& o) {
  BW_TRY(const std::vector<Seen> all, read(o));
  json live, decision;
  uint64_t from = 0;
  std::string contract;
  std::set<std::string> names;
  for (const Seen& s : all) {
    const json& e = s.entry;
    if (kind_of(e) == "serve_start") {
      contract = e.value("contract", json::object()).value("sha256", "");
      for (const json& d : e.value("deployments", json::array())) {
        names.insert(d.value("name", ""));
        if (d.value("name", "") != o.deployment) continue;
        // A start with what was already live begins nothing new.
        if (live.is_object() && live.value("model_sha256", "") == d.value("model_sha256", "") &&
            live.value("kv", "") == d.value("kv", ""))
          continue;
        live = d;
        decision = {
            {"kind", "contract"},
            {"log_index", s.index},
            {"time", e.value("time", "")},
            {"who", e.value("contract", json::object()).value("owner", "")},
            {"why", "the contract " + e.value("contract", json::object()).value("name", "") + " names it"},
            {"contract_sha256", contract}};
        from = s.index;
      }
    } else if (is_switch(e) && e.value("deployment", "") == o.deployment) {
      live = e.value("to", json::object());
      decision = {{"kind", kind_of(e)},          {"log_index", s.index},
                  {"time", e.value("time", "")}, {"who", e.value("who", "")},
                  {"why", e.value("why", "")},   {"from", e.value("from", json())}};
      from = s.index;
    }
  }
  if (!live.is_object()) {
    std::string have;
    for (const std::string& n : names) have += (have.empty() ? "" : ", ") + n;
    return bad_input(
        fmt::format("{}: no entry names a deployment '{}'{}", o.folder, o.deployment,
                    o.at.empty() ? "" : " up to " + o.at),
        have.empty() ? "the log has no serve_start entry: no server ran with it" : "it has: " + have);
  }
  const std::string sha256 = live.value("model_sha256", "");
  json evidence = json::array();
  for (const Seen& s : all)
    if (s.index < from && kind_of(s.entry) == "judgement" && !sha256.empty() && judged(s.entry, sha256))
      evidence.push_back(evidence_of(s, sha256));
  return json{{"deployment", o.deployment},
              {"at", o.at},
              {"live", live},
              {"decision", decision},
              {"evidence", evidence},
              {"since", since_of(all, from, o.deployment, sha256)}};
}

std::string text_of_why(const json& w) {
  std::string out;
  const auto say = [&](const std::string& line) { out += line + "\n"; };
  const json& live = w["live"];
  const json& d = w["decision"];
  say(fmt::format("{}: {}", w.value("deployment", ""), live.value("file", live.value("endpoint", ""))));
  if (live.contains("model_sha256")) say("  sha256 " + live.value("model_sha256", ""));
  say(fmt::format("decided {} by {}: {} (entry {})", d.value("time", ""),
                  d.value("who", "").empty() ? "nobody named" : d.value("who", ""), d.value("why", ""),
                  d.value("log_index", 0)));
  if (w["evidence"].empty())
    say("evidence then: none in this log: no judgement of this file was logged before it (bitworth judge "
        "--log)");
  for (const json& e : w["evidence"]) {
    const json scenario = e.value("scenario", json());
    say(fmt::format("evidence then, entry {}, {}: scenario {}", e.value("log_index", 0), e.value("time", ""),
                    scenario.is_object()   ? scenario.value("name", "")
                    : scenario.is_string() ? scenario.get<std::string>()
                                           : ""));
    for (const json& c : e["alternatives"])
      say(fmt::format("  {:<11} {}: {}", c.value("as", ""), c.value("name", c.value("path", "")),
                      c.value("by_category", c.value("verdict", ""))));
  }
  const json& s = w["since"];
  say(fmt::format("since then: {} answers asked it, {} of {} attempts passed", s.value("answers", 0),
                  s.value("attempts_passed", 0), s.value("attempts", 0)));
  for (const auto& [name, n] : s["outcomes"].items())
    say(fmt::format("  {:<11} {}", name, n.get<uint64_t>()));
  for (const auto& [name, n] : s["reviews"].items())
    say(fmt::format("  a person {} {}", name, n.get<uint64_t>()));
  for (const json& t : s["triggers_fired"])
    say(fmt::format("  trigger, entry {}: {}: {}", t.value("log_index", 0), t.value("class", ""),
                    t.value("what", "")));
  for (const json& j : s["judgements"]) say(fmt::format("  judged again: entry {}", j.value("log_index", 0)));
  return out;
}

}  // namespace bw::serve
