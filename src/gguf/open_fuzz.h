// What the fuzzer does with one input, and the replay test with each file of fuzz/corpus/gguf: open it, read
// its vocabulary and a row of each tensor. In: bytes. Out: true where they were accepted; a crash or a
// sanitizer's report is the finding.
#pragma once
#include <string_view>
#include <vector>

#include "gguf/file.h"
#include "gguf/testing.h"
#include "gguf/vocab.h"

namespace bw::gguf::testing {

inline bool open_one(std::string_view bytes) {
  MemoryFile m(bytes);
  auto f = gguf::open(m.path());
  if (!f) return false;
  if (auto v = gguf::vocab(*f); v && v->tokens.empty())
    __builtin_trap();  // accepted, so it must hold something
  std::vector<float> row;
  for (const TensorInfo& t : f->tensors) {
    if (!m.good() || t.offset + t.n_bytes > bytes.size()) __builtin_trap();
    if (!quant::find(t.ggml_type) || t.ne[0] > 1u << 20) continue;
    row.resize(t.ne[0]);
    if (!f->read_rows_f32(t, t.n_rows() - 1, 1, row.data())) __builtin_trap();
  }
  return true;
}

}  // namespace bw::gguf::testing
