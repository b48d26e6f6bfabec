// libFuzzer target (BITWORTH_FUZZ=ON, clang): build/fuzz/grammar_schema_fuzz fuzz/corpus/schema
#include "grammar/schema_fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t n) {
  bw::grammar::testing::schema_one({reinterpret_cast<const char*>(data), n});
  return 0;
}
