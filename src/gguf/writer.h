// Writes GGUF v3: header first, then tensor data in the order declared, streamed. Appears whole or not at
// all.
#pragma once
#include <span>
#include <string>
#include <vector>

#include "base/file.h"
#include "gguf/file.h"

namespace bw::gguf {

// Scalars for new keys.
Value string_value(std::string s);
Value u32_value(uint32_t v);
Value bool_value(bool v);

struct TensorDecl {
  std::string name;
  uint32_t n_dims;
  std::array<uint64_t, 4> ne;
  quant::Type type;  // or any id quant::known() sizes, cast: tensors copied in a type not computed here
};

class Writer {
 public:
  // Writes the header to a temporary beside `path`. Offsets follow from the declarations; general.alignment
  // is written from `alignment`, not from kv. bad_input where a key, value, name or shape is not one GGUF can
  // hold.
  static Result<Writer> create(const std::string& path, const std::vector<std::pair<std::string, Value>>& kv,
                               std::vector<TensorDecl> tensors, uint64_t alignment = 32);
  // Appends data of the current tensor; more than it needs is an error. Padding is written when it is full.
  Status append(std::span<const std::byte> bytes);
  // All tensors must be full. fsync, rename.
  Status commit();

 private:
  Writer(OutFile out, std::vector<TensorDecl> tensors, uint64_t alignment);
  OutFile out_;
  std::vector<TensorDecl> tensors_;
  uint64_t alignment_, in_tensor_ = 0;
  size_t current_ = 0;
};

}  // namespace bw::gguf
