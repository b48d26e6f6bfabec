// libFuzzer target (BITWORTH_FUZZ=ON, clang): build/fuzz/engine_sampler_fuzz fuzz/corpus/sampler
#include "engine/sampler_fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t n) {
  bw::engine::testing::sample_one({reinterpret_cast<const char*>(data), n});
  return 0;
}
