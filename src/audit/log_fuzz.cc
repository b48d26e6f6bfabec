// libFuzzer target (BITWORTH_FUZZ=ON, clang): build/.../audit_log_fuzz fuzz/corpus/log
#include "audit/log_fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t n) {
  bw::audit::testing::log_one({reinterpret_cast<const char*>(data), n});
  return 0;
}
