// Judgement -> JSON. The order of keys is the order a person reads in; names are those of the schema.
#include <nlohmann/json.hpp>

#include "base/figure_json.h"
#include "base/file.h"
#include "base/version.h"
#include "judge/costs.h"
#include "judge/observe.h"
#include "record/check.h"
#include "record/record.h"

namespace bw::record {
namespace {

using Json = nlohmann::ordered_json;

Json figures(const judge::NamedFigures& all) {
  Json j = Json::object();
  for (const auto& [key, f] : all) j[key] = json_of(f);
  return j;
}

Json axis(const judge::AxisResult& a) {
  Json j;
  j["state"] = name(a.state);
  j["criteria"] = Json::array();
  for (const judge::CriterionResult& c : a.criteria)
    j["criteria"].push_back({{"name", c.name},
                             {"expected", c.expected},
                             {"observed", json_of(c.observed)},
                             {"state", name(c.state)},
                             {"evidence", c.evidence.empty() ? "none" : c.evidence}});
  return j;
}

Json types(const format::FormatReport& r) {
  Json j = Json::array();
  for (const format::TypeShare& t : r.types)
    j.push_back({{"type", t.type},
                 {"n_tensors", t.n_tensors},
                 {"n_elements", t.n_elements},
                 {"n_bytes", t.n_bytes},
                 {"share", t.share},
                 {"computed_here", t.computed_here}});
  return j;
}

Json cases(const std::vector<quality::CaseResult>& all) {
  Json j = Json::array();
  for (const quality::CaseResult& c : all)
    j.push_back({{"id", c.id},
                 {"category", c.category},
                 {"group", c.group},
                 {"output", c.output},
                 {"accepted", c.accepted},
                 {"truth", c.truth},
                 {"score", c.score},
                 {"detail", c.detail},
                 {"n_output_tokens", c.n_output_tokens}});
  return j;
}

Json scenario_json(const judge::Judgement& all) {
  const scenario::Scenario& s = all.scenario;
  Json j{{"name", s.name}, {"source", s.source}, {"sha256", s.sha256}, {"purpose", s.purpose}};
  j["values"] = Json::array();
  const auto add = [&](const std::string& key, Json value, const std::string& unit, bool is_default) {
    j["values"].push_back(
        {{"key", key}, {"value", std::move(value)}, {"unit", unit}, {"default", is_default}});
  };
  for (const scenario::Setting& x : judge::settings(s, all.costs))
    add(x.key,
        x.number         ? Json(*x.number)
        : x.text.empty() ? Json(nullptr)
                         : Json(x.text),
        x.unit, x.is_default);
  j["criteria"] = Json::array();
  for (const scenario::Criterion& c : s.criteria)
    j["criteria"].push_back({{"axis", scenario::name(c.axis)},
                             {"figure", c.figure},
                             {"bound", c.bound == scenario::Bound::at_most ? "at_most" : "at_least"},
                             {"value", c.value},
                             {"unit", c.unit}});
  for (const scenario::Task& t : s.tasks)
    j["criteria"].push_back({{"axis", "degradation"},
                             {"figure", t.category},
                             {"bound", "at_most"},
                             {"value", t.margin_points},
                             {"unit", "points in 100 worse"}});
  j["toml"] = s.toml;
  return j;
}

Json reference_json(const std::optional<judge::Reference>& r) {
  if (!r) return nullptr;
  Json j{{"name", r->name}, {"path", r->path}, {"sha256", r->sha256}, {"kv_type", kernels::name(r->kv_type)}};
  j["bits_per_weight"] = json_of(r->format.bits_per_weight);
  j["file_bytes"] = json_of(measured(static_cast<double>(r->format.file_bytes), "bytes"));
  j["figures"] = {{"memory", figures(judge::memory_figures(r->memory))},
                  {"speed", figures(judge::speed_figures(r->speed))}};
  j["types"] = types(r->format);
  j["cases"] = cases(r->cases);
  return j;
}

Json axes(const judge::Candidate& c) {
  using scenario::Axis;
  Json format = axis(c.axis(Axis::format));
  format["figures"] = figures(judge::format_figures(c.format));
  format["architecture"] = c.format.architecture;
  format["label"] = c.format.label;
  format["loads_here"] = c.format.loads_here;
  format["why_not"] = c.format.why_not;
  format["types"] = types(c.format);
  format["requirements"] = c.format.requirements;
  format["findings"] = c.format.findings;
  Json memory = axis(c.axis(Axis::memory));
  memory["figures"] = figures(judge::memory_figures(c.memory));
  Json speed = axis(c.axis(Axis::speed));
  speed["figures"] = figures(judge::speed_figures(c.speed));
  Json degradation = axis(c.axis(Axis::degradation));
  degradation["figures"] = figures(judge::degradation_figures(c.degradation));
  degradation["control_was_worse"] = c.degradation.control_was_worse;
  degradation["control_note"] = c.degradation.control_note;
  return {{"format", format}, {"memory", memory}, {"speed", speed}, {"degradation", degradation}};
}

Json category(const quality::CategoryReport& r) {
  return {{"outcome", quality::name(r.outcome)},
          {"plain", r.plain.empty() ? quality::name(r.outcome) : r.plain},
          {"n_items", r.n_items},
          {"deciding", r.deciding},
          {"figures", figures(judge::category_figures(r))},
          {"flips_worse", r.flips_worse},
          {"flips_better", r.flips_better},
          {"warning", r.warning},
          {"first_silent_failure", r.first_silent_failure},
          {"more_failures_flip", r.more_failures_flip}};
}

Json rule(const judge::Candidate& c, const cost::DeclaredCosts& costs) {
  const char* state = "cannot tell";
  if (c.cost && c.cost->rule == cost::Rule::moved) state = "fired";
  if (c.cost && c.cost->rule == cost::Rule::not_moved) state = "not fired";
  const std::string why = c.cost ? c.cost->why : "not known: " + c.cost_unknown;
  return {{"state", state},
          {"open", !c.cost || c.cost->open || c.cost->rule == cost::Rule::cannot_tell},
          {"why", why.empty() ? "no reason given" : why},
          {"break_even", c.cost ? c.cost->break_even : ""},
          {"figures", figures(judge::rule_figures(c.cost, c.cost_unknown, costs))}};
}

Json candidate(const judge::Candidate& c, const cost::DeclaredCosts& costs) {
  Json j{{"name", c.name},
         {"path", c.path},
         {"sha256", c.sha256},
         {"kv_type", kernels::name(c.kv_type)},
         {"role", c.role == judge::Role::control ? "control" : "candidate"}};
  j["smaller_than_reference"] = c.smaller_than_reference ? Json(*c.smaller_than_reference) : Json(nullptr);
  j["axes"] = axes(c);
  j["categories"] = Json::object();
  for (const auto& [key, r] : c.degradation.categories) j["categories"][key] = category(r);
  j["rule"] = rule(c, costs);
  j["verdict"] = {{"word", name(c.verdict.word)},
                  {"by_category", c.verdict.by_category},
                  {"why", c.verdict.why},
                  {"fragile", c.verdict.fragile}};
  j["cases"] = cases(c.degradation.cases);
  j["answers"] = {{"gained", c.answers.gained},
                  {"control_needed", c.answers.control_needed},
                  {"first_silent_failure", c.answers.first_silent_failure}};
  j["run_without_bitworth"] = Json::array();
  for (const judge::RunHint& hint : c.run_without_bitworth)
    j["run_without_bitworth"].push_back({{"tool", hint.tool}, {"text", hint.text}});
  return j;
}

}  // namespace

std::string to_json(const judge::Judgement& all) {
  Json j{{"schema", "bitworth.judgement/1"},
         {"digest", ""},
         {"bitworth_version", version},
         {"numerics", numerics},
         {"created", all.created}};
  j["host"] = {{"cpu", all.host.cpu},
               {"isa", all.host.isa},
               {"n_threads", all.host.n_threads},
               {"memory", json_of(all.host.memory)},
               {"memory_limit", json_of(all.host.memory_limit)},
               {"os", all.host.os}};
  j["scenario"] = scenario_json(all);
  j["reference"] = reference_json(all.reference);
  j["candidates"] = Json::array();
  for (const judge::Candidate& c : all.candidates) j["candidates"].push_back(candidate(c, all.costs));
  j["exit_code"] = all.exit_code;
  j["limits_of_this_run"] = all.limits_of_this_run;
  j["go_on"] = all.go_on;
  j["steps"] = Json::array();
  for (const judge::Step& s : all.steps)
    j["steps"].push_back({{"name", s.name}, {"seconds", s.seconds}, {"reused", s.reused}, {"note", s.note}});
  return sealed(j.dump(2, ' ', false, Json::error_handler_t::replace) + "\n");
}

Status write(const judge::Judgement& judgement, const std::string& path) {
  auto done = write_text(path, to_json(judgement));
  if (!done) {
    Error e = done.error();
    if (e.next.empty())
      e.next = "nothing is lost: free space or name another --out, then the same command with --resume";
    return e;
  }
  return {};
}

}  // namespace bw::record
