// The tokenizer's vocabulary and chat template as a GGUF file declares them.
#pragma once
#include "gguf/file.h"
#include "text/tokenizer.h"

namespace bw::gguf {

// Error (unsupported) for a tokenizer.ggml.model other than "gpt2" and "llama", naming it.
Result<text::Vocab> vocab(const File& file);

}  // namespace bw::gguf
