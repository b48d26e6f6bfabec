// Opening a model for a command: file, tokenizer, weights with progress.
#pragma once
#include <memory>
#include <string>

#include "cli/cli.h"
#include "engine/engine.h"
#include "gguf/file.h"
#include "text/tokenizer.h"

namespace bw::cli {

// By path, or by a name in the own cache; file.path is where it was found.
Result<gguf::File> open_named(const std::string& path_or_name);
Result<text::Tokenizer> tokenizer_of(const gguf::File& file);
struct Readable {
  gguf::File file;
  text::Tokenizer tokenizer;
};
Result<Readable> open_readable(const std::string& path_or_name);
Result<std::shared_ptr<engine::Model>> load_with_progress(const Shared& shared, const gguf::File& file,
                                                          engine::LoadOptions options);

// Says on stderr how many bytes of `prompt` the vocabulary has no token for: the model does not see them.
void warn_of_lost_bytes(const text::Tokenizer& tokenizer, const std::string& prompt);

// --kv f16|q8: the type of a command's KV caches; `what` is its help. count() of the option: whether it was
// given.
CLI::Option* add_kv_option(CLI::App& sub, engine::KvType& type, const std::string& what);

}  // namespace bw::cli
