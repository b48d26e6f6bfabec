// libFuzzer target (BITWORTH_FUZZ=ON, clang): build/fuzz/text_tokenizer_fuzz fuzz/corpus/tokenizer
#include "text/tokenizer_fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t n) {
  bw::text::testing::tokenize_one({reinterpret_cast<const char*>(data), n});
  return 0;
}
