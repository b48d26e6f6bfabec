// bitworth audit: the log from outside: made, shown, verified, and proofs of it that travel.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "audit/disk.h"
#include "audit/format.h"
#include "audit/log.h"
#include "audit/prove.h"
#include "base/file.h"
#include "cli/audit_serve.h"
#include "cli/cli.h"
#include "cli/usage.h"

namespace bw::cli {
namespace {

using Json = nlohmann::ordered_json;

// What somebody else wrote, for a terminal: everything but ASCII as \u escapes, so that no byte of it acts.
std::string plain(const Json& j, int indent = -1) {
  return j.dump(indent, ' ', true, Json::error_handler_t::replace);
}
void print_json(const Json& j) {
  fmt::print("{}\n", j.dump(2, ' ', false, Json::error_handler_t::replace));
}

// A key as it is, or the file that holds it.
Result<std::string> key_of(const std::string& given) {
  std::error_code ec;
  if (!std::filesystem::is_regular_file(given, ec)) return given;
  BW_TRY(std::string text, read_text(given, 4096));
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.pop_back();
  return text;
}

// Looks that there is a log, so that a mistyped folder makes none.
Result<std::unique_ptr<audit::Log>> reading(const std::string& folder) {
  return audit::Log::open(folder, {.read_only = true});
}

struct Options {
  std::string folder, key, checkpoint, file, origin = "bitworth";
  uint64_t index = 0, last = 20;
  bool index_given = false;
};

int init(const Shared& shared, const Options& o) {
  std::error_code ec;
  if (std::filesystem::exists(o.folder + "/" + audit::kSecretKey, ec))
    return complain(bad_input(o.folder + ": is an audit log already", "bitworth audit show " + o.folder));
  audit::LogOptions options;
  options.origin = o.origin;
  auto log = audit::Log::open(o.folder, options);
  if (!log) return complain(log.error());
  const std::string key = (*log)->public_key();
  if (shared.json)
    print_json({{"folder", o.folder}, {"public_key", key}});
  else
    fmt::print(
        "{}: a new audit log\n  public key   {}\n"
        "  Give that line to whoever is to verify the log; {}/{} signs it: keep that file secret and a copy "
        "of it.\n",
        o.folder, key, o.folder, audit::kSecretKey);
  return 0;
}

int verify(const Shared& shared, const Options& o) {
  auto key = key_of(o.key);
  if (!key) return complain(key.error());
  std::string kept;
  if (!o.checkpoint.empty()) {
    auto text = read_text(o.checkpoint, 64u << 10);
    if (!text) return complain(text.error());
    if (text->empty()) return complain(bad_input(o.checkpoint + ": is empty, expected a checkpoint"));
    kept = std::move(*text);
  }
  auto v = audit::verify(o.folder, *key, kept);
  if (!v) return complain(v.error());
  if (shared.json) {
    print_json({{"verified", true},
                {"entries", v->n_entries},
                {"checkpoints", v->n_checkpoints},
                {"entries_after_checkpoint", v->n_after_checkpoint},
                {"root", v->root},
                {"kept_checkpoint", !kept.empty()},
                {"being_written", v->unfinished}});
    return 0;
  }
  fmt::print("{}: verified\n  entries      {}, every hash fits\n", o.folder, v->n_entries);
  fmt::print("  checkpoints  {}, every signature and root fits; {} entries are not signed yet\n",
             v->n_checkpoints, v->n_after_checkpoint);
  fmt::print("  root         {}\n", v->root);
  if (!v->unfinished.empty()) fmt::print("  being written just now: {}\n", v->unfinished);
  fmt::print("  kept         {}\n",
             kept.empty()
                 ? "no checkpoint was given (--checkpoint FILE): an end cut off and signed again, or a whole "
                   "other history by the key's owner, would not be seen"
                 : "what the kept checkpoint signs is the beginning of this log");
  return 0;
}

int show_entries(const Shared& shared, const Options& o) {
  auto log = reading(o.folder);
  if (!log) return complain(log.error());
  const uint64_t n = (*log)->size();
  uint64_t from = o.last && n > o.last ? n - o.last : 0, to = n;
  if (o.index_given) from = o.index, to = o.index + 1;
  Json all = Json::array();
  for (uint64_t i = from; i < to; ++i) {
    auto text = (*log)->entry(i);
    if (!text) return complain(text.error());
    const Json entry = Json::parse(*text, nullptr, false);
    auto leaf = (*log)->leaf_hash(i);
    if (!leaf) return complain(leaf.error());
    if (shared.json)
      all.push_back({{"index", i}, {"leaf", *leaf}, {"entry", entry}});
    else if (o.index_given)
      fmt::print("entry {} of {}, leaf {}\n{}\n", i, n, *leaf, plain(entry, 2));
    else
      fmt::print("{:>8}  {}\n", i, plain(entry).substr(0, 140));
  }
  if (shared.json)
    print_json(o.index_given ? all[0] : all);
  else if (!o.index_given)
    fmt::print("{} of {} entries; bitworth audit show {} N shows one whole\n", to - from, n,
               shell_word(o.folder));
  return 0;
}

// Signed now, or, where a server writes the log, the newest it has signed.
Result<audit::Checkpoint> newest(const Options& o) {
  BW_TRY(const auto seen, reading(o.folder));
  if (audit::real_disk().locked(o.folder + "/" + audit::kLock)) {
    BW_TRY(auto all, audit::checkpoints(o.folder));
    if (all.empty())
      return failed(o.folder + ": its writer has signed nothing yet", "try again in some seconds");
    return std::move(all.back());
  }
  BW_TRY(const auto log, audit::Log::open(o.folder));
  if (!log->repaired().empty()) fmt::print(stderr, "{}\n", log->repaired());
  return log->checkpoint();
}

int checkpoint(const Shared& shared, const Options& o) {
  auto c = newest(o);
  if (!c) return complain(c.error());
  if (shared.json)
    print_json({{"origin", c->origin}, {"entries", c->size}, {"root", c->root}, {"note", c->note}});
  else
    fmt::print("{}", c->note);
  return 0;
}

int prove(const Options& o) {
  Result<std::string> proof = failed("");
  if (!o.checkpoint.empty()) {
    auto kept = read_text(o.checkpoint, 64u << 10);
    if (!kept) return complain(kept.error());
    proof = audit::prove_growth(o.folder, *kept);
  } else if (o.index_given) {
    proof = audit::prove_entry(o.folder, o.index);
  } else {
    proof = bad_input("audit prove: no entry and no --since was given",
                      "bitworth audit prove " + o.folder + " 0");
  }
  if (!proof) return complain(proof.error());
  fmt::print("{}\n", *proof);
  return 0;
}

int check_proof(const Shared& shared, const Options& o) {
  auto key = key_of(o.key);
  if (!key) return complain(key.error());
  auto text = read_text(o.file, 64u << 20);
  if (!text) return complain(text.error());
  auto p = audit::check_proof(*text, *key);
  if (!p) {
    Error e = p.error();
    e.what = o.file + ": " + e.what;
    return complain(e);
  }
  const Json entry = p->entry ? Json::parse(p->json, nullptr, false) : Json();
  if (shared.json) {
    Json out{{"proved", p->entry ? "inclusion" : "consistency"},
             {"origin", p->checkpoint.origin},
             {"entries", p->checkpoint.size},
             {"root", p->checkpoint.root}};
    if (p->entry)
      out["index"] = p->index, out["entry"] = entry;
    else
      out["kept_entries"] = p->kept.size;
    print_json(out);
  } else if (p->entry) {
    fmt::print("proved: this is entry {} of the {} that {} has signed\n{}\n", p->index, p->checkpoint.size,
               p->checkpoint.origin, plain(entry, 2));
  } else {
    fmt::print("proved: the log of {} with {} entries begins with the {} of the kept checkpoint\n",
               p->checkpoint.origin, p->checkpoint.size, p->kept.size);
  }
  return 0;
}

constexpr const char* kKeyHelp = "The log's public key, NAME+ID+BASE64, or the file that holds it";

}  // namespace

void add_audit(CLI::App& app, Shared& shared) {
  auto* audit =
      app.add_subcommand("audit", "The log of what was judged, answered and decided: verify, show, prove");
  audit->footer("Example:\n  bitworth audit verify log/ --key log.pub --checkpoint kept.txt");
  audit->require_subcommand(1);
  const auto add = [&](const char* name, const char* what, const char* example, auto run) {
    auto* sub = audit->add_subcommand(name, what);
    sub->footer(std::string("Example:\n  bitworth audit ") + example);
    auto o = std::make_shared<Options>();
    sub->callback([&shared, o, run, sub] {
      const CLI::Option* index = sub->get_option_no_throw("N");
      o->index_given = index && index->count() > 0;
      shared.chosen = [&shared, o, run] { return run(shared, *o); };
    });
    return std::pair(sub, o);
  };
  const auto folder = [](CLI::App* sub, Options& o) {
    sub->add_option("FOLDER", o.folder, "The log's folder")->required();
  };
  const auto index = [](CLI::App* sub, Options& o, const char* what) {
    sub->add_option("N", o.index, what)->check(whole(0, any_seed));
  };
  {
    auto [sub, o] = add("init", "A new log and its key pair", "init log/ --origin example.com/laptop", init);
    folder(sub, *o);
    sub->add_option("--origin", o->origin, "Whose log it is: the name in its key and its checkpoints");
  }
  {
    auto [sub, o] = add("verify", "Every hash, signature and root, offline, with the public key alone",
                        "verify log/ --key log.pub --checkpoint kept.txt", verify);
    folder(sub, *o);
    sub->add_option("--key", o->key, kKeyHelp)->required();
    sub->add_option("--checkpoint", o->checkpoint,
                    "A checkpoint kept elsewhere: finds a cut end and a forked history, too");
  }
  {
    auto [sub, o] = add("show", "Entries of a log", "show log/ 12", show_entries);
    folder(sub, *o);
    index(sub, *o, "The one entry to show whole; from 0");
    sub->add_option("--last", o->last, "So many of the newest; 0: all")->check(whole(0, any_seed));
  }
  {
    auto [sub, o] = add("checkpoint", "Sign what the log holds now; keep the output elsewhere",
                        "checkpoint log/ >kept.txt", checkpoint);
    folder(sub, *o);
  }
  {
    auto [sub, o] = add("prove", "A proof, as JSON, that an entry is in the log or that the log only grew",
                        "prove log/ 12 >proof.json",
                        [](const Shared&, const Options& options) { return prove(options); });
    folder(sub, *o);
    index(sub, *o, "The entry; from 0");
    sub->add_option("--since", o->checkpoint, "A kept checkpoint: prove that the log only grew since");
  }
  {
    auto [sub, o] = add("check-proof", "What a proof proves, without the log",
                        "check-proof proof.json --key log.pub", check_proof);
    sub->add_option("FILE", o->file, "What `bitworth audit prove` printed")->required();
    sub->add_option("--key", o->key, kKeyHelp)->required();
  }
  add_audit_replay(*audit, shared);
  add_audit_why(*audit, shared);
}

}  // namespace bw::cli
