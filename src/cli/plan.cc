// bitworth plan FILE: exact memory before anything is loaded, against this host's limit.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "base/figure_json.h"
#include "cli/cli.h"
#include "cli/model_session.h"
#include "cli/usage.h"
#include "judge/evaluate.h"
#include "judge/observe.h"
#include "memory/memory.h"
#include "scenario/scenario.h"

namespace bw::cli {
namespace {

struct Options {
  std::string path, scenario;
  uint32_t n_ctx = 4096, n_seq = 1;
  engine::KvType kv = engine::KvType::f16;
  bool kv_given = false;
  int threads = 0;
};

// The scenario's criteria on the memory axis against the plan; those that only a run can show are left out.
std::vector<judge::CriterionResult> criteria(const scenario::Scenario& s, const memory::MemoryReport& plan) {
  judge::Candidate c;
  c.memory.report = plan;
  c.memory.report.peak = unknown("bytes", "this is a plan");
  judge::finish_memory(c.memory, nullptr);
  std::vector<judge::CriterionResult> out;
  for (const scenario::Criterion& k : s.criteria)
    if (k.axis == scenario::Axis::memory && k.figure != "difference")
      out.push_back(judge::evaluate(k, judge::observe(c, k.axis, k.figure)));
  return out;
}

int run(const Shared& shared, Options o) {
  std::optional<scenario::Scenario> scenario;
  if (!o.scenario.empty()) {
    auto s = scenario::load(o.scenario);
    if (!s) return complain(s.error());
    scenario = *s;
    o.n_ctx = s->load.context;
    o.n_seq = s->load.streams;
    if (!o.kv_given) o.kv = s->load.kv;
  }
  auto file = open_named(o.path);
  if (!file) return complain(file.error());
  engine::ContextOptions context;
  context.n_ctx = o.n_ctx;
  context.n_seq = o.n_seq;
  context.kv_type = o.kv;
  context.n_logits = std::min(context.n_logits, o.n_seq);  // as `run` and `judge` have it
  auto r = memory::plan(*file, context, o.threads);
  if (!r) return complain(r.error());
  auto exact = engine::plan(*file, context, o.threads);
  if (!exact) return complain(exact.error());
  const bool known = r->planned.known() && r->limit.known();
  const bool fits = known && r->planned.value <= r->limit.value;
  std::vector<judge::CriterionResult> results;
  if (scenario) results = criteria(*scenario, *r);
  bool fails = known && !fits;
  for (const judge::CriterionResult& c : results) fails |= c.state == judge::State::fails;
  const int code = fails ? 3 : known ? 0 : 4;
  if (shared.json) {
    nlohmann::ordered_json j{{"path", file->path},
                             {"n_ctx", o.n_ctx},
                             {"n_seq", o.n_seq},
                             {"kv_type", kernels::name(o.kv)},
                             {"planned", json_of(r->planned)},
                             {"weights", json_of(r->weights)},
                             {"kv", json_of(r->kv)},
                             {"work", json_of(r->work)},
                             {"program", json_of(r->program)},
                             {"limit", json_of(r->limit)},
                             {"macs_per_token", exact->macs_per_token},
                             {"bytes_read_per_token", exact->bytes_read_per_token}};
    if (known) j["fits"] = fits;
    j["criteria"] = nlohmann::ordered_json::array();
    for (const judge::CriterionResult& c : results)
      j["criteria"].push_back({{"name", c.name},
                               {"expected", c.expected},
                               {"observed", json_of(c.observed)},
                               {"state", judge::name(c.state)}});
    fmt::print("{}\n", j.dump(2));
    return code;
  }
  fmt::print("{}\n  {} positions in each of {} sequence{}, KV cache {}\n\n", file->path, o.n_ctx, o.n_seq,
             o.n_seq == 1 ? "" : "s", kernels::name(o.kv));
  fmt::print("  weights        {}\n  KV cache       {}\n  work           {}\n  program        {}\n",
             show(r->weights), show(r->kv), show(r->work), show(r->program));
  fmt::print("  in all         {}\n  this host      {}\n", show(r->planned), show(r->limit));
  if (!r->limit.reason.empty()) fmt::print("                 ({})\n", r->limit.reason);
  fmt::print("\n  a token: {:.2f} G multiply-adds, {} of weights read\n",
             double(exact->macs_per_token) * 1e-9, bytes_text(double(exact->bytes_read_per_token)));
  if (known)
    fmt::print("  {}\n", fits
                             ? fmt::format("fits, {} to spare", bytes_text(r->limit.value - r->planned.value))
                             : fmt::format("does not fit: {} too much; {}, or fewer bits",
                                           bytes_text(r->planned.value - r->limit.value),
                                           scenario ? "a scenario with a smaller context or fewer streams"
                                                    : "a smaller --ctx or --seqs"));
  else
    fmt::print("  whether it fits is not known\n");
  for (const judge::CriterionResult& c : results)
    fmt::print("  {}: {} {}, expected {}\n", scenario->name, c.name, judge::name(c.state), c.expected);
  return code;
}

}  // namespace

void add_plan(CLI::App& app, Shared& shared) {
  auto* sub = app.add_subcommand("plan", "Exact memory: weights, KV cache, buffers; does it fit here?");
  sub->footer(
      "Example:\n  bitworth plan model.gguf --ctx 8192 --seqs 4\n\n"
      "Exit codes: 0 it fits; 3 it does not fit this host, or fails a memory criterion of the scenario; 4 "
      "the\n"
      "limit of this host is not known.");
  auto o = std::make_shared<Options>();
  sub->add_option("FILE", o->path, "GGUF file, or a name from `bitworth models`")->required();
  auto* scenario = sub->add_option("--scenario", o->scenario,
                                   "Take context, streams and the memory criteria from this scenario");
  sub->add_option("--ctx", o->n_ctx, "Positions a sequence may hold")
      ->check(whole(1, 1 << 20))
      ->excludes(scenario)
      ->capture_default_str();
  sub->add_option("--seqs", o->n_seq, "Sequences at once")
      ->check(whole(1, 1024))
      ->excludes(scenario)
      ->capture_default_str();
  auto* kv =
      add_kv_option(*sub, o->kv, "Type of the KV cache; else the scenario's, else f16")->default_str("");
  sub->add_option("--threads", o->threads, "0: every processor this process may use")->check(whole(0, 1024));
  sub->callback([&shared, o, kv] {
    o->kv_given = kv->count() > 0;
    shared.chosen = [&shared, o] { return run(shared, *o); };
  });
}

}  // namespace bw::cli
