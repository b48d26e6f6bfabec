#include "cli/model_session.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <map>

#include "gguf/vocab.h"

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

Result<std::shared_ptr<engine::Model>> load_with_progress(const Shared& shared, const gguf::File& file,
                                                          engine::LoadOptions options) {
  Progress progress(shared);
  options.progress = [&progress](uint64_t done, uint64_t total) {
    progress.step("loading", total ? double(done) / double(total) : 1);
  };
  return engine::load(file, options);
}

void warn_of_lost_bytes(const text::Tokenizer& tokenizer, const std::string& prompt) {
  if (const size_t n = tokenizer.bytes_without_token(prompt))
    fmt::print(stderr, "bitworth: {} byte{} of the prompt left out: this vocabulary has no token for {}\n", n,
               n == 1 ? "" : "s", n == 1 ? "it" : "them");
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
