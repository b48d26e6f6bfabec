// bitworth compare R CANDIDATE...: divergence from the reference on wikitext-2, in lock step, no logits file.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "base/data_dir.h"
#include "base/figure_json.h"
#include "base/host.h"
#include "cli/cli.h"
#include "cli/model_session.h"
#include "cli/usage.h"
#include "memory/memory.h"
#include "quality/divergence.h"
#include "tasks/suite.h"

namespace bw::cli {
namespace {

struct Options {
  std::string reference, text_path;
  std::vector<std::string> candidates;
  uint32_t n_chunks = 8, chunk = 512;
  int threads = 0;
  engine::KvType kv = engine::KvType::f16;
};

struct Loaded {
  std::string path;
  text::Tokenizer tokenizer;
  std::shared_ptr<engine::Model> model;
  std::unique_ptr<engine::Context> context;
};

Result<Loaded> load(const Shared& shared, const std::string& name, engine::KvType kv, const Options& o) {
  BW_TRY(auto opened, open_readable(name));
  auto& [file, tokenizer] = opened;
  engine::ContextOptions context_options;
  context_options.n_ctx = o.chunk;
  context_options.kv_type = kv;
  context_options.n_logits = quality::DivergenceOptions{}.n_rows;
  BW_CHECK(memory::fits(file, context_options, o.threads));
  engine::LoadOptions options;
  options.n_threads = o.threads;
  BW_TRY(std::shared_ptr<engine::Model> model, load_with_progress(shared, file, options));
  BW_TRY(std::unique_ptr<engine::Context> context, engine::make_context(model, context_options));
  return Loaded{file.path, std::move(tokenizer), std::move(model), std::move(context)};
}

nlohmann::ordered_json to_json(const std::string& path, const quality::Divergence& d) {
  const auto plain = [](const Figure& f) {
    return f.known() ? nlohmann::ordered_json(f.value) : nlohmann::ordered_json(nullptr);
  };
  return {{"path", path},
          {"kld_mean", plain(d.kld_mean)},
          {"same_top", plain(d.same_top)},
          {"reference_ppl", plain(d.reference_ppl)},
          {"candidate_ppl", plain(d.candidate_ppl)},
          {"n_positions", d.n_positions},
          {"figures",
           {{"kld_mean", json_of(d.kld_mean)},
            {"kld_median", json_of(d.kld_median)},
            {"kld_p99", json_of(d.kld_p99)},
            {"kld_max", json_of(d.kld_max)},
            {"same_top", json_of(d.same_top)},
            {"reference_ppl", json_of(d.reference_ppl)},
            {"candidate_ppl", json_of(d.candidate_ppl)}}}};
}

Result<std::string> text_of(const Options& o) {
  if (!o.text_path.empty()) return read_text(o.text_path);
  BW_TRY(const std::string data, data_dir());
  BW_TRY(const std::string path, tasks::wikitext_path(data));
  return read_text(path);
}

int run(const Shared& shared, const Options& o) {
  auto text = text_of(o);
  if (!text) return complain(text.error());
  catch_interrupts();
  auto reference = load(shared, o.reference, engine::KvType::f16, o);
  if (!reference) return complain(reference.error());
  std::vector<Loaded> loaded;
  std::vector<engine::Context*> contexts;
  for (const std::string& name : o.candidates) {
    auto one = load(shared, name, o.kv, o);
    if (!one) return complain(one.error());
    if (one->tokenizer.digest() != reference->tokenizer.digest())
      return complain(bad_input(
          fmt::format("{}: its vocabulary is not the reference's, so logits cannot be compared", one->path),
          "judge it by tasks instead: bitworth judge --reference R CANDIDATE"));
    loaded.push_back(*std::move(one));
  }
  for (auto& l : loaded) contexts.push_back(l.context.get());
  quality::DivergenceOptions options;
  options.n_chunks = o.n_chunks;
  options.chunk = o.chunk;
  options.score_from = o.chunk / 2;
  options.n_threads = o.threads > 0 ? o.threads : host().n_usable;
  options.cancel = &interrupted();
  if (reference->tokenizer.vocab().add_bos) options.bos = reference->tokenizer.vocab().bos;
  Progress progress(shared);
  options.progress = [&](uint64_t done, uint64_t total) {
    progress.step("comparing", double(done) / double(total));
  };
  const auto tokens = quality::first_tokens(reference->tokenizer, *text, size_t(o.n_chunks) * o.chunk);
  auto all = quality::divergence(*reference->context, contexts, tokens, options);
  progress.clear();
  if (!all) return complain(all.error());
  nlohmann::ordered_json j{{"reference", reference->path},
                           {"chunks", o.n_chunks},
                           {"chunk", o.chunk},
                           {"kv_type", kernels::name(o.kv)},
                           {"numerics", "BN1"}};
  for (size_t i = 0; i < all->size(); ++i) {
    const quality::Divergence& d = (*all)[i];
    j["candidates"].push_back(to_json(loaded[i].path, d));
    if (shared.json) continue;
    fmt::print("{}\n", loaded[i].path);
    fmt::print("  KL divergence, mean    {}\n", show(d.kld_mean));
    fmt::print("  median, p99, largest   {}; {}; {}\n", show(d.kld_median), show(d.kld_p99), show(d.kld_max));
    fmt::print("  same top token         {}\n", show(d.same_top));
    fmt::print("  perplexity             {}; reference {}\n", show(d.candidate_ppl), show(d.reference_ppl));
  }
  if (shared.json)
    fmt::print("{}\n", j.dump(2));
  else
    fmt::print(
        "\n{} positions of {} chunks of {}. Divergence is an alarm and a map, not a verdict: use `judge`.\n",
        all->empty() ? 0 : all->front().n_positions, o.n_chunks, o.chunk);
  return 0;
}

}  // namespace

void add_compare(CLI::App& app, Shared& shared) {
  auto* sub = app.add_subcommand(
      "compare", "Divergence from a reference on the same tokens (all files are held at once)");
  sub->footer("Example:\n  bitworth compare good.gguf small.gguf smaller.gguf");
  auto o = std::make_shared<Options>();
  sub->add_option("REFERENCE", o->reference, "The best file in hand")->required();
  sub->add_option("CANDIDATE", o->candidates, "Files to compare with it")->required();
  sub->add_option("--text", o->text_path, "Text instead of wikitext-2");
  sub->add_option("--chunks", o->n_chunks, "Chunks of text")->check(whole(1, 100000))->capture_default_str();
  sub->add_option("--chunk", o->chunk, "Tokens a chunk; its second half is scored")
      ->check(whole(16, 1 << 20))
      ->capture_default_str();
  add_kv_option(*sub, o->kv, "Type of the candidates' KV cache; the reference's is f16");
  sub->add_option("--threads", o->threads, "0: every processor this process may use")->check(whole(0, 1024));
  sub->callback([&shared, o] { shared.chosen = [&shared, o] { return run(shared, *o); }; });
}

}  // namespace bw::cli
