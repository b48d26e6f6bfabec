// bitworth contract check FILE.toml: what will happen to a request, in prose, and which rules cannot fire.
// bitworth contract new: the commented example, to begin with.
#include "contract/contract.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "base/data_dir.h"
#include "base/file.h"
#include "base/model_path.h"
#include "cli/cli.h"
#include "sandbox/sandbox.h"

namespace bw::cli {
namespace {

constexpr const char* example = "/contracts/snips.toml";
constexpr const char* example_schema = "snips.schema.json";  // as the example calls it

// What of a contract this machine lacks: files, keys, and commands that cannot be run here (each is tried
// once, on an empty answer).
std::vector<std::string> lacks(const contract::Contract& c) {
  std::vector<std::string> all;
  const std::string folder = std::filesystem::path(c.path).parent_path().string();
  for (const contract::Deployment& d : c.deployments) {
    if (d.own())
      if (const auto path = resolve_model(d.file, folder); !path)
        all.push_back(fmt::format("deployments.{}.file: {}", d.name, path.error().what));
    if (!d.key_env.empty() && !std::getenv(d.key_env.c_str()))
      all.push_back(fmt::format("deployments.{}.key_env: the environment variable {} is not set here", d.name,
                                d.key_env));
  }
  for (const contract::Class& k : c.classes)
    for (const contract::Check& check : k.checks) {
      if (check.kind != contract::Check::Kind::command) continue;
      const auto outcome =
          sandbox::run(check.command, "", {.wall_ms = check.command_ms, .cpu_ms = check.command_ms},
                       contract::files_of(check));
      const std::string key = fmt::format("classes.{}.checks: {}", k.name, check.name);
      if (!outcome)
        all.push_back(fmt::format("{}: {}: until it can be run no answer passes", key, outcome.error().what));
      else if (outcome->timed_out)
        all.push_back(fmt::format("{}: on an empty answer the command did not end within {} ms", key,
                                  check.command_ms));
    }
  return all;
}

int check(const Shared& shared, const std::string& path) {
  const auto c = contract::load(path);
  if (!c) return complain(c.error());
  const std::vector<std::string> rules = contract::warnings(*c), here = lacks(*c);
  if (shared.json) {
    nlohmann::ordered_json j{{"contract", c->path},
                             {"name", c->name},
                             {"owner", c->owner},
                             {"sha256", c->sha256},
                             {"says", contract::describe(*c)}};
    j["warnings"] = rules;
    j["lacks_here"] = here;
    fmt::print("{}\n", j.dump(2));
    return 0;
  }
  fmt::print("{}", contract::describe(*c));
  const auto list = [](const char* title, const std::vector<std::string>& lines) {
    if (lines.empty()) return;
    fmt::print("\n{}\n", title);
    for (const std::string& l : lines) fmt::print("  {}\n", l);
  };
  list("Rules that may not do what they look like", rules);
  list("Missing on this machine", here);
  if (rules.empty()) fmt::print("\nEvery rule can fire.\n");
  return 0;
}

int make_new(const std::string& path) {
  const auto folder = data_dir();
  if (!folder) return complain(folder.error());
  const auto text = read_text(*folder + example);
  const auto schema = read_text(*folder + "/contracts/" + example_schema);
  if (!text) return complain(text.error());
  if (!schema) return complain(schema.error());
  if (path.empty()) {
    fmt::print("{}", *text);
    return 0;
  }
  const std::string beside = (std::filesystem::path(path).parent_path() / example_schema).string();
  for (const std::string& p : {path, beside}) {
    std::error_code none;
    if (std::filesystem::exists(p, none))
      return complain(
          bad_input(fmt::format("contract new: {} is there already", p), "another name, or another folder"));
  }
  if (const Status s = write_text(beside, *schema); !s) return complain(s.error());
  if (const Status s = write_text(path, *text); !s) return complain(s.error());
  fmt::print("{} and its schema {}: a contract to change\n  next: bitworth contract check {}\n", path, beside,
             shell_word(path));
  return 0;
}

}  // namespace

void add_contract(CLI::App& app, Shared& shared) {
  auto* contract =
      app.add_subcommand("contract", "Rules a service answers under: what will happen, and what cannot");
  contract->footer("Example:\n  bitworth contract new mine.toml\n  bitworth contract check mine.toml");
  contract->require_subcommand(1);
  auto path = std::make_shared<std::string>();
  auto* checked =
      contract->add_subcommand("check", "What will happen to a request, in prose; rules that can never fire");
  checked->footer(
      "Exit codes: 0 the contract holds together (warnings change nothing), 2 it does not.\n"
      "Example:\n  bitworth contract check mine.toml");
  checked->add_option("FILE", *path, "The contract (docs/contract.md)")->required();
  checked->callback([&shared, path] { shared.chosen = [&shared, path] { return check(shared, *path); }; });
  auto* made =
      contract->add_subcommand("new", "A whole commented example, on stdout or as a file with its schema");
  made->footer("Example:\n  bitworth contract new mine.toml");
  made->add_option("FILE", *path, "Where to write it; nothing is overwritten");
  made->callback([&shared, path] { shared.chosen = [path] { return make_new(*path); }; });
}

}  // namespace bw::cli
