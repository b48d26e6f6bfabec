// libFuzzer target (BITWORTH_FUZZ=ON, clang): build/fuzz/text_chat_fuzz fuzz/corpus/chat
#include "text/chat_fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t n) {
  bw::text::testing::chat_one({reinterpret_cast<const char*>(data), n});
  return 0;
}
