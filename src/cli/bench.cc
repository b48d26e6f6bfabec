// bitworth bench FILE: the speed axis alone, in this process; of one sequence, or of several together.
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

using json = nlohmann::ordered_json;

// The keys scripts read hold plain numbers; "figures" holds the same with births and bounds.
json plain(const Figure& f) {
  return f.known() ? json(f.value) : json(nullptr);
}

int run_streams(const Shared& shared, const std::string& path, uint32_t n_streams,
                const speed::BenchOptions& options) {
  Progress progress(shared);
  auto r = speed::bench_streams(path, n_streams, options,
                                [&](const std::string& what, double share) { progress.step(what, share); });
  progress.clear();
  if (!r) return complain(r.error());
  if (shared.json) {
    fmt::print("{}\n", json{{"path", path},
                            {"isa", r->isa},
                            {"threads", r->n_threads},
                            {"streams", n_streams},
                            {"prefill", options.prefill},
                            {"decode", options.decode},
                            {"repeat", options.repeat},
                            {"kv_type", kernels::name(options.kv_type)},
                            {"decode_tokens_per_s", plain(r->decode_tokens_per_s)},
                            {"whole_tokens_per_s", plain(r->whole_tokens_per_s)},
                            {"ttft_p95_ms", plain(r->ttft_p95_ms)},
                            {"peak_bytes", plain(r->peak_bytes)},
                            {"figures",
                             {{"decode_tokens_per_s", json_of(r->decode_tokens_per_s)},
                              {"whole_tokens_per_s", json_of(r->whole_tokens_per_s)},
                              {"ttft_p95_ms", json_of(r->ttft_p95_ms)},
                              {"peak_bytes", json_of(r->peak_bytes)},
                              {"load_s", json_of(r->load_s)}}}}
                           .dump(2));
    return 0;
  }
  fmt::print("{}  ({}, {} threads)\n", path, r->isa, r->n_threads);
  fmt::print("  {} streams, each {} tokens of prompt, {} of output, sent at once\n", n_streams,
             options.prefill, options.decode);
  fmt::print("  decode, all streams {}\n", show(r->decode_tokens_per_s));
  fmt::print("  output / whole time {}\n", show(r->whole_tokens_per_s));
  fmt::print("  first token, p95    {}\n", show(r->ttft_p95_ms));
  fmt::print("  peak memory         {}\n", show(r->peak_bytes));
  fmt::print("  start to ready      {}\n", show(r->load_s));
  return 0;
}

int run(const Shared& shared, const std::string& name, uint32_t n_streams,
        const speed::BenchOptions& options) {
  auto path = resolve_model(name);
  if (!path) return complain(path.error());
  if (n_streams > 0) return run_streams(shared, *path, n_streams, options);
  Progress progress(shared);
  auto r = speed::bench(*path, options,
                        [&](const std::string& what, double share) { progress.step(what, share); });
  progress.clear();
  if (!r) return complain(r.error());
  if (shared.json) {
    fmt::print("{}\n", json{{"path", *path},
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
                            {"dot_rate_share", plain(r->dot_rate_share)},
                            {"dot_rate", plain(r->dot_rate)},
                            {"peak_bytes", plain(r->peak_bytes)},
                            {"kv_bytes", r->kv_bytes},
                            {"figures",
                             {{"prefill_tokens_per_s", json_of(r->prefill_tokens_per_s)},
                              {"decode_tokens_per_s", json_of(r->decode_tokens_per_s)},
                              {"read_bandwidth", json_of(r->read_bandwidth)},
                              {"read_bandwidth_share", json_of(r->read_bandwidth_share)},
                              {"dot_rate", json_of(r->dot_rate)},
                              {"dot_rate_share", json_of(r->dot_rate_share)},
                              {"peak_bytes", json_of(r->peak_bytes)},
                              {"load_s", json_of(r->load_s)}}}}
                           .dump(2));
    return 0;
  }
  fmt::print("{}  ({}, {} threads)\n", *path, r->isa, r->n_threads);
  fmt::print("  prefill {:<5}       {}\n", options.prefill, show(r->prefill_tokens_per_s));
  fmt::print("  decode {:<6}       {}\n", options.decode, show(r->decode_tokens_per_s));
  fmt::print("  read bandwidth      {}\n", show(r->read_bandwidth));
  fmt::print("  share decode uses   {}\n", show(r->read_bandwidth_share));
  fmt::print("  dot rate            {}\n", show(r->dot_rate));
  fmt::print("  share prefill uses  {}\n", show(r->dot_rate_share));
  fmt::print("  peak memory         {}\n", show(r->peak_bytes));
  fmt::print("  start to ready      {}\n", show(r->load_s));
  return 0;
}

}  // namespace

void add_bench(CLI::App& app, Shared& shared) {
  auto* sub = app.add_subcommand(
      "bench", "Prefill and decode speed of one file, of one sequence or of several together");
  sub->footer(
      "Example:\n  bitworth bench model.gguf --prefill 512 --decode 64 --repeat 5 --threads 2\n"
      "  bitworth bench model.gguf --streams 8 --prefill 128 --decode 64");
  auto path = std::make_shared<std::string>();
  auto o = std::make_shared<speed::BenchOptions>();
  auto n_streams = std::make_shared<uint32_t>(0);
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
  sub->add_option("--streams", *n_streams,
                  "Sequences sent at once, each with its own prompt; 0: one, measured alone")
      ->check(whole(0, 256));
  sub->add_option("--repeat", o->repeat, "Measured repeats, after one warm-up")
      ->check(whole(1, 10000))
      ->capture_default_str();
  sub->add_option("--batch", o->n_batch, "Rows a pass")->check(whole(1, 65536))->capture_default_str();
  add_kv_option(*sub, o->kv_type, "Type of the KV cache");
  sub->add_option("--threads", o->n_threads, "0: every processor this process may use")
      ->check(whole(0, 1024));
  sub->callback([&shared, path, n_streams, o] {
    shared.chosen = [&shared, path, n_streams, o] { return run(shared, *path, *n_streams, *o); };
  });
}

}  // namespace bw::cli
