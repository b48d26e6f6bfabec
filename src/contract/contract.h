// A contract says for which requests a deployment answers, what an answer must pass, what happens when it
// does not, and when the service stops. In: TOML (docs/contract.md). Out: a Contract; each wrong thing an
// Error with file, line, field, what was expected.
#pragma once
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "engine/engine.h"

namespace bw::contract {

struct Deployment {
  std::string name;
  // One of them: a GGUF file (path or name in the own cache), or an OpenAI-compatible endpoint.
  std::string file, endpoint;
  // of a file
  engine::KvType kv = engine::KvType::f16;
  uint32_t context = 4096, slots = 8;
  int threads = 0;
  // of an endpoint
  std::string model;    // as it calls it
  std::string key_env;  // environment variable that holds its key; empty: none
  uint64_t timeout_ms = 60'000;
  bool own() const { return endpoint.empty(); }
};

struct Check {
  enum class Kind { schema, regex, mean_log_prob, command } kind = Kind::schema;
  std::string name;    // unique in its class, in receipts and metrics: "schema", "regex-2", or as declared
  std::string schema;  // JSON text, read from its file at load
  std::string schema_path;
  bool constrain = true;             // schema: own deployments decode under it (else it is only checked)
  std::string pattern;               // PCRE2, must match somewhere
  double at_least = 0;               // mean_log_prob, nats a token
  std::vector<std::string> command;  // the answer on standard input; exit 0 accepts; stdout is the reason
  std::vector<std::string> reads;    // command: further files and folders that it may read, absolute
  uint64_t command_ms = 5'000;
};

// What of a command's own words lies on this machine, and is therefore shown to it in its sandbox: absolute
// paths that exist. (load() has made "./..." and "../..." absolute.)
std::vector<std::string> files_of(const Check& check);

// What counts as the model saying that it does not know, and what the caller then gets.
struct Unknown {
  std::vector<std::string> patterns;  // PCRE2; one matching makes the answer an abstention
  std::string answer;                 // returned in the place of content where every link abstained or failed
};

struct Class {
  std::string name;
  uint32_t max_prompt_tokens = 0, max_output_tokens = 0;  // over: 413 / clipped never: refused with 400
  std::vector<std::string> chain;                         // deployments in order; "person" may be the last
  uint32_t attempts = 2;                                  // on each deployment, each with another seed
  double retry_temperature = 0.7;  // of the second attempt on; the first is as the request asks
  uint64_t deadline_ms = 60'000;   // for the whole life of the answer
  std::vector<Check> checks;
  Unknown unknown;
};

// What ends the service of a class, by itself: over the last `over` answers, `share` above `above`.
struct StopTrigger {
  std::string class_name;  // empty: all
  enum class Figure { abstained, escalated, failed_checks, errors } figure = Figure::abstained;
  double above = 1;
  uint32_t over = 100;
  enum class Action {
    refuse,
    fallback
  } action = Action::refuse;  // fallback: skip the first link of the chain
};

struct Budget {                                              // 0: none
  uint64_t requests_per_day = 0, output_tokens_per_day = 0;  // from midnight, UTC
  double person_minutes_per_day = 0;
};

struct Prices {
  std::string currency;
  double machine_per_hour = 0, person_per_hour = 0;
};

struct Contract {
  std::string path, name, owner;
  std::string sha256;  // of its bytes
  std::vector<Deployment> deployments;
  std::vector<Class> classes;
  std::string class_header = "X-Bitworth-Class";
  std::string default_class;  // of a request without the header; empty: refused
  Budget budget;
  std::vector<StopTrigger> stops;
  std::optional<Prices> prices;      // none: no cost is worked out
  std::optional<double> wall_watts;  // under load, as a person read it from a meter
  bool keep_text = false;    // texts of prompts and answers beside the log (needed for replay and review)
  uint32_t max_queued = 64;  // requests that wait for a slot
  std::vector<std::string> key_sha256;  // of API keys: "sha256:HEX"; empty: no key asked for
  const Class* find_class(std::string_view name) const;
  const Deployment* find_deployment(std::string_view name) const;
};

Result<Contract> load(const std::string& path);
// Of one file, for `serve FILE`: one class without checks, one deployment.
Contract of_file(const std::string& file, engine::KvType kv, uint32_t context, uint32_t slots, int threads);

// In prose, what will happen to a request of each class.
std::string describe(const Contract& contract);
// Rules that can never fire, or always do, or not as their owner may think.
std::vector<std::string> warnings(const Contract& contract);

// ---- judging one answer -----------------------------------------------------------------------------------
struct Answer {
  std::string text;
  std::optional<double> mean_log_prob;  // nats a token; unknown for endpoints that give none
  bool cut = false;                     // ended by length: an answer that is cut never passes
};
struct CheckResult {
  std::string name;
  bool passed = false;
  std::string reason;  // why not
};
// Compiled checks of one class. Any thread; commands run in the sandbox and block.
class Checks {
 public:
  static Result<std::unique_ptr<Checks>> make(const Class& of);
  ~Checks();
  // Cheapest first; a command is run only where everything before it passed, and is not among the results
  // otherwise. A check that cannot be carried out (no log-probability, no sandbox, too much work for a
  // pattern) has not passed, with the reason. An answer that was cut: "complete" has not passed.
  std::vector<CheckResult> run(const Answer& answer) const;
  // Also where it could not be told within the steps a pattern is given.
  bool says_unknown(std::string_view text) const;

 private:
  struct State;
  explicit Checks(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace bw::contract
