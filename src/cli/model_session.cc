#include "cli/model_session.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <map>

#include "gguf/vocab.h"
#include "memory/memory.h"

namespace bw::cli {

Result<gguf::File> open_named(const std::string& path_or_name) {
  BW_TRY(const std::string path, resolve_model(path_or_name));
  return gguf::open(path);
}

Result<Readable> open_readable(const std::string& path_or_name) {
  BW_TRY(gguf::File file, open_named(path_or_name));
  BW_TRY(text::Tokenizer tokenizer, tokenizer_of(file));
  return Readable{std::move(file), std::move(tokenizer)};
}

Result<text::Tokenizer> tokenizer_of(const gguf::File& file) {
  BW_TRY(text::Vocab vocab, gguf::vocab(file));
  return text::Tokenizer::make(std::move(vocab));
}

Status fits(const gguf::File& file, const engine::ContextOptions& options, int n_threads) {
  BW_TRY(const memory::MemoryReport plan, memory::plan(file, options, n_threads));
  if (!plan.planned.known() || !plan.limit.known() || plan.planned.value <= plan.limit.value) return {};
  return bad_input(
      fmt::format("{}: needs {} with a context of {} (weights {}, KV cache {}), this host has {} ({})",
                  file.path, bytes_text(plan.planned.value), options.n_ctx, bytes_text(plan.weights.value),
                  bytes_text(plan.kv.value), bytes_text(plan.limit.value), plan.limit.reason),
      "a shorter context or a smaller file; `bitworth plan` shows the sum");
}

Result<std::shared_ptr<engine::Model>> load_with_progress(const Shared& shared, const gguf::File& file,
                                                          engine::LoadOptions options) {
  Progress progress(shared);
  options.progress = [&progress](uint64_t done, uint64_t total) {
    progress.step("loading", total ? double(done) / double(total) : 1);
  };
  return engine::load(file, options);
}

CLI::Option* add_kv_option(CLI::App& sub, engine::KvType& type, const std::string& what) {
  std::map<std::string, engine::KvType> names;
  std::string list;
  for (const engine::KvType t : kernels::kv_types) {
    names[std::string(kernels::name(t))] = t;
    list += (list.empty() ? "" : ", ") + std::string(kernels::name(t));
  }
  return sub
      .add_option_function<std::string>(
          "--kv", [&type, names](const std::string& given) { type = names.at(given); }, what)
      ->check(CLI::Validator(
          [names, list](const std::string& given) {
            return names.count(given) ? std::string()
                                      : fmt::format("expected one of {}, found {}", list, given);
          },
          list))
      ->default_str(std::string(kernels::name(type)));
}

}  // namespace bw::cli
