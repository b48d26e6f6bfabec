// libFuzzer target (BITWORTH_FUZZ=ON, clang): build/fuzz/engine_load_fuzz fuzz/corpus/load
#include "engine/load_fuzz.h"

#include <algorithm>
#include <cstring>
#include <random>

extern "C" size_t LLVMFuzzerMutate(uint8_t* data, size_t n, size_t n_most);

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t n) {
  bw::engine::testing::load_one({reinterpret_cast<const char*>(data), n});
  return 0;
}

// Most of a file is weights, whose bytes nearly all mean something; keys, shapes and types in front decide
// what is run. So three of four changes fall within 48 bytes there, and leave the length alone.
extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t n, size_t n_most, unsigned seed) {
  constexpr size_t front = 2048, window = 48;
  std::minstd_rand random(seed);
  if (n < window || random() % 4 == 0) return LLVMFuzzerMutate(data, n, n_most);
  const size_t at = random() % (std::min(n, front) - window + 1);
  uint8_t part[window];
  std::memcpy(part, data + at, window);
  const size_t changed = LLVMFuzzerMutate(part, window, window);
  std::memcpy(data + at, part, std::min(changed, window));
  return n;
}
