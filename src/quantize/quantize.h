// Makes a smaller (or plainer) file of a model: every weight tensor in one type, everything else carried
// over. In: an open file, where to write, a recipe. Out: the new file, whole or not at all, and a Summary of
// what was done. The bytes depend on the source and the recipe alone: not on threads, machine or time.
#pragma once
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/result.h"
#include "gguf/file.h"
#include "quant/types.h"

namespace bw::quantize {

struct Recipe {
  quant::Type type = quant::Type::Q4_0;  // of every weight tensor: the embedding and the head too
  // The positive control (docs/formats.md): Q4_0, but the feed-forward weights of every second block use four
  // of the sixteen codes, so that it must come out worse. Needs type Q4_0; labelled by the key
  // bitworth.control.
  bool control_four_levels = false;
};

struct Options {
  int n_threads = 0;          // 0: as many as this process may use
  std::string source_sha256;  // 64 hexadecimal digits if already known (base/hash.h); else it is computed
};

struct Summary {
  struct Kept {
    std::string tensor,
        reason;  // copied byte for byte: "1-D", "already Q4_0", "row of 48 is not a multiple of 32"
  };
  uint64_t n_bytes_in = 0, n_bytes_out = 0;
  uint64_t n_encoded = 0;  // tensors re-encoded
  std::vector<Kept> kept;  // all others
  bool already = false;    // every weight tensor had the type before: the new file holds the same weights
  std::string source_sha256;
  std::string description;  // one sentence for a person
};

// Told bytes of source tensor data done and in all; returns false to stop, which is Code::failed and leaves
// nothing.
using Progress = std::function<bool(uint64_t done, uint64_t total)>;

// bad_input: a type without an encoder, an output that is the input, a weight that is not finite or does not
// fit the type. unsupported: a source tensor in a type bitworth cannot decode. failed: I/O, a disk too full,
// stopped.
Result<Summary> make(const gguf::File& in, const std::string& out, const Recipe& recipe,
                     const Progress& progress = {}, const Options& options = {});

}  // namespace bw::quantize
