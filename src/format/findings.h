// What is odd in a file although its structure is sound: each finding names the key or tensor. Used inside
// src/format.
#pragma once
#include <string>
#include <vector>

#include "gguf/file.h"

namespace bw::format {

// Sizes, heads, rope, experts, blocks: what the keys say of each other and of the tensors, for any
// architecture.
std::vector<std::string> key_findings(const gguf::File& file);
// Vocabulary and template. `digest` is set where the tokenizer is one we read, `why_not` where it is not.
std::vector<std::string> tokenizer_findings(const gguf::File& file, std::string& digest,
                                            std::string& why_not);

}  // namespace bw::format
