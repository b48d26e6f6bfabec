// libFuzzer target (BITWORTH_FUZZ=ON, clang): build/fuzz/http_request_fuzz fuzz/corpus/http
#include "http/request_fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t n) {
  bw::http::testing::parse_one({reinterpret_cast<const char*>(data), n});
  return 0;
}
