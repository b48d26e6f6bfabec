// bitworth logits FILE: all logits of a prompt as bytes or as one SHA-256, for proofs and for other tools.
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <bit>
#include <cctype>
#include <charconv>
#include <nlohmann/json.hpp>
#include <optional>

#include "base/hash.h"
#include "cli/cli.h"
#include "cli/log_probs.h"
#include "cli/model_session.h"
#include "cli/usage.h"
#include "engine/sampler.h"
#include "memory/memory.h"

namespace bw::cli {
namespace {

static_assert(std::endian::native == std::endian::little, "logits are written as little-endian f32");

struct Options {
  std::string path, prompt, tokens_path, out;
  engine::KvType kv = engine::KvType::f16;
  int threads = 0;
  uint32_t batch = 256;
  bool sha256 = false, stages = false;
  int log_probs = -1;
};

// Whitespace-separated decimal ids.
Result<std::vector<text::Token>> read_ids(const std::string& path) {
  BW_TRY(const std::string s, read_text(path));
  std::vector<text::Token> ids;
  for (size_t i = 0; i < s.size();) {
    if (std::isspace(static_cast<unsigned char>(s[i])) || s[i] == ',') {
      ++i;
      continue;
    }
    text::Token id = 0;
    const auto [end, ec] = std::from_chars(s.data() + i, s.data() + s.size(), id);
    if (ec != std::errc{})
      return bad_input(fmt::format("{}: byte {}: expected a token id, found '{}'", path, i, s.substr(i, 12)),
                       "write decimal ids separated by spaces");
    ids.push_back(id);
    i = static_cast<size_t>(end - s.data());
  }
  if (ids.empty()) return bad_input(path + ": holds no token ids");
  return ids;
}

int run(const Shared& shared, const Options& o) {
  if (!o.sha256 && o.out.empty() && o.log_probs < 0)
    return complain(bad_input("logits: none of --sha256, --out and --log-probs was given",
                              "add --sha256, or --out logits.bin"));
  if (o.prompt.empty() == o.tokens_path.empty())
    return complain(bad_input("logits: expected one prompt that is not empty, by --prompt or by --tokens"));
  auto file = open_named(o.path);
  if (!file) return complain(file.error());
  std::optional<text::Tokenizer> tokenizer;
  if (o.tokens_path.empty() || o.log_probs >= 0) {
    auto made = tokenizer_of(*file);
    if (!made) return complain(made.error());
    tokenizer = *std::move(made);
  }
  std::vector<text::Token> ids;
  if (!o.tokens_path.empty()) {
    auto read = read_ids(o.tokens_path);
    if (!read) return complain(read.error());
    ids = *read;
  } else {
    warn_of_lost_bytes(*tokenizer, o.prompt);
    ids = tokenizer->encode(o.prompt, text::Tokenizer::Special::parse, text::Tokenizer::Bos::as_declared);
  }
  if (ids.empty())
    return complain(
        bad_input("logits: the prompt has no tokens", "give some text that the vocabulary holds"));
  engine::ContextOptions options;
  options.n_ctx = static_cast<uint32_t>(ids.size());
  options.n_batch = o.batch;
  options.kv_type = o.kv;
  options.n_logits = 64;  // every row wants its logits: larger blocks read the head less often
  if (const Status s = memory::fits(*file, options, o.threads); !s) return complain(s.error());
  engine::LoadOptions load;
  load.n_threads = o.threads;
  auto model = load_with_progress(shared, *file, load);
  if (!model) return complain(model.error());
  auto context = engine::make_context(*model, options);
  if (!context) return complain(context.error());
  auto sequence = (*context)->new_sequence();
  if (!sequence) return complain(sequence.error());

  std::vector<engine::Row> rows;
  for (text::Token id : ids) rows.push_back({*sequence, id, true});
  // One digest a stage; a stage is told batch by batch, in row order.
  std::vector<std::pair<std::string, Sha256>> stages;
  if (o.stages)
    (*context)->on_stage([&stages](std::string_view stage, std::span<const float> x) {
      for (auto& [name, digest] : stages)
        if (name == stage) return digest.add(x.data(), x.size_bytes());
      stages.emplace_back(std::string(stage), Sha256{});
      stages.back().second.add(x.data(), x.size_bytes());
    });
  Sha256 all;
  std::optional<OutFile> out;
  if (!o.out.empty()) {
    auto created = OutFile::create(o.out);
    if (!created) return complain(created.error());
    out.emplace(*std::move(created));
  }
  std::vector<engine::LogProbs> log_probs;  // of every token from the second on
  Progress progress(shared);
  const Status done = (*context)->forward(rows, [&](size_t row, std::span<const float> logits) -> Status {
    all.add(logits.data(), logits.size_bytes());
    if (o.log_probs >= 0 && row + 1 < ids.size())
      log_probs.push_back(engine::log_probs(logits, ids[row + 1], uint32_t(o.log_probs)));
    progress.step("logits", double(row + 1) / double(rows.size()));
    if (out) return out->write(std::as_bytes(logits));
    return {};
  });
  progress.clear();
  if (!done) return complain(done.error());
  if (out)
    if (const Status s = out->commit(); !s) return complain(s.error());
  const std::string digest = all.hex();
  if (shared.json) {
    nlohmann::ordered_json j{{"sha256", digest},
                             {"rows", ids.size()},
                             {"n_vocab", (*model)->spec().n_vocab},
                             {"isa", std::string((*model)->isa())},
                             {"numerics", "BN1"}};
    for (auto& [name, d] : stages) j["stages"][name] = d.hex();
    for (const engine::LogProbs& p : log_probs) j["log_probs"].push_back(log_probs_json(p, *tokenizer));
    fmt::print("{}\n", j.dump(2, ' ', false, nlohmann::json::error_handler_t::replace));
  } else {
    for (auto& [name, d] : stages) fmt::print("{}  {}\n", d.hex(), name);
    if (o.sha256) fmt::print("{}\n", digest);
    for (const engine::LogProbs& p : log_probs) {
      fmt::print("{:>8} {:10.6f}", p.chosen.token, p.chosen.log_probability);
      for (const engine::TokenLogProb& t : p.top) fmt::print("  {}:{:.6f}", t.token, t.log_probability);
      fmt::print("\n");
    }
  }
  return 0;
}

}  // namespace

void add_logits(CLI::App& app, Shared& shared) {
  auto* sub = app.add_subcommand(
      "logits", "All logits [n, n_vocab] of a prompt, or their SHA-256 (f32, little endian)");
  sub->footer(
      "Example:\n  bitworth logits model.gguf --prompt 'Hello' --sha256 --threads 1\n"
      "  bitworth logits model.gguf --prompt 'Paris is in France' --json --log-probs 20");
  auto o = std::make_shared<Options>();
  sub->add_option("FILE", o->path, "GGUF file, or a name from `bitworth models`")->required();
  sub->add_option("--prompt", o->prompt, "Text; control tokens in it are parsed");
  sub->add_option("--tokens", o->tokens_path, "File of token ids, separated by spaces");
  add_kv_option(*sub, o->kv, "Type of the KV cache");
  sub->add_option("--threads", o->threads, "0: every processor this process may use")->check(whole(0, 1024));
  sub->add_option("--batch", o->batch, "Rows a pass; changes no bit")
      ->check(whole(1, 65536))
      ->capture_default_str();
  sub->add_flag("--sha256", o->sha256, "Print the digest of all logits");
  sub->add_flag("--stages", o->stages, "Also print one digest a stage of the graph");
  sub->add_option("--log-probs", o->log_probs,
                  "Print the log-probability of each token of the prompt from the second on, and of the N "
                  "likeliest in its place")
      ->check(whole(0, engine::max_top_log_probs));
  sub->add_option("--out", o->out, "Write the logits to this file");
  sub->callback([&shared, o] { shared.chosen = [&shared, o] { return run(shared, *o); }; });
}

}  // namespace bw::cli
