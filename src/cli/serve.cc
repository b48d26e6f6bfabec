// bitworth serve CONTRACT.toml | FILE: an OpenAI-compatible server until it is told to stop.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdlib>
#include <thread>

#include "base/hash.h"
#include "cli/cli.h"
#include "cli/model_session.h"
#include "cli/usage.h"
#include "serve/app.h"

namespace bw::cli {
namespace {

struct Options {
  std::string what, log_dir, address = "127.0.0.1", key_env;
  uint32_t port = 8080, n_ctx = 4096, slots = 8, connections = 512, drain_s = 30;
  int threads = 0;
  engine::KvType kv = engine::KvType::f16;
  bool open_to_all = false;
};

// ${XDG_STATE_HOME:-~/.local/state}/bitworth/NAME
std::string default_folder(const std::string& name) {
  const char* state = std::getenv("XDG_STATE_HOME");
  if (state && *state) return std::string(state) + "/bitworth/" + name;
  const char* home = std::getenv("HOME");
  return std::string(home ? home : ".") + "/.local/state/bitworth/" + name;
}

bool is_contract(const std::string& path) {
  return path.size() > 5 && path.substr(path.size() - 5) == ".toml";
}

Result<contract::Contract> contract_of(const Options& o) {
  contract::Contract c;
  if (is_contract(o.what)) {
    BW_TRY(c, contract::load(o.what));
  } else {
    BW_TRY(const std::string path, resolve_model(o.what));
    c = contract::of_file(path, o.kv, o.n_ctx, o.slots, o.threads);
  }
  if (o.key_env.empty()) return c;
  const char* key = std::getenv(o.key_env.c_str());
  if (!key || !*key)
    return bad_input("serve: --api-key-env " + o.key_env + ": no such environment variable, or empty",
                     "export it before starting the server");
  c.key_sha256.push_back("sha256:" + sha256_hex(key));
  return c;
}

bool is_loopback(const std::string& address) {
  return address == "localhost" || address == "::1" || address.rfind("127.", 0) == 0;
}

int run(const Shared& shared, const Options& o) {
  auto contract = contract_of(o);
  if (!contract) return complain(contract.error());
  if (!is_loopback(o.address) && contract->key_sha256.empty() && !o.open_to_all)
    return complain(bad_input(
        fmt::format("serve: --address {}: others could use this server, and it asks nobody for a key",
                    o.address),
        "add keys to the contract or --api-key-env NAME; or say --open-to-all"));
  const bool declared = is_contract(o.what);
  for (const std::string& w : declared ? contract::warnings(*contract) : std::vector<std::string>())
    fmt::print(stderr, "bitworth: warning: {}\n", w);
  serve::AppOptions options;
  options.folder = o.log_dir.empty() ? default_folder(contract->name) : o.log_dir;
  options.address = o.address;
  options.port = uint16_t(o.port);
  options.max_connections = o.connections;
  Progress progress(shared);
  options.progress = [&progress](const std::string& file, uint64_t done, uint64_t total) {
    progress.step("loading " + file.substr(file.find_last_of('/') + 1),
                  total ? double(done) / double(total) : -1);
  };
  options.say = [&progress](const std::string& line) {
    progress.clear();
    fmt::print(stderr, "bitworth: {}\n", line);
  };
  const std::string name = contract->name;
  catch_interrupts();
  auto app = serve::App::open(*std::move(contract), options);
  if (!app) return complain(app.error());
  progress.clear();
  const std::string url =
      fmt::format("http://{}:{}", o.address == "::1" ? "[::1]" : o.address, (*app)->port());
  fmt::print("serving {} on {}/v1\nlog {} (key {})\n", name, url, options.folder, (*app)->public_key());
  std::fflush(stdout);
  while (!interrupted()) std::this_thread::sleep_for(std::chrono::milliseconds(100));
  fmt::print(stderr, "bitworth: stopping: answers under way have {} s\n", o.drain_s);
  const bool ended = (*app)->drain(uint64_t(o.drain_s) * 1000);
  if (!ended) fmt::print(stderr, "bitworth: some answers did not end in time and were cut off\n");
  return 0;
}

}  // namespace

void add_serve(CLI::App& app, Shared& shared) {
  auto* sub = app.add_subcommand("serve", "An OpenAI-compatible server, under a contract");
  sub->footer(
      "Example:\n  bitworth serve qwen2.5-coder-0.5b --port 8080\n"
      "  bitworth serve contract.toml --log-dir ./served\n"
      "  curl -s http://127.0.0.1:8080/v1/chat/completions -H 'Content-Type: application/json' \\\n"
      "      -d '{\"model\": \"qwen2.5-coder-0.5b\", \"messages\": [{\"role\": \"user\", \"content\": "
      "\"Hello\"}]}'\n"
      "SIGTERM or Ctrl-C: no new requests, those under way end first; a second one ends at once.");
  auto o = std::make_shared<Options>();
  sub->add_option("WHAT", o->what, "Contract (.toml; docs/contract.md), or a GGUF file or name")->required();
  sub->add_option("--port", o->port, "0: any free one")->check(whole(0, 65535))->capture_default_str();
  sub->add_option("--address", o->address, "Where it listens")->capture_default_str();
  sub->add_option("--log-dir", o->log_dir,
                  "Audit log, keys, reviews; default ${XDG_STATE_HOME:-~/.local/state}/bitworth/NAME");
  sub->add_option("--api-key-env", o->key_env, "Environment variable with a key that callers must send");
  sub->add_flag("--open-to-all", o->open_to_all, "Allow an --address that others reach without any key");
  sub->add_option("--connections", o->connections, "Most at once")
      ->check(whole(1, 65536))
      ->capture_default_str();
  sub->add_option("--drain", o->drain_s, "Seconds that answers under way have at the end")
      ->check(whole(0, 86400))
      ->capture_default_str();
  sub->add_option("--ctx", o->n_ctx, "Positions of a slot; of a FILE only, a contract says its own")
      ->check(whole(16, 1 << 20))
      ->capture_default_str();
  sub->add_option("--slots", o->slots, "Answers at once; of a FILE only")
      ->check(whole(1, 256))
      ->capture_default_str();
  add_kv_option(*sub, o->kv, "Type of the KV cache; of a FILE only");
  sub->add_option("--threads", o->threads, "0: every processor; of a FILE only")->check(whole(0, 1024));
  sub->callback([&shared, o] { shared.chosen = [&shared, o] { return run(shared, *o); }; });
}

}  // namespace bw::cli
