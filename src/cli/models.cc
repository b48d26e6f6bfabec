// bitworth models: the model files in the own cache. Other programs' stores are not searched yet, and that is
// said.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "base/file.h"
#include "cli/cli.h"
#include "gguf/file.h"

namespace bw::cli {
namespace {

int run(const Shared& shared) {
  namespace fs = std::filesystem;
  const fs::path folder = fs::path(cache_dir()) / "models";
  std::vector<fs::path> paths;
  std::error_code ec;
  for (const auto& entry : fs::directory_iterator(folder, ec))
    if (entry.path().extension() == ".gguf") paths.push_back(entry.path());
  std::sort(paths.begin(), paths.end());
  nlohmann::ordered_json all = nlohmann::ordered_json::array();
  for (const auto& p : paths) {
    auto file = gguf::open(p.string());
    nlohmann::ordered_json j{{"name", p.stem().string()}, {"path", p.string()}};
    if (file) {
      j["bytes"] = file->n_bytes;
      auto arch = file->architecture();
      j["architecture"] = arch ? *arch : "unknown";
      if (!shared.json)
        fmt::print("{:<34} {:>10}  {:<8} {}\n", p.stem().string(), bytes_text(double(file->n_bytes)),
                   j["architecture"].get<std::string>(), p.string());
    } else {
      j["error"] = file.error().what;
      if (!shared.json) fmt::print("{:<34} damaged: {}\n", p.stem().string(), file.error().what);
    }
    all.push_back(j);
  }
  if (shared.json)
    fmt::print("{}\n", all.dump(2));
  else if (paths.empty())
    fmt::print("no models in {}; fetch one: ./dev model qwen0.5b\n", folder.string());
  else
    fmt::print("\nOnly bitworth's own cache is searched in this version ({}).\n", folder.string());
  return 0;
}

}  // namespace

void add_models(CLI::App& app, Shared& shared) {
  auto* sub = app.add_subcommand("models", "The model files found in bitworth's cache");
  sub->footer("Example:\n  bitworth models");
  sub->callback([&shared] { shared.chosen = [&shared] { return run(shared); }; });
}

}  // namespace bw::cli
