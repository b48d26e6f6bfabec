// What an answer leaves behind: its entry in the audit log, and the receipt in its response. Digests, never
// texts.
#include <nlohmann/json.hpp>

#include "base/hash.h"
#include "base/version.h"
#include "serve/entries.h"
#include "serve/life.h"

namespace bw::serve {
using nlohmann::json;

namespace {

json checks_of(const AttemptSeen& a) {
  json out = json::array();
  for (const contract::CheckResult& c : a.checks) {
    json one = {{"name", c.name}, {"passed", c.passed}};
    if (!c.passed) one["reason"] = c.reason;
    out.push_back(std::move(one));
  }
  return out;
}

json brief(const AttemptSeen& a) {
  json j = {{"deployment", a.deployment}, {"seed", std::to_string(a.seed)}, {"temperature", a.temperature},
            {"ending", name(a.ending)},   {"checks", checks_of(a)},         {"n_prompt", a.n_prompt},
            {"n_output", a.n_output}};
  if (!a.error.empty()) j["error"] = a.error;
  if (!a.output_sha256.empty()) j["output_sha256"] = a.output_sha256;
  return j;
}

}  // namespace

json entry_of(const Final& f, const Origin& origin) {
  json j = entry_of("answer");
  j["id"] = f.id;
  j["class"] = f.class_name;
  j["outcome"] = name(f.what);
  j["contract_sha256"] = origin.contract_sha256;
  j["request_sha256"] = origin.request_sha256;
  if (!origin.key_sha256.empty()) j["key_sha256"] = origin.key_sha256;
  if (!f.reason.empty()) j["reason"] = f.reason;
  if (f.review >= 0) j["review"] = f.review;
  if (f.what == Final::What::answered) {
    j["deployment"] = f.deployment;
    j["output_sha256"] = sha256_hex(f.reply.text);
  }
  j["engine"] = std::string(version) + " " + numerics;
  j["ms"] = f.ns_total / 1'000'000;
  j["attempts"] = json::array();
  for (const AttemptSeen& a : f.attempts) {
    json one = brief(a);
    one["model_sha256"] = a.model_sha256;
    one["ask_sha256"] = a.ask_sha256;
    one["text_kept"] = a.kept;
    one["max_tokens"] = a.max_tokens;
    if (!a.kv.empty()) one["kv"] = a.kv;
    one["ms_queued"] = a.ns_queued / 1'000'000;
    one["ms_first"] = a.ns_first / 1'000'000;
    one["ms"] = a.ns_total / 1'000'000;
    j["attempts"].push_back(std::move(one));
  }
  return j;
}

json receipt_of(const Final& f, const Origin& origin) {
  json j = {{"answer", f.id}, {"class", f.class_name}, {"outcome", name(f.what)}};
  if (!origin.contract_sha256.empty()) j["contract_sha256"] = origin.contract_sha256;
  if (f.what == Final::What::answered) {
    j["deployment"] = f.deployment;
    j["model_sha256"] = f.model_sha256;
    j["output_sha256"] = sha256_hex(f.reply.text);
  }
  if (!f.reason.empty()) j["reason"] = f.reason;
  if (f.review >= 0) j["review"] = f.review;
  j["attempts"] = json::array();
  for (const AttemptSeen& a : f.attempts) j["attempts"].push_back(brief(a));
  return j;
}

}  // namespace bw::serve
