#include "cli/model_session.h"

#include "gguf/vocab.h"

namespace bw::cli {

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

}  // namespace bw::cli
