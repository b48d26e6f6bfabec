#include "serve/replay.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <tuple>

#include "audit/log.h"
#include "base/hash.h"
#include "gguf/file.h"
#include "serve/entries.h"
#include "serve/life.h"

namespace bw::serve {
namespace {
using nlohmann::json;

struct Work {
  uint64_t index;
  size_t attempt;
  json entry;  // of the attempt
};

// One engine for one file and cache type; attempts that share them run one after the other.
struct Group {
  std::string model_sha256, kv;
  bool operator<(const Group& o) const { return std::tie(model_sha256, kv) < std::tie(o.model_sha256, o.kv); }
};

// Where the log says that a model's file was, latest first.
void collect_files(const json& entry, std::multimap<std::string, std::string>& files) {
  const auto add = [&](const json& d) {
    if (d.is_object() && d.contains("file") && d.contains("model_sha256"))
      files.emplace(d["model_sha256"].get<std::string>(), d["file"].get<std::string>());
  };
  const std::string kind = entry.value("kind", "");
  if (kind == "deploy" || kind == "deploy_undo") {
    add(entry.value("from", json()));
    add(entry.value("to", json()));
  }
  if (kind == "serve_start")
    for (const json& d : entry.value("deployments", json::array())) add(d);
}

Result<std::string> find_file(const std::string& sha256, const ReplayOptions& options,
                              const std::multimap<std::string, std::string>& logged) {
  std::vector<std::string> paths = options.files;
  const auto [from, to] = logged.equal_range(sha256);
  for (auto at = from; at != to; ++at)
    if (std::find(paths.begin(), paths.end(), at->second) == paths.end()) paths.push_back(at->second);
  for (const std::string& path : paths) {
    const auto file = gguf::open(path);
    const auto digest = file ? gguf::sha256(*file) : Result<std::string>(file.error());
    if (digest && *digest == sha256) return path;
  }
  return failed(fmt::format("no file with digest {} was found ({} looked at)", sha256, paths.size()),
                "name it with --file");
}

Replayed result_of(const Work& w, Replayed::What what, std::string why) {
  return {w.index, w.attempt, w.entry.value("deployment", ""), what, std::move(why)};
}

Replayed again(const Work& w, backend::Backend& backend, const audit::Texts& texts) {
  using What = Replayed::What;
  auto text = texts.get(w.entry.value("ask_sha256", ""));
  if (!text) return result_of(w, What::not_possible, "its request: " + text.error().what);
  auto ask = ask_of_json(*text);
  if (!ask) return result_of(w, What::not_possible, ask.error().what);
  backend::Ended ended = backend::ask_and_wait(backend, std::move(*ask));
  if (const auto* failure = std::get_if<backend::Failure>(&ended))
    return result_of(w, What::not_possible, failure->error.what);
  const std::string digest = sha256_hex(std::get<backend::Reply>(ended).text),
                    was = w.entry.value("output_sha256", "");
  if (digest == was) return result_of(w, What::same, "");
  return result_of(w, What::differs, fmt::format("recorded {}, now {}", was, digest));
}

// The longest context its requests need.
uint32_t context_of(const std::vector<Work>& works) {
  uint32_t n = 256;
  for (const Work& w : works)
    n = std::max(n, w.entry.value("n_prompt", 0u) + w.entry.value("max_tokens", 0u));
  return n;
}

}  // namespace

const char* name(Replayed::What what) {
  switch (what) {
    case Replayed::What::same:
      return "same";
    case Replayed::What::differs:
      return "differs";
    case Replayed::What::not_possible:
      return "not possible";
  }
  return "";
}

Result<ReplayReport> replay(const ReplayOptions& options) {
  BW_TRY(const auto log, audit::Log::open(options.folder, {.read_only = true}));
  BW_TRY(const auto texts, audit::Texts::open(options.folder + "/texts.db"));
  std::multimap<std::string, std::string> files;
  std::map<Group, std::vector<Work>> groups;
  ReplayReport report;
  const auto wanted = [&](uint64_t i) {
    return options.indices.empty() ||
           std::find(options.indices.begin(), options.indices.end(), i) != options.indices.end();
  };
  for (const uint64_t i : options.indices)
    if (i >= log->size())
      return bad_input(fmt::format("{}: entry {}: the log has {}", options.folder, i, log->size()),
                       "bitworth audit show " + options.folder);
  BW_CHECK(each_entry(*log, [&](uint64_t i, const json& entry) -> Status {
    collect_files(entry, files);
    if (!wanted(i)) return {};
    if (entry.value("kind", "") != "answer") {
      if (options.indices.empty()) return {};
      return bad_input(fmt::format("{}: entry {}: expected kind answer, found {}", options.folder, i,
                                   entry.value("kind", "none")),
                       "bitworth audit show " + options.folder + " lists them");
    }
    const json attempts = entry.value("attempts", json::array());
    for (size_t a = 0; a < attempts.size(); ++a) {
      const Work w{i, a, attempts[a]};
      if (!w.entry.contains("output_sha256") || w.entry.value("kv", "").empty())
        report.attempts.push_back(
            result_of(w, Replayed::What::not_possible, "not an answer of an own deployment"));
      else if (!w.entry.value("text_kept", false))
        report.attempts.push_back(result_of(w, Replayed::What::not_possible,
                                            "its request was not kept (keep_text of the contract)"));
      else
        groups[{w.entry.value("model_sha256", ""), w.entry.value("kv", "")}].push_back(w);
    }
    return {};
  }));
  uint64_t total = 0, done = 0;
  for (const auto& [_, works] : groups) total += works.size();
  for (const auto& [group, works] : groups) {
    auto file = find_file(group.model_sha256, options, files);
    Result<std::shared_ptr<backend::Backend>> backend = failed("");
    if (file) {
      backend::OwnOptions own;
      own.name = "replay";
      own.file = *file;
      own.kv = group.kv == "q8" ? engine::KvType::q8 : engine::KvType::f16;
      own.context = context_of(works);
      own.slots = 1;
      own.threads = options.threads;
      backend = backend::open_own(own);
    }
    if (backend) report.isa = (*backend)->info().description;
    for (const Work& w : works) {
      if (backend)
        report.attempts.push_back(again(w, **backend, *texts));
      else
        report.attempts.push_back(
            result_of(w, Replayed::What::not_possible, file ? backend.error().what : file.error().what));
      if (options.progress) options.progress(++done, total);
    }
  }
  std::sort(report.attempts.begin(), report.attempts.end(), [](const Replayed& a, const Replayed& b) {
    return std::pair(a.index, a.attempt) < std::pair(b.index, b.attempt);
  });
  for (const Replayed& r : report.attempts)
    ++(r.what == Replayed::What::same      ? report.n_same
       : r.what == Replayed::What::differs ? report.n_differ
                                           : report.n_not_possible);
  return report;
}

}  // namespace bw::serve
