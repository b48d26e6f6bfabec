// Opening a model for a command: file, tokenizer, weights with progress.
#pragma once
#include <memory>
#include <string>

#include "cli/cli.h"
#include "engine/engine.h"
#include "gguf/file.h"
#include "text/tokenizer.h"

namespace bw::cli {

Result<text::Tokenizer> tokenizer_of(const gguf::File& file);
Result<std::shared_ptr<engine::Model>> load_with_progress(const Shared& shared, const gguf::File& file,
                                                          engine::LoadOptions options);

}  // namespace bw::cli
