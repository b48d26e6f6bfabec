// The table of block types, made from types.def; and names and sizes of every type ggml defines.
// In: an id or a name. Out: TypeInfo or KnownType.
#include "quant/types.h"

#include "quant/codec.h"

namespace bw::quant {

#define BW_BLOCK_TYPE(name, id, block, bytes, family) extern const Codec codec_##name;
#include "quant/types.def"
#undef BW_BLOCK_TYPE

std::span<const TypeInfo> all_types() {
  // Codecs are constant-initialised, so this is safe before main() too.
  static const TypeInfo table[] = {
#define BW_BLOCK_TYPE(name, id, block, bytes, family) \
  {Type::name,                                        \
   #name,                                             \
   block,                                             \
   bytes,                                             \
   Family::family,                                    \
   codec_##name.decode,                               \
   codec_##name.encode,                               \
   codec_##name.integers,                             \
   codec_##name.sub,                                  \
   codec_##name.has_min},
#include "quant/types.def"
#undef BW_BLOCK_TYPE
  };
  return table;
}

const TypeInfo* find(uint32_t ggml_id) {
  for (const TypeInfo& t : all_types())
    if (static_cast<uint32_t>(t.type) == ggml_id) return &t;
  return nullptr;
}

namespace {
char upper(char c) {
  return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
}
bool same_ignoring_case(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  for (size_t i = 0; i < a.size(); i++)
    if (upper(a[i]) != upper(b[i])) return false;
  return true;
}
}  // namespace

const TypeInfo* find(std::string_view name) {
  for (const TypeInfo& t : all_types())
    if (same_ignoring_case(t.name, name)) return &t;
  return nullptr;
}

const TypeInfo& info(Type type) {
  const TypeInfo* t = find(static_cast<uint32_t>(type));
  return *t;  // every Type is a line of types.def, so it is in the table
}

// Source: enum ggml_type and the block structs of ggml (ggml.h, ggml-common.h), ids below GGML_TYPE_COUNT
// = 43. Ids 4, 5, 31 to 33 and 36 to 38 were removed there.
KnownType known(uint32_t ggml_id) {
  switch (ggml_id) {
    case 0:
      return {"F32", 1, 4};
    case 1:
      return {"F16", 1, 2};
    case 2:
      return {"Q4_0", 32, 18};
    case 3:
      return {"Q4_1", 32, 20};
    case 6:
      return {"Q5_0", 32, 22};
    case 7:
      return {"Q5_1", 32, 24};
    case 8:
      return {"Q8_0", 32, 34};
    case 9:
      return {"Q8_1", 32, 36};
    case 10:
      return {"Q2_K", 256, 84};
    case 11:
      return {"Q3_K", 256, 110};
    case 12:
      return {"Q4_K", 256, 144};
    case 13:
      return {"Q5_K", 256, 176};
    case 14:
      return {"Q6_K", 256, 210};
    case 15:
      return {"Q8_K", 256, 292};
    case 16:
      return {"IQ2_XXS", 256, 66};
    case 17:
      return {"IQ2_XS", 256, 74};
    case 18:
      return {"IQ3_XXS", 256, 98};
    case 19:
      return {"IQ1_S", 256, 50};
    case 20:
      return {"IQ4_NL", 32, 18};
    case 21:
      return {"IQ3_S", 256, 110};
    case 22:
      return {"IQ2_S", 256, 82};
    case 23:
      return {"IQ4_XS", 256, 136};
    case 24:
      return {"I8", 1, 1};
    case 25:
      return {"I16", 1, 2};
    case 26:
      return {"I32", 1, 4};
    case 27:
      return {"I64", 1, 8};
    case 28:
      return {"F64", 1, 8};
    case 29:
      return {"IQ1_M", 256, 56};
    case 30:
      return {"BF16", 1, 2};
    case 34:
      return {"TQ1_0", 256, 54};
    case 35:
      return {"TQ2_0", 256, 66};
    case 39:
      return {"MXFP4", 32, 17};
    case 40:
      return {"NVFP4", 64, 36};
    case 41:
      return {"Q1_0", 128, 18};
    case 42:
      return {"Q2_0", 64, 18};
    default:
      return {{}, 0, 0};
  }
}

}  // namespace bw::quant
