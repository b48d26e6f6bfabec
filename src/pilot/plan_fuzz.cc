// libFuzzer target (BITWORTH_FUZZ=ON, clang): build/.../pilot_plan_fuzz fuzz/corpus/pilot
#include "pilot/plan_fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t n) {
  bw::pilot::testing::read_one({reinterpret_cast<const char*>(data), n});
  return 0;
}
