// libFuzzer target (BITWORTH_FUZZ=ON, clang): build/.../review_forms_fuzz fuzz/corpus/forms
#include "review/forms_fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t n) {
  bw::review::testing::read_one({reinterpret_cast<const char*>(data), n});
  return 0;
}
