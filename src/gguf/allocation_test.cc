// Replaces this test program's operator new, so that the tests can see the largest single request.
// Apart from the tests that use it: inlined beside them, g++ takes the pair for mismatched.
#include <algorithm>
#include <cstdlib>
#include <new>

#include "gguf/testing.h"

namespace bw::gguf::testing {
size_t largest_allocation = 0;
}

void* operator new(size_t n) {
  bw::gguf::testing::largest_allocation = std::max(bw::gguf::testing::largest_allocation, n);
  if (void* p = std::malloc(n ? n : 1)) return p;
  throw std::bad_alloc();
}
void operator delete(void* p) noexcept {
  std::free(p);
}
void operator delete(void* p, size_t) noexcept {
  std::free(p);
}
