#include "serve/deployments.h"

#include <fmt/format.h>

#include <atomic>
#include <condition_variable>
#include <nlohmann/json.hpp>
#include <thread>

#include "base/clock.h"
#include "base/file.h"
#include "serve/answers.h"
#include "serve/entries.h"

namespace bw::serve {
namespace {
using nlohmann::json;

constexpr size_t kMaxHistory = 16;  // switches that undo can walk back

json to_json(const contract::Deployment& d) {
  if (!d.own())
    return {
        {"endpoint", d.endpoint}, {"model", d.model}, {"key_env", d.key_env}, {"timeout_ms", d.timeout_ms}};
  return {{"file", d.file},
          {"kv", name(d.kv)},
          {"context", d.context},
          {"slots", d.slots},
          {"threads", d.threads}};
}

// Only what to_json() wrote: the file is ours, and a damaged one is an Error of `open`.
contract::Deployment from_json(const std::string& name, const json& j) {
  contract::Deployment d;
  d.name = name;
  if (j.contains("endpoint")) {
    d.endpoint = j.at("endpoint").get<std::string>();
    d.model = j.at("model").get<std::string>();
    d.key_env = j.at("key_env").get<std::string>();
    d.timeout_ms = j.at("timeout_ms").get<uint64_t>();
    return d;
  }
  d.file = j.at("file").get<std::string>();
  d.kv = j.at("kv") == "q8" ? engine::KvType::q8 : engine::KvType::f16;
  d.context = j.at("context").get<uint32_t>();
  d.slots = j.at("slots").get<uint32_t>();
  d.threads = j.at("threads").get<int>();
  return d;
}

std::string what_of(const contract::Deployment& d) {
  return d.own() ? d.file : d.endpoint;
}

}  // namespace

struct Deployments::State {
  struct Named {
    contract::Deployment declared;              // by the contract
    std::vector<contract::Deployment> history;  // before the live one, latest last
    std::shared_ptr<const Live> live;
  };
  std::string state_path;
  Opener opener;
  audit::Log* log = nullptr;

  mutable std::mutex mutex;
  std::map<std::string, Named> named;
  std::vector<std::shared_ptr<const Live>> retired;

  std::mutex switching;  // one switch at a time
  std::condition_variable wake;
  bool stop = false;
  std::thread reaper;

  // Ends replaced backends here, in a thread that belongs to none of them, once nobody else holds them.
  void reap() {
    std::unique_lock lock(mutex);
    for (;;) {
      if (stop) return;
      if (retired.empty())
        wake.wait(lock, [&] { return stop || !retired.empty(); });
      else
        wake.wait_for(lock, std::chrono::milliseconds(50), [&] { return stop; });
      std::vector<std::shared_ptr<const Live>> done;
      std::erase_if(retired, [&](std::shared_ptr<const Live>& live) {
        if (live.use_count() > 1) return false;
        done.push_back(std::move(live));
        return true;
      });
      lock.unlock();
      done.clear();
      lock.lock();
    }
  }

  // Under `mutex`.
  Status save() const {
    json j = json::object();
    for (const auto& [name, n] : named) {
      json history = json::array();
      for (const contract::Deployment& d : n.history) history.push_back(to_json(d));
      j[name] = {{"declared", to_json(n.declared)}, {"history", history}, {"live", to_json(n.live->spec)}};
    }
    return write_text(state_path, j.dump(1, ' ', false, json::error_handler_t::replace) + "\n");
  }

  Result<std::shared_ptr<const Live>> make(const contract::Deployment& spec) {
    BW_TRY(auto backend, opener(spec));
    auto live = std::make_shared<Live>();
    live->spec = spec;
    live->backend = std::move(backend);
    live->since_ms = ms_since_1970();
    return std::shared_ptr<const Live>(std::move(live));
  }

  // One token of a short prompt: pages are touched, tables filled, before the first caller waits for it.
  static Status warm(const Live& live) {
    if (!live.spec.own()) return {};
    backend::Ask ask;
    ask.prompt = "1, 2, 3,";
    ask.max_tokens = 1;
    const backend::Ended ended = backend::ask_and_wait(*live.backend, std::move(ask));
    if (const auto* failure = std::get_if<backend::Failure>(&ended)) return failure->error;
    return {};
  }

  // From the opened new one to the switch. `history`: what undo will find afterwards.
  Result<Switched> put(const std::string& name, const contract::Deployment& spec,
                       std::vector<contract::Deployment> history, std::string_view kind,
                       const std::string& who, const std::string& why) {
    const uint64_t from_ns = monotonic_ns();
    BW_TRY(const std::shared_ptr<const Live> fresh, make(spec));
    BW_CHECK(warm(*fresh));
    std::shared_ptr<const Live> old = live_of(name);
    Switched out{name, what_of(old->spec), what_of(spec), -1, double(monotonic_ns() - from_ns) / 1e9};
    json entry = entry_of(kind);
    entry["deployment"] = name;
    entry["from"] = to_json(old->spec);
    entry["from"]["model_sha256"] = old->backend->info().model_sha256;
    entry["to"] = to_json(spec);
    entry["to"]["model_sha256"] = fresh->backend->info().model_sha256;
    entry["who"] = who;
    entry["why"] = why;
    BW_TRY(const uint64_t index, log->append(line_of(entry)));
    out.log_index = int64_t(index);
    const std::lock_guard lock(mutex);
    Named& n = named.at(name);
    n.history = std::move(history);
    n.live = fresh;
    retired.push_back(std::move(old));
    wake.notify_one();
    BW_CHECK(save());
    return out;
  }

