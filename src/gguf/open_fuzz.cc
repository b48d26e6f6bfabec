// libFuzzer target (BITWORTH_FUZZ=ON, clang): build/.../gguf_open_fuzz fuzz/corpus/gguf
#include "gguf/open_fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t n) {
  bw::gguf::testing::open_one({reinterpret_cast<const char*>(data), n});
  return 0;
}
