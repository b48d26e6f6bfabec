// bitworth deploy: switches a deployment of a running server, takes it back, lets a stopped class go on.
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "cli/cli.h"
#include "cli/usage.h"
#include "serve/control.h"

namespace bw::cli {
namespace {
using nlohmann::json;

struct Options {
  std::string log_dir, name, file, kv, who, why;
  uint32_t context = 0, slots = 0;
};

int show(const Shared& shared, const Result<json>& answer, const std::function<void(const json&)>& print) {
  if (!answer) return complain(answer.error());
  if (shared.json)
    fmt::print("{}\n", answer->dump(2));
  else
    print(*answer);
  return 0;
}

void print_switched(const json& j) {
  fmt::print("{}: {} -> {}\n", j.value("deployment", ""), j.value("from", ""), j.value("to", ""));
  fmt::print("  opened and warmed in {:.1f} s; entry {} of the log; back: bitworth deploy undo {}\n",
             j.value("seconds", 0.0), j.value("log_index", -1), j.value("deployment", ""));
}

void print_state(const json& j) {
  fmt::print("{} ({}){}: {} under way, {} log entries\n", j.value("name", ""), j.value("contract", ""),
             j.value("draining", false) ? ", being stopped" : "", j.value("under_way", 0),
             j.value("log_entries", 0));
  for (const json& d : j.value("deployments", json::array()))
    fmt::print("  {:<16} {}\n    {}, since {}, {} running, {} queued\n", d.value("name", ""),
               d.value("what", ""), d.value("description", ""), d.value("since", ""), d.value("running", 0),
               d.value("queued", 0));
  for (const json& c : j.value("classes", json::array()))
    if (c.contains("stopped") && c["stopped"].is_string())
      fmt::print("  class {} is stopped: {}\n", c.value("name", ""), c["stopped"].get<std::string>());
}

// The folder as the server knows it: relative paths of files are the caller's.
std::string absolute(const std::string& path) {
  if (path.empty() || path[0] == '/' || ::access(path.c_str(), F_OK) != 0) return path;
  char* full = ::realpath(path.c_str(), nullptr);
  std::string out = full ? full : path;
  std::free(full);
  return out;
}

}  // namespace

void add_deploy(CLI::App& app, Shared& shared) {
  auto* sub = app.add_subcommand("deploy", "Switch what a running server answers with, and take it back");
  sub->footer(
      "Example:\n  bitworth deploy state --log-dir ./served\n"
      "  bitworth deploy set small --log-dir ./served --file new-q4.gguf --who ann --why 'judged worth it on "
      "Monday'\n"
      "  bitworth deploy undo small --log-dir ./served --who ann --why 'field F1 fell in production'\n"
      "The new one is opened and warmed beside the old; no request fails. Each switch is an entry of the "
      "audit log.");
  sub->require_subcommand(1);
  auto o = std::make_shared<Options>();
  const auto common = [o](CLI::App* s) {
    s->add_option("--log-dir", o->log_dir, "The server's folder")->required();
    return s;
  };
  const auto reasoned = [o](CLI::App* s) {
    s->add_option("--who", o->who, "Who decides it")->required();
    s->add_option("--why", o->why, "The reason; it is logged")->required();
  };
  auto* state = common(sub->add_subcommand("state", "What answers now"));
  state->callback([&shared, o] {
    shared.chosen = [&shared, o] {
      return show(shared, serve::control(o->log_dir, "GET", "/control/state"), print_state);
    };
  });
  auto* set = common(sub->add_subcommand("set", "Switch a deployment to another file or setting"));
  set->add_option("DEPLOYMENT", o->name, "Its name in the contract")->required();
  set->add_option("--file", o->file, "GGUF file, or a name from `bitworth models`");
  set->add_option("--kv", o->kv, "Type of the KV cache")->check(CLI::IsMember({"f16", "q8"}));
  set->add_option("--ctx", o->context, "Positions of a slot")->check(whole(16, 1 << 20));
  set->add_option("--slots", o->slots, "Answers at once")->check(whole(1, 256));
  reasoned(set);
  set->callback([&shared, o] {
    shared.chosen = [&shared, o] {
      const json body = {{"deployment", o->name}, {"file", absolute(o->file)}, {"kv", o->kv},
                         {"context", o->context}, {"slots", o->slots},         {"who", o->who},
                         {"why", o->why}};
      return show(shared, serve::control(o->log_dir, "POST", "/control/deploy", body), print_switched);
    };
  });
  auto* undo = common(sub->add_subcommand("undo", "Back to what a deployment was before its last switch"));
  undo->add_option("DEPLOYMENT", o->name, "Its name in the contract")->required();
  reasoned(undo);
  undo->callback([&shared, o] {
    shared.chosen = [&shared, o] {
      const json body = {{"deployment", o->name}, {"who", o->who}, {"why", o->why}};
      return show(shared, serve::control(o->log_dir, "POST", "/control/undo", body), print_switched);
    };
  });
  auto* refuse = common(sub->add_subcommand("refuse", "Let a class take no more requests"));
  refuse->add_option("CLASS", o->name, "Its name in the contract")->required();
  reasoned(refuse);
  refuse->callback([&shared, o] {
    shared.chosen = [&shared, o] {
      const json body = {{"classes", {o->name}}, {"who", o->who}, {"why", o->why}};
      return show(shared, serve::control(o->log_dir, "POST", "/control/refuse", body), [o](const json& j) {
        fmt::print("class {} takes no more requests; entry {} of the log; on: bitworth deploy resume {}\n",
                   o->name, j.value("log_index", 0), o->name);
      });
    };
  });
  auto* resume = common(sub->add_subcommand("resume", "Let a class go on that a trigger stopped"));
  resume->add_option("CLASS", o->name, "Its name in the contract")->required();
  reasoned(resume);
  resume->callback([&shared, o] {
    shared.chosen = [&shared, o] {
      const json body = {{"class", o->name}, {"who", o->who}, {"why", o->why}};
      return show(shared, serve::control(o->log_dir, "POST", "/control/resume", body), [](const json& j) {
        fmt::print("class {} goes on; entry {} of the log\n", j.value("class", ""), j.value("log_index", 0));
      });
    };
  });
}

}  // namespace bw::cli
