// GGUF v2/v3: the header read once into plain structs, every count and size checked against the file first.
// In: a path (of any shard of a split file). Out: File, or an Error naming file, field, offset, expected,
// found. Source: the GGUF specification (ggml docs/gguf.md); classes of malformation: docs/gguf-malformed.md.
#pragma once
#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/file.h"
#include "base/result.h"
#include "gguf/strings.h"
#include "quant/types.h"

namespace bw::gguf {

enum class ValueType : uint32_t { u8, i8, u16, i16, u32, i32, f32, boolean, string, array, u64, i64, f64 };

struct Value {
  ValueType type = ValueType::u32;
  ValueType element = ValueType::u32;  // of an array; arrays of arrays are refused
  // Unsigned, signed, float and bool scalars are widened; arrays likewise.
  std::variant<uint64_t, int64_t, double, bool, std::string, std::vector<uint64_t>, std::vector<int64_t>,
               std::vector<double>, std::vector<bool>, Strings>
      data;
};

struct TensorInfo {
  std::string name;
  uint32_t n_dims = 0;
  std::array<uint64_t, 4> ne{1, 1, 1, 1};  // ne[0] is the row length (K)
  uint32_t ggml_type = 0;  // quant::find(ggml_type) is nullptr where bitworth cannot compute it
  uint64_t offset = 0;     // absolute, in its shard
  uint64_t n_bytes = 0;
  uint32_t shard = 0;
  uint64_t n_rows() const { return ne[1] * ne[2] * ne[3]; }
  uint64_t n_elements() const { return ne[0] * n_rows(); }
};

struct File {
  std::string path;            // as given
  std::vector<InFile> shards;  // one, or all parts of a split file in order
  uint32_t version = 3;
  uint64_t alignment = 32;
  std::vector<std::pair<std::string, Value>> kv;
  std::vector<TensorInfo> tensors;
  uint64_t n_bytes = 0;  // of all shards

  const Value* find(std::string_view key) const;
  const TensorInfo* tensor(std::string_view name) const;
  // Typed getters: missing or of another kind -> Error naming the file, the key, expected and found.
  Result<uint64_t> get_uint(std::string_view key) const;  // any integer type holding a value >= 0
  Result<double> get_float(std::string_view key) const;   // f32 or f64
  Result<bool> get_bool(std::string_view key) const;
  Result<std::string> get_string(std::string_view key) const;
  Result<std::string> architecture() const;  // general.architecture
  // Bytes [at, at + out.size()) of a tensor's data.
  Status read(const TensorInfo& t, uint64_t at, std::span<std::byte> out) const;
  // Rows [row, row + n) dequantised: out [n * ne[0]]. Error where the type is not computed here.
  Status read_rows_f32(const TensorInfo& t, uint64_t row, uint64_t n, float* out) const;
};

// What a file is known by in every record: the SHA-256 of its bytes, 64 lower-case hexadecimal characters; of
// a split file that of its parts' digests, in order. Reads all of it.
Result<std::string> sha256(const File& file);

// Opens and checks. A split file ("NAME-00001-of-00003.gguf") is followed to all its parts.
Result<File> open(const std::string& path);

}  // namespace bw::gguf
