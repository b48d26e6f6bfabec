// libFuzzer target (BITWORTH_FUZZ=ON, clang): build/fuzz/contract_contract_fuzz fuzz/corpus/contract
#include "contract/contract_fuzz.h"

#include <cstdint>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t n) {
  bw::contract::testing::contract_one({reinterpret_cast<const char*>(data), n});
  return 0;
}
