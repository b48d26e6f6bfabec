// bitworth plan FILE: exact memory before anything is loaded, against this host's limit.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "base/figure_json.h"
#include "cli/cli.h"
#include "cli/model_session.h"
#include "memory/memory.h"
#include "scenario/scenario.h"

namespace bw::cli {
namespace {

struct Options {
  std::string path, scenario;
  uint32_t n_ctx = 4096, n_seq = 1;
  int threads = 0;
};

int run(const Shared& shared, Options o) {
  if (!o.scenario.empty()) {
    auto s = scenario::load(o.scenario);
    if (!s) return complain(s.error());
    o.n_ctx = s->load.context;
    o.n_seq = s->load.streams;
  }
  auto file = open_named(o.path);
  if (!file) return complain(file.error());
  engine::ContextOptions context;
  context.n_ctx = o.n_ctx;
  context.n_seq = o.n_seq;
  auto r = memory::plan(*file, context, o.threads);
  if (!r) return complain(r.error());
  auto exact = engine::plan(*file, context, o.threads);
  if (!exact) return complain(exact.error());
  const bool known = r->planned.known() && r->limit.known();
  const bool fits = known && r->planned.value <= r->limit.value;
  if (shared.json) {
    nlohmann::ordered_json j{{"path", file->path},
                             {"n_ctx", o.n_ctx},
                             {"n_seq", o.n_seq},
                             {"planned", json_of(r->planned)},
                             {"weights", json_of(r->weights)},
                             {"kv", json_of(r->kv)},
                             {"work", json_of(r->work)},
                             {"program", json_of(r->program)},
                             {"limit", json_of(r->limit)},
                             {"macs_per_token", exact->macs_per_token},
                             {"bytes_read_per_token", exact->bytes_read_per_token}};
    if (known) j["fits"] = fits;
    fmt::print("{}\n", j.dump(2));
    return 0;
  }
  fmt::print("{}\n  {} positions in each of {} sequence{}, KV cache F16\n\n", file->path, o.n_ctx, o.n_seq,
             o.n_seq == 1 ? "" : "s");
  fmt::print("  weights        {}\n  KV cache       {}\n  work           {}\n  program        {}\n",
             show(r->weights), show(r->kv), show(r->work), show(r->program));
  fmt::print("  in all         {}\n  this host      {}\n", show(r->planned), show(r->limit));
  if (!r->limit.reason.empty()) fmt::print("                 ({})\n", r->limit.reason);
  fmt::print("\n  a token: {:.2f} G multiply-adds, {} of weights read\n",
             double(exact->macs_per_token) * 1e-9, bytes_text(double(exact->bytes_read_per_token)));
  if (known)
    fmt::print("  {}\n",
               fits ? fmt::format("fits, {} to spare", bytes_text(r->limit.value - r->planned.value))
                    : fmt::format("does not fit: {} too much; a smaller --ctx or --seqs, or fewer bits",
                                  bytes_text(r->planned.value - r->limit.value)));
  return 0;
}

}  // namespace

void add_plan(CLI::App& app, Shared& shared) {
  auto* sub = app.add_subcommand("plan", "Exact memory: weights, KV cache, buffers; does it fit here?");
  sub->footer("Example:\n  bitworth plan model.gguf --ctx 8192 --seqs 4");
  auto o = std::make_shared<Options>();
  sub->add_option("FILE", o->path, "GGUF file, or a name from `bitworth models`")->required();
  auto* scenario = sub->add_option("--scenario", o->scenario, "Take context and streams from this scenario");
  sub->add_option("--ctx", o->n_ctx, "Positions a sequence may hold")
      ->check(CLI::Range(1, 1 << 20))
      ->excludes(scenario)
      ->capture_default_str();
  sub->add_option("--seqs", o->n_seq, "Sequences at once")
      ->check(CLI::Range(1, 1024))
      ->excludes(scenario)
      ->capture_default_str();
  sub->add_option("--threads", o->threads, "0: every processor this process may use")
      ->check(CLI::Range(0, 1024));
  sub->callback([&shared, o] { shared.chosen = [&shared, o] { return run(shared, *o); }; });
}

}  // namespace bw::cli
