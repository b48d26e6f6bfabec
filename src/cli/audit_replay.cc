// bitworth audit replay FOLDER [N...]: recorded answers once more, and whether the same bytes come.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "cli/audit_serve.h"
#include "cli/usage.h"
#include "serve/replay.h"

namespace bw::cli {
namespace {

int run(const Shared& shared, serve::ReplayOptions o) {
  Progress progress(shared);
  o.progress = [&](uint64_t done, uint64_t total) {
    progress.step("replaying", double(done) / double(total));
  };
  for (std::string& file : o.files) {
    auto path = resolve_model(file);
    if (!path) return complain(path.error());
    file = *path;
  }
  auto report = serve::replay(o);
  progress.clear();
  if (!report) return complain(report.error());
  const serve::ReplayReport& r = *report;
  const int code = r.n_differ ? 3 : r.n_same ? 0 : 4;
  if (shared.json) {
    nlohmann::ordered_json j{{"folder", o.folder},
                             {"isa", r.isa},
                             {"n_same", r.n_same},
                             {"n_differ", r.n_differ},
                             {"n_not_possible", r.n_not_possible},
                             {"attempts", nlohmann::ordered_json::array()}};
    for (const serve::Replayed& a : r.attempts)
      j["attempts"].push_back({{"index", a.index},
                               {"attempt", a.attempt},
                               {"deployment", a.deployment},
                               {"result", name(a.what)},
                               {"why", a.why}});
    fmt::print("{}\n", j.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace));
    return code;
  }
  for (const serve::Replayed& a : r.attempts)
    if (a.what != serve::Replayed::What::same)
      fmt::print("entry {}, attempt {} ({}): {}: {}\n", a.index, a.attempt + 1, a.deployment, name(a.what),
                 a.why);
  fmt::print("{} attempts gave the same bytes, {} other ones, {} could not be replayed", r.n_same, r.n_differ,
             r.n_not_possible);
  fmt::print("{}\n", r.isa.empty() ? "" : " (" + r.isa + ")");
  return code;
}

}  // namespace

void add_audit_replay(CLI::App& audit, Shared& shared) {
  auto* sub = audit.add_subcommand("replay", "Recorded answers once more: do the same bytes come?");
  sub->footer(
      "Example:\n  bitworth audit replay served/ 12 13\n"
      "  BITWORTH_ISA=avx2 bitworth audit replay served/ --file model.gguf\n"
      "Needs a contract with keep_text, whose requests lie beside the log, and the model's file (by its "
      "digest).\n"
      "Exit 0: all that could be replayed are the same; 3: one differs; 4: none could be replayed.");
  auto o = std::make_shared<serve::ReplayOptions>();
  sub->add_option("FOLDER", o->folder, "The log's folder")->required();
  sub->add_option("N", o->indices, "Entries of answers; none: all")->check(whole(0, any_seed));
  sub->add_option("--file", o->files, "Where a model is now, if not where it was; may be repeated");
  sub->add_option("--threads", o->threads, "0: every processor; changes no bit")->check(whole(0, 1024));
  sub->callback([&shared, o] { shared.chosen = [&shared, o] { return run(shared, *o); }; });
}

}  // namespace bw::cli
