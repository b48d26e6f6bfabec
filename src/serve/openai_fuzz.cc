// libFuzzer target (BITWORTH_FUZZ=ON, clang): build/fuzz/serve_openai_fuzz fuzz/corpus/openai
#include "serve/openai_fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t n) {
  bw::serve::testing::openai_one({reinterpret_cast<const char*>(data), n});
  return 0;
}
