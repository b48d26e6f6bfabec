// libFuzzer target (BITWORTH_FUZZ=ON, clang): build/fuzz/contract_load_fuzz fuzz/corpus/contract
#include "contract/load_fuzz.h"

#include <cstdint>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t n) {
  bw::contract::testing::load_one({reinterpret_cast<const char*>(data), n});
  return 0;
}