  std::shared_ptr<const Live> live_of(const std::string& name) const {
    const std::lock_guard lock(mutex);
    const auto at = named.find(name);
    return at == named.end() ? nullptr : at->second.live;
  }

  Status known(const std::string& name, const std::string& who, const std::string& why) const {
    if (!live_of(name)) {
      std::string names;
      for (const auto& [n, _] : named) names += (names.empty() ? "" : ", ") + n;
      return bad_input("deployment '" + name + "' is not in the contract", "one of: " + names);
    }
    if (who.empty()) return bad_input("a switch needs who decides it", "say it with --who");
    if (why.empty()) return bad_input("a switch needs its reason", "say it with --why");
    return {};
  }
};

Deployments::Deployments(std::unique_ptr<State> state) : state_(std::move(state)) {}

Deployments::~Deployments() {
  {
    const std::lock_guard lock(state_->mutex);
    state_->stop = true;
  }
  state_->wake.notify_all();
  if (state_->reaper.joinable()) state_->reaper.join();
}

Result<std::unique_ptr<Deployments>> Deployments::open(const contract::Contract& contract,
                                                       const std::string& state_path, Opener opener,
                                                       audit::Log& log) {
  auto state = std::make_unique<State>();
  State& s = *state;
  s.state_path = state_path;
  s.opener = std::move(opener);
  s.log = &log;
  json saved = json::object();
  if (auto text = read_text(state_path)) {
    saved = json::parse(*text, nullptr, false);
    if (saved.is_discarded())
      return failed(state_path + ": not the JSON that a switch wrote",
                    "move it away: the contract's files serve then");
  }
  for (const contract::Deployment& declared : contract.deployments) {
    State::Named n;
    n.declared = declared;
    contract::Deployment spec = declared;
    try {
      const json& was = saved.value(declared.name, json::object());
      if (!was.empty() && was.at("declared") == to_json(declared)) {
        spec = from_json(declared.name, was.at("live"));
        for (const json& d : was.at("history")) n.history.push_back(from_json(declared.name, d));
      }
    } catch (const json::exception& e) {
      return failed(fmt::format("{}: {}: {}", state_path, declared.name, e.what()),
                    "move it away: the contract's files serve then");
    }
    BW_TRY(n.live, s.make(spec));
    s.named.emplace(declared.name, std::move(n));
  }
  BW_CHECK(s.save());
  s.reaper = std::thread([&s] { s.reap(); });
  return std::unique_ptr<Deployments>(new Deployments(std::move(state)));
}

std::shared_ptr<const Live> Deployments::get(const std::string& name) const {
  return state_->live_of(name);
}

std::vector<std::shared_ptr<const Live>> Deployments::all() const {
  const std::lock_guard lock(state_->mutex);
  std::vector<std::shared_ptr<const Live>> out;
  for (const auto& [_, n] : state_->named) out.push_back(n.live);
  return out;
}

Result<Switched> Deployments::change(const std::string& name, const Change& change, const std::string& who,
                                     const std::string& why) {
  State& s = *state_;
  BW_CHECK(s.known(name, who, why));
  const std::lock_guard switching(s.switching);
  std::vector<contract::Deployment> history;
  contract::Deployment spec;
  {
    const std::lock_guard lock(s.mutex);
    const State::Named& n = s.named.at(name);
    history = n.history;
    spec = n.live->spec;
  }
  if (!spec.own())
    return bad_input(
        "deployment '" + name + "' is an endpoint: it is switched where it runs, or in the contract",
        "deploy another one of: files");
  history.push_back(spec);
  if (history.size() > kMaxHistory) history.erase(history.begin());
  if (!change.file.empty()) spec.file = change.file;
  if (change.kv) spec.kv = *change.kv;
  if (change.context) spec.context = change.context;
  if (change.slots) spec.slots = change.slots;
  return s.put(name, spec, std::move(history), "deploy", who, why);
}

Result<Switched> Deployments::undo(const std::string& name, const std::string& who, const std::string& why) {
  State& s = *state_;
  BW_CHECK(s.known(name, who, why));
  const std::lock_guard switching(s.switching);
  std::vector<contract::Deployment> history;
  {
    const std::lock_guard lock(s.mutex);
    history = s.named.at(name).history;
  }
  if (history.empty())
    return bad_input(
        "deployment '" + name + "': nothing to undo: no switch was made since its contract was changed",
        "bitworth deploy " + name + " --file FILE --why ...");
  const contract::Deployment spec = history.back();
  history.pop_back();
  return s.put(name, spec, std::move(history), "deploy_undo", who, why);
}

size_t Deployments::n_draining() const {
  const std::lock_guard lock(state_->mutex);
  return state_->retired.size();
}

}  // namespace bw::serve
