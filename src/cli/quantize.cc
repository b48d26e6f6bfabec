// bitworth quantize SRC OUT --type T: the same model in another type; --control makes the positive control.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>

#include "cli/cli.h"
#include "cli/model_session.h"
#include "cli/usage.h"
#include "quantize/quantize.h"

namespace bw::cli {
namespace {

struct Options {
  std::string source, out, type;
  bool control = false, force = false;
  int threads = 0;
};

std::string types_with_encoder() {
  std::string out;
  for (const auto& t : quant::all_types())
    if (t.encode) out += (out.empty() ? "" : " ") + std::string(t.name);
  return out;
}

// Types of weights that have already lost something, as their share of the file's tensor bytes: "Q4_K 61 %,
// Q6_K 38 %"; empty where there is none. F32, F16 and BF16 are what models are published in.
std::string lossy_types(const gguf::File& file) {
  std::map<std::string, uint64_t> bytes;
  uint64_t all = 0;
  for (const gguf::TensorInfo& t : file.tensors) {
    const quant::TypeInfo* type = quant::find(t.ggml_type);
    const std::string name(type ? type->name : "unknown");
    all += t.n_bytes;
    if (name != "F32" && name != "F16" && name != "BF16") bytes[name] += t.n_bytes;
  }
  std::string out;
  for (const auto& [name, n] : bytes)
    out += fmt::format("{}{} {:.0f} %", out.empty() ? "" : ", ", name, 100 * double(n) / double(all));
  return out;
}

int run(const Shared& shared, const Options& o) {
  quantize::Recipe recipe;
  recipe.control_four_levels = o.control;
  if (o.control && !o.type.empty() && o.type != "Q4_0")
    return complain(
        bad_input("quantize: --control is a Q4_0 container, --type says " + o.type, "leave --type away"));
  if (!o.control) {
    if (o.type.empty())
      return complain(bad_input("quantize: --type is missing", "one of: " + types_with_encoder()));
    const quant::TypeInfo* t = quant::find(std::string_view(o.type));
    if (!t || !t->encode)
      return complain(bad_input(fmt::format("quantize: --type {}: {}", o.type,
                                            t ? "can be read here, not written yet" : "no such type"),
                                "one of: " + types_with_encoder()));
    recipe.type = t->type;
  }
  std::error_code ec;
  if (!o.force && std::filesystem::exists(o.out, ec))
    return complain(
        bad_input(fmt::format("quantize: {} exists", o.out), "another name, or --force to write over it"));
  auto file = open_named(o.source);
  if (!file) return complain(file.error());
  if (const std::string types = lossy_types(*file); !types.empty() && !o.control)
    fmt::print(
        stderr,
        "bitworth: warning: {} is itself quantized ({}): what that lost stays lost and this adds to it\n"
        "  next: start from the F16 or BF16 file where there is one\n",
        o.source, types);
  catch_interrupts();
  quantize::Options options;
  options.n_threads = o.threads;
  Progress progress(shared);
  auto made = quantize::make(
      *file, o.out, recipe,
      [&](uint64_t done, uint64_t total) {
        progress.step("quantizing", total ? double(done) / double(total) : 1);
        return !interrupted().load();
      },
      options);
  progress.clear();
  if (!made) return complain(made.error());
  if (shared.json) {
    nlohmann::ordered_json kept = nlohmann::ordered_json::array();
    for (const auto& k : made->kept) kept.push_back({{"tensor", k.tensor}, {"reason", k.reason}});
    fmt::print("{}\n", nlohmann::ordered_json{{"out", o.out},
                                              {"bytes_in", made->n_bytes_in},
                                              {"bytes_out", made->n_bytes_out},
                                              {"encoded", made->n_encoded},
                                              {"already", made->already},
                                              {"source_sha256", made->source_sha256},
                                              {"kept", kept}}
                           .dump(2));
    return 0;
  }
  fmt::print("{}\n{}: {} -> {}, {} tensors encoded, {} kept as they were\n", made->description, o.out,
             bytes_text(double(made->n_bytes_in)), bytes_text(double(made->n_bytes_out)), made->n_encoded,
             made->kept.size());
  return 0;
}

}  // namespace

void add_quantize(CLI::App& app, Shared& shared) {
  auto* sub = app.add_subcommand("quantize", "Make a file in another type");
  sub->footer("Example:\n  bitworth quantize good.gguf small.gguf --type Q4_0");
  auto o = std::make_shared<Options>();
  sub->add_option("SOURCE", o->source, "GGUF file, or a name from `bitworth models`")->required();
  sub->add_option("OUT", o->out, "The file to make; it appears whole or not at all")->required();
  sub->add_option("--type", o->type, "One of: " + types_with_encoder());
  sub->add_flag("--control", o->control,
                "Make the positive control: Q4_0 with its codes snapped to four levels");
  sub->add_flag("--force", o->force, "Write over OUT if it exists");
  sub->add_option("--threads", o->threads, "0: every processor; changes no byte")->check(whole(0, 1024));
  sub->callback([&shared, o] { shared.chosen = [&shared, o] { return run(shared, *o); }; });
}

}  // namespace bw::cli
