#include "judge/loaded.h"

#include <algorithm>
#include <map>

#include "gguf/vocab.h"

namespace bw::judge {
namespace {

constexpr uint32_t kSideBySide = 8;  // items decoded together: past it a small machine gains little
constexpr uint32_t kPage = 256;      // positions a KV page holds (BN1 section 7): sequences take whole pages

uint32_t pages(size_t n) {
  return static_cast<uint32_t>((n + kPage - 1) / kPage);
}

// Room for every suite's prompts: a sequence a group of shared prefixes, kSideBySide to work in, one for the
// screen.
Result<engine::ContextOptions> context_for(const Run& run, const Subject& s, const quality::TextSide& text) {
  engine::ContextOptions options;
  options.kv_type = s.kv_type;
  options.n_ctx = kPassage;
  options.n_seq = 0;
  uint32_t n_pages = 0;
  for (const TaskRun& t : run.tasks) {
    std::map<std::string, size_t> longest;
    for (size_t i = 0; i < t.n_items; ++i) {
      const tasks::Item& item = t.suite->items()[i];
      BW_TRY(const auto prompt, text.prompt(t.suite->prompt(item)));
      size_t& n = longest[item.group];
      n = std::max(n, prompt.size());
    }
    uint32_t here = 0, most = 0;
    for (const auto& [group, n] : longest) {
      const uint32_t whole = static_cast<uint32_t>(n) + t.suite->max_output_tokens() + 1;
      options.n_ctx = std::max(options.n_ctx, whole);
      most = std::max(most, pages(whole));
      here += pages(n);
    }
    n_pages = std::max(n_pages, here + kSideBySide * most);
    options.n_seq = std::max(options.n_seq, static_cast<uint32_t>(longest.size()) + kSideBySide);
  }
  options.n_seq += 1;
  options.n_kv = uint64_t{n_pages + pages(kPassage)} * kPage;
  return options;
}

Result<std::unique_ptr<text::Tokenizer>> tokenizer_of(const Subject& s) {
  BW_TRY(text::Vocab vocab, gguf::vocab(s.file));
  BW_TRY(text::Tokenizer t, text::Tokenizer::make(std::move(vocab)));
  return std::make_unique<text::Tokenizer>(std::move(t));
}

}  // namespace

Result<Loaded> prepare(const Run& run, Subject& s, engine::ContextOptions& options) {
  Loaded l;
  l.subject = &s;
  BW_TRY(l.tokenizer, tokenizer_of(s));
  l.deployment = {s.name(), fmt::format("{} kv={}", s.sha256, kernels::name(s.kv_type)), nullptr,
                  quality::text_side(*l.tokenizer)};
  BW_TRY(options, context_for(run, s, l.deployment.text));
  return l;
}

Result<uint64_t> bytes_of(const Run& run, const Subject& s, const engine::ContextOptions& options) {
  BW_TRY(const engine::MemoryPlan p, engine::plan(s.file, options, run.judgement.host.n_threads));
  return p.total();
}

Status load(Run& run, Loaded& l, const engine::ContextOptions& options) {
  engine::LoadOptions load_options;
  load_options.n_threads = static_cast<int>(run.in.scenario.load.threads);
  load_options.progress = [&](uint64_t done, uint64_t total) {
    run.progress("compare", l.subject->name() + ": loading",
                 total ? static_cast<double>(done) / static_cast<double>(total) : -1);
  };
  BW_TRY(l.model, engine::load(l.subject->file, load_options));
  BW_TRY(l.context, engine::make_context(l.model, options));
  run.judgement.host.isa = l.model->isa();
  run.judgement.host.n_threads = l.model->n_threads();
  l.deployment.context = l.context.get();
  return {};
}

}  // namespace bw::judge
