// The block types bitworth computes with: one constexpr table made from types.def.
// In: a ggml type id or a name. Out: sizes, family, and decode/encode of whole blocks.
// Bit layouts: https://github.com/ggml-org/ggml (ggml-common.h names them); each <type>.cc draws its own.
#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace bw::quant {

enum class Type : uint32_t {
#define BW_BLOCK_TYPE(name, id, block, bytes, family) name = id,
#include "quant/types.def"
#undef BW_BLOCK_TYPE
};

enum class Family { f, b32, b256 };

// One block as BN1's products see it: integers after the type's offset, and its scales.
struct Integers {
  int8_t q[256];               // [block]
  int16_t scale[16], min[16];  // 256-blocks: one a sub-block; min only where the type has minima
  float d, m;                  // m: what Q4_1 and Q5_1 add; dmin of 256-blocks with minima
};

struct TypeInfo {
  Type type;
  std::string_view name;
  uint32_t block;  // values per block
  uint32_t bytes;  // bytes per block
  Family family;
  // Dequantise n_blocks blocks: src [n_blocks * bytes] -> out [n_blocks * block], f32, bit-exact with BN1
  // section 2.
  void (*decode)(const std::byte* src, size_t n_blocks, float* out);
  // Quantise: x [n_blocks * block] -> dst. nullptr where bitworth has no encoder (yet): callers must say so.
  void (*encode)(const float* x, size_t n_blocks, std::byte* dst);
  // The integers of one block; only the members its type has are written. nullptr for float types.
  void (*integers)(const std::byte* block, Integers& out);
  uint32_t sub;  // values per sub-block with a scale of its own; `block` where there are none
  bool has_min;
};

std::span<const TypeInfo> all_types();
// nullptr for an id bitworth does not compute with.
const TypeInfo* find(uint32_t ggml_id);
const TypeInfo* find(std::string_view name);  // "Q4_0"; case-insensitive
const TypeInfo& info(Type type);
// What a file may legally hold although this program cannot compute with it: name and block size of every
// ggml type, so that `inspect` can size and name them. name is empty for an id ggml does not define (or
// removed).
struct KnownType {
  std::string_view name;
  uint32_t block;
  uint32_t bytes;
};
KnownType known(uint32_t ggml_id);

inline uint64_t row_bytes(const TypeInfo& t, uint64_t n) {
  return n / t.block * t.bytes;
}

}  // namespace bw::quant
