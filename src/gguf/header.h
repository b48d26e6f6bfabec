// One GGUF file's header, as it stands in that file alone. Used inside src/gguf; others call open() (file.h).
// In: an open file. Out: Header, whose every offset and size lies inside the file, or the first thing wrong.
#pragma once
#include "gguf/file.h"

namespace bw::gguf {

// Limits of this reader, each far above what any known file holds, so that a header cannot ask for the whole
// memory.
inline constexpr uint64_t max_key_bytes = 65535;       // GGUF specification
inline constexpr uint64_t max_name_bytes = 64;         // GGUF specification
inline constexpr uint64_t max_text_bytes = 64u << 20;  // a string value; chat templates are tens of KiB
inline constexpr uint64_t max_array_elements = 1u
                                               << 25;  // of all arrays together; vocabularies are below 2^19
inline constexpr uint64_t max_alignment = 16u << 20;   // 32 in practice; the writer pads by it

struct Header {
  uint32_t version = 3;
  uint64_t alignment = 32;
  std::vector<std::pair<std::string, Value>> kv;
  std::vector<TensorInfo> tensors;  // shard = 0
};
Result<Header> read_header(const InFile& file);

const char* name(ValueType type);  // "u32", "string", ...

}  // namespace bw::gguf
