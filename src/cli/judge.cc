// bitworth judge: scenario, reference and candidates to a verdict, a record and a page.
#include "judge/pipeline.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include "audit/log.h"
#include "cli/cli.h"
#include "cli/log_record.h"
#include "cli/model_session.h"
#include "cli/usage.h"
#include "record/record.h"
#include "record/store.h"
#include "report/report.h"
#include "scenario/quantity.h"

namespace bw::cli {
namespace {

struct Options {
  std::string scenario, reference, budget, out, html, log;
  std::vector<std::string> candidates, controls;
  uint32_t items = 0;
  engine::KvType kv = engine::KvType::f16;
  bool kv_given = false;
  bool resume = false, require_resolution = false;
};

// A file that `bitworth quantize --control` made says so itself.
bool is_control(const std::string& path) {
  auto file = gguf::open(path);
  if (!file) return false;  // the pipeline opens it again and says what is wrong
  auto control = file->get_bool("bitworth.control");
  return control && *control;
}

Result<judge::Inputs> inputs(const Options& o) {
  judge::Inputs in;
  if (o.scenario.empty()) {
    std::string names;
    for (const auto& n : scenario::built_in_names()) names += (names.empty() ? "" : ", ") + n;
    return bad_input(
        "judge: no --scenario was given; whether a file is worth it depends on where and for what it runs",
        "one of the built-in ones (" + names + ") or a file of your own (docs/scenario.md)");
  }
  BW_TRY(in.scenario, scenario::load(o.scenario));
  if (!o.reference.empty()) {
    BW_TRY(std::string path, resolve_model(o.reference));
    in.reference = judge::CandidateInput{std::move(path), "", judge::Role::candidate};
  }
  for (const std::string& name : o.candidates) {
    BW_TRY(std::string path, resolve_model(name));
    const judge::Role role = is_control(path) ? judge::Role::control : judge::Role::candidate;
    in.candidates.push_back({std::move(path), "", role});
  }
  for (const std::string& name : o.controls) {
    BW_TRY(std::string path, resolve_model(name));
    in.candidates.push_back({std::move(path), "", judge::Role::control});
  }
  if (in.candidates.empty())
    return bad_input("judge: no candidate was given",
                     "bitworth judge --scenario laptop --reference good.gguf small.gguf");
  if (!o.budget.empty()) {
    auto seconds = scenario::quantity(o.budget, "s");
    if (!seconds || !(*seconds > 0))
      return bad_input(
          fmt::format("judge: --budget {}: expected a time above zero, like 90s, 3m or 1h", o.budget));
    in.budget_s = *seconds;
  }
  if (o.items) in.n_items = o.items;
  if (o.kv_given) in.kv_type = o.kv;
  in.require_resolution = o.require_resolution;
  return in;
}

// What was asked for, without --items, --budget and --resume: judge adds those that go on from here.
std::string command(const Shared& shared, const Options& o) {
  std::string out = shell_word(shared.called) + " judge";
  const auto add = [&](const char* option, const std::string& value) {
    if (!value.empty()) out += fmt::format(" {}{}{}", option, *option ? " " : "", shell_word(value));
  };
  add("--scenario", o.scenario);
  add("--reference", o.reference);
  for (const std::string& name : o.candidates) add("", name);
  for (const std::string& name : o.controls) add("--control", name);
  if (o.kv_given) add("--kv", std::string(kernels::name(o.kv)));
  add("--out", o.out);
  add("--html", o.html);
  add("--log", o.log);
  return out;
}

// Nothing was judged: what the items can show, and what to do. Exit code 5 says the same.
void print_unresolved(const judge::Judgement& j) {
  fmt::print("not judged: the margin cannot be resolved\n");
  for (const std::string& why : j.candidates.at(0).verdict.why) fmt::print("  {}\n", why);
  if (j.go_on.empty())
    fmt::print("  next: a wider [degradation.margin] in the scenario; the suite has not so many items\n");
  else
    fmt::print("  next: {}\n", j.go_on);
}

// What is known before anything runs, while the rest is still being measured.
void print_first(const judge::Judgement& j) {
  fmt::print(stderr, "plan: {} may use {}\n", j.host.cpu, show(j.host.memory_limit));
  const auto line = [](const std::string& name, const format::FormatReport& f,
                       const judge::MemoryFindings& m) {
    fmt::print(stderr, "  {:<28} {} a weight; needs {}\n", name, describe(f.bits_per_weight),
               show(m.report.planned));
  };
  if (j.reference) line(j.reference->name + " (reference)", j.reference->format, j.reference->memory);
  for (const auto& c : j.candidates)
    line(c.name + (c.role == judge::Role::control ? " (control)" : ""), c.format, c.memory);
  for (const std::string& s : j.limits_of_this_run) fmt::print(stderr, "  {}\n", s);
}

// Asked before minutes of work, not after them.
Status can_be_logged(const Options& o) {
  if (o.log.empty()) return {};
  if (o.out.empty())
    return bad_input(
        "judge: --log without --out: the log holds the record's digest, the record must be kept too",
        "add --out judgement.json");
  auto log = audit::Log::open(o.log, {.read_only = true});
  if (!log) return std::move(log.error());
  return {};
}

int run(const Shared& shared, const Options& o) {
  if (const Status s = can_be_logged(o); !s) return complain(s.error());
  auto in = inputs(o);
  if (!in) return complain(in.error());
  in->command = command(shared, o);
  auto store = record::Store::open(record::default_store_path(), o.resume);
  if (!store) return complain(store.error());
  catch_interrupts();
  Progress progress(shared);
  judge::Services services;
  services.store = store->get();
  services.program = shared.program;
  services.cancel = &interrupted();
  services.progress = [&](const std::string& step, const std::string& what, double share) {
    progress.step(what.empty() ? step : step + ": " + what, share);
  };
  services.first_figures = [&](const judge::Judgement& so_far) {
    progress.clear();
    if (!shared.quiet) print_first(so_far);
  };
  auto judged = judge::judge(*in, services);
  progress.clear();
  if (!judged) {
    Error e = judged.error();
    if (interrupted())
      e = failed("judge: interrupted; what was finished is saved in " + record::default_store_path(), e.next);
    return complain(e);
  }
  const std::string json = record::to_json(*judged);
  const auto not_written = [&](Error e) {
    e.next = "nothing is lost: free space or name another file, then " + judge::resume_command(*in);
    return complain(e);
  };
  if (!o.out.empty())
    if (const Status s = record::write(*judged, o.out); !s) return not_written(s.error());
  if (!o.log.empty())
    if (const Status s = log_record(shared, o.out, json, o.log); !s) return complain(s.error());
  auto document = report::document(json);
  if (!document) return complain(document.error());
  if (!o.html.empty())
    if (const Status s = write_text(o.html, report::html(*document)); !s) return not_written(s.error());
  if (shared.json)
    fmt::print("{}\n", json);
  else if (judged->exit_code == 5)
    print_unresolved(*judged);
  else
    fmt::print("{}", report::text(*document, {.color = !shared.no_color}));
  if (!shared.quiet) {
    if (!o.out.empty()) fmt::print(stderr, "record: {}\n", o.out);
    if (!o.html.empty()) fmt::print(stderr, "page: {}\n", o.html);
  }
  return judged->exit_code;
}

}  // namespace

void add_judge(CLI::App& app, Shared& shared) {
  auto* sub =
      app.add_subcommand("judge", "Is it worth it? Four axes, the practical rule, one verdict a candidate");
  sub->footer(
      "Example:\n  bitworth judge --scenario laptop --reference good.gguf small.gguf smaller.gguf \\\n"
      "      --budget 3m --out judgement.json --html report.html");
  auto o = std::make_shared<Options>();
  sub->add_option("CANDIDATE", o->candidates,
                  "Files to judge (a control made by `quantize --control` is known by itself)");
  sub->add_option("--scenario", o->scenario, "laptop, nas, server, or a TOML file (docs/scenario.md)");
  sub->add_option("--reference", o->reference, "The best file in hand; without it degradation is unknown");
  sub->add_option("--control", o->controls, "A file made worse on purpose, if it does not say so itself");
  sub->add_option("--budget", o->budget, "Wall time for all of it, e.g. 90s, 3m, 1h; else the scenario's");
  sub->add_option("--items", o->items, "Items of each task suite; else the scenario's")
      ->check(whole(1, 1000000));
  auto* kv = add_kv_option(*sub, o->kv,
                           "Type of the candidates' KV cache; else the scenario's. The reference's is f16")
                 ->default_str("");
  sub->add_option("--out", o->out, "Write the record, judgement.json (docs/record.md)");
  sub->add_option("--html", o->html, "Write the page");
  sub->add_option("--log", o->log,
                  "Enter digest, files and verdicts into the audit log of this folder (docs/log.md)");
  sub->add_flag("--resume", o->resume, "Take what an earlier run of the same command finished");
  sub->add_flag("--require-resolution", o->require_resolution,
                "Exit 5 before loading anything if the items cannot resolve the margin");
  sub->callback([&shared, o, kv] {
    o->kv_given = kv->count() > 0;
    shared.chosen = [&shared, o] { return run(shared, *o); };
  });
}

}  // namespace bw::cli
