// What a recipe means for one file: the fate of each tensor, and the keys of the new file. Used inside
// src/quantize.
#pragma once
#include "quantize/quantize.h"

namespace bw::quantize {

struct Fate {
  const gguf::TensorInfo* tensor = nullptr;
  bool encode = false;
  bool four_levels = false;  // the control's tensors
  uint32_t type = 0;         // ggml id in the new file
  std::string reason;        // why it is kept; empty where it is encoded
};

// In the source's order. Errors as make().
Result<std::vector<Fate>> fates(const gguf::File& in, const Recipe& recipe);
// The source's keys without those of its split, its own file type and its calibration; then ours.
std::vector<std::pair<std::string, gguf::Value>> keys(const gguf::File& in, const Recipe& recipe,
                                                      const std::string& source_sha256);

}  // namespace bw::quantize
