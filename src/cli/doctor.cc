// bitworth doctor: the machine, the instruction sets, the limits, and what is missing.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "base/data_dir.h"
#include "base/file.h"
#include "base/host.h"
#include "base/version.h"
#include "cli/cli.h"
#include "kernels/kernels.h"
#include "memory/memory.h"
#include "sandbox/sandbox.h"

namespace bw::cli {
namespace {

nlohmann::ordered_json look() {
  const Host h = host();
  const memory::HostLimit limit = memory::host_limit();
  nlohmann::ordered_json j{
      {"version", version},
      {"numerics", numerics},
      {"cpu", h.cpu_model},
      {"kernel", h.kernel},
      {"processors", {{"allowed", h.n_allowed}, {"quota", h.cpu_quota}, {"usable", h.n_usable}}}};
  if (h.memory_total) j["memory_total_bytes"] = *h.memory_total;
  if (h.memory_available) j["memory_available_bytes"] = *h.memory_available;
  j["memory_limit_bytes"] = limit.bytes;
  j["memory_limit_source"] = limit.source;
  for (const kernels::Listed& l : kernels::listing())
    j["instruction_sets"].push_back({{"name", l.name},
                                     {"processor", l.processor},
                                     {"built", l.table != nullptr},
                                     {"available", l.table != nullptr && l.lacks.empty()},
                                     {"lacks", l.lacks},
                                     {"by_scalar", l.by_scalar}});
  const auto chosen = kernels::choose();
  if (chosen)
    j["chosen"] = std::string((*chosen)->name);
  else
    j["chosen_error"] = chosen.error().what;
  const auto data = data_dir();
  if (data)
    j["data"] = *data;
  else
    j["data_error"] = data.error().what;
  const Status sandboxed = sandbox::available();
  j["sandbox"] = bool(sandboxed);
  if (!sandboxed) {
    j["sandbox_error"] = sandboxed.error().what;
    j["sandbox_next"] = sandboxed.error().next;
  }
  namespace fs = std::filesystem;
  std::error_code ec;
  j["cache"] = cache_dir();
  size_t n_models = 0;
  for (const auto& e : fs::directory_iterator(fs::path(cache_dir()) / "models", ec))
    n_models += e.path().extension() == ".gguf";
  j["models_in_cache"] = n_models;
  if (const auto space = fs::space(fs::exists(cache_dir(), ec) ? cache_dir() : "/", ec); !ec)
    j["cache_free_bytes"] = space.available;
  return j;
}

std::string joined(const nlohmann::ordered_json& names) {
  std::string all;
  for (const auto& n : names) all += (all.empty() ? "" : ", ") + n.get<std::string>();
  return all;
}
// One table's line: whether it runs here, else why not.
std::string state_of(const nlohmann::ordered_json& t) {
  if (!t["built"].get<bool>()) return "for " + t["processor"].get<std::string>() + " processors";
  if (!t["available"].get<bool>()) return "not here: this machine lacks " + joined(t["lacks"]);
  return t["by_scalar"].empty() ? "runs" : "runs; slow, by the scalar table: " + joined(t["by_scalar"]);
}

int run(const Shared& shared) {
  const nlohmann::ordered_json j = look();
  const bool ok = j.contains("chosen") && j.contains("data");
  if (shared.json) {
    fmt::print("{}\n", j.dump(2));
    return ok ? 0 : 1;
  }
  fmt::print("bitworth {} ({})\n", version, numerics);
  fmt::print("  processor        {}, {} usable of {} allowed\n", j["cpu"].get<std::string>(),
             j["processors"]["usable"].get<int>(), j["processors"]["allowed"].get<int>());
  fmt::print("  kernel           {}\n", j["kernel"].get<std::string>());
  fmt::print("  memory           {} may be used ({} binds)\n",
             bytes_text(j["memory_limit_bytes"].get<double>()), j["memory_limit_source"].get<std::string>());
  const char* label = "kernels";
  for (const auto& t : j["instruction_sets"]) {
    fmt::print("  {:<15}  {:<13} {}\n", label, t["name"].get<std::string>(), state_of(t));
    label = "";
  }
  if (j.contains("chosen")) {
    const bool forced = std::getenv("BITWORTH_ISA") != nullptr;
    fmt::print("  in use           {} ({})\n", j["chosen"].get<std::string>(),
               forced ? "BITWORTH_ISA says so" : "the fastest this machine has");
  } else {
    fmt::print("  in use           none: {}\n", j["chosen_error"].get<std::string>());
  }
  fmt::print("  sandbox          {}\n",
             j["sandbox"].get<bool>()
                 ? "namespaces, Landlock, seccomp and rlimits: tried, they hold"
                 : j["sandbox_error"].get<std::string>() + "; next: " + j["sandbox_next"].get<std::string>());
  fmt::print("  task data        {}\n", j.contains("data")
                                            ? j["data"].get<std::string>()
                                            : "missing: " + j["data_error"].get<std::string>());
  fmt::print("  cache            {}, {} model{}\n", j["cache"].get<std::string>(),
             j["models_in_cache"].get<size_t>(), j["models_in_cache"].get<size_t>() == 1 ? "" : "s");
  if (j.contains("cache_free_bytes"))
    fmt::print("  free there       {}\n", bytes_text(j["cache_free_bytes"].get<double>()));
  fmt::print("  not built yet    host profiles (--save); other programs' model stores\n");
  if (j["models_in_cache"].get<size_t>() == 0) fmt::print("\n  next: fetch a model: ./dev model qwen0.5b\n");
  return ok ? 0 : 1;
}

}  // namespace

void add_doctor(CLI::App& app, Shared& shared) {
  auto* sub = app.add_subcommand("doctor", "This machine: instruction sets, limits, what is missing");
  sub->footer("Example:\n  bitworth doctor");
  sub->callback([&shared] { shared.chosen = [&shared] { return run(shared); }; });
}

}  // namespace bw::cli
