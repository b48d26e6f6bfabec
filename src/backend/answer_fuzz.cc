// libFuzzer target (BITWORTH_FUZZ=ON, clang): build/fuzz/backend_answer_fuzz fuzz/corpus/answer
#include "backend/answer_fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t n) {
  bw::backend::testing::answer_one({reinterpret_cast<const char*>(data), n});
  return 0;
}
