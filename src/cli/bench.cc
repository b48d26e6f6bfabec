// bitworth bench FILE: the speed axis alone, in this process.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "base/figure_json.h"
#include "cli/cli.h"
#include "cli/model_session.h"
#include "cli/usage.h"
#include "speed/speed.h"

namespace bw::cli {
namespace {

// The keys scripts read hold plain numbers; "figures" holds the same with births and bounds.
int run(const Shared& shared, const std::string& name, const speed::BenchOptions& options) {
  auto path = resolve_model(name);
  if (!path) return complain(path.error());
  Progress progress(shared);
  auto r = speed::bench(*path, options,
                        [&](const std::string& what, double share) { progress.step(what, share); });
  progress.clear();
  if (!r) return complain(r.error());
  const auto plain = [](const Figure& f) {
    return f.known() ? nlohmann::ordered_json(f.value) : nlohmann::ordered_json(nullptr);
  };
  if (shared.json) {
    fmt::print("{}\n", nlohmann::ordered_json{{"path", *path},
                                              {"isa", r->isa},
                                              {"threads", r->n_threads},
                                              {"prefill", options.prefill},
                                              {"decode", options.decode},
                                              {"depth", options.depth},
                                              {"repeat", options.repeat},
                                              {"kv_type", kernels::name(options.kv_type)},
                                              {"prefill_tokens_per_s", plain(r->prefill_tokens_per_s)},
                                              {"decode_tokens_per_s", plain(r->decode_tokens_per_s)},
                                              {"read_bandwidth_share", plain(r->read_bandwidth_share)},
                                              {"read_bandwidth", plain(r->read_bandwidth)},
                                              {"figures",
                                               {{"prefill_tokens_per_s", json_of(r->prefill_tokens_per_s)},
                                                {"decode_tokens_per_s", json_of(r->decode_tokens_per_s)},
                                                {"read_bandwidth", json_of(r->read_bandwidth)},
                                                {"read_bandwidth_share", json_of(r->read_bandwidth_share)},
                                                {"load_s", json_of(r->load_s)}}}}
                           .dump(2));
    return 0;
  }
  fmt::print("{}  ({}, {} threads)\n", *path, r->isa, r->n_threads);
  fmt::print("  prefill {:<5}       {}\n", options.prefill, show(r->prefill_tokens_per_s));
  fmt::print("  decode {:<6}       {}\n", options.decode, show(r->decode_tokens_per_s));
  fmt::print("  read bandwidth      {}\n", show(r->read_bandwidth));
  fmt::print("  share decode uses   {}\n", show(r->read_bandwidth_share));
  fmt::print("  start to ready      {}\n", show(r->load_s));
  return 0;
}

}  // namespace

void add_bench(CLI::App& app, Shared& shared) {
  auto* sub = app.add_subcommand("bench",
                                 "Prefill and decode speed of one file, and the share of the read bandwidth");
  sub->footer("Example:\n  bitworth bench model.gguf --prefill 512 --decode 64 --repeat 5 --threads 2");
  auto path = std::make_shared<std::string>();
  auto o = std::make_shared<speed::BenchOptions>();
  sub->add_option("FILE", *path, "GGUF file, or a name from `bitworth models`")->required();
  sub->add_option("--prefill", o->prefill, "Prompt tokens a repeat")
      ->check(whole(1, 1 << 20))
      ->capture_default_str();
  sub->add_option("--decode", o->decode, "Output tokens a repeat")
      ->check(whole(1, 1 << 20))
      ->capture_default_str();
  sub->add_option("--depth", o->depth, "Positions held before either begins")
      ->check(whole(0, 1 << 20))
      ->capture_default_str();
  sub->add_option("--repeat", o->repeat, "Measured repeats, after one warm-up")
      ->check(whole(1, 10000))
      ->capture_default_str();
  sub->add_option("--batch", o->n_batch, "Rows a pass")->check(whole(1, 65536))->capture_default_str();
  add_kv_option(*sub, o->kv_type, "Type of the KV cache");
  sub->add_option("--threads", o->n_threads, "0: every processor this process may use")
      ->check(whole(0, 1024));
  sub->callback(
      [&shared, path, o] { shared.chosen = [&shared, path, o] { return run(shared, *path, *o); }; });
}

}  // namespace bw::cli
