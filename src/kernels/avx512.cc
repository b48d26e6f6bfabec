// The avx512vnni table, all but its products (avx512_product.cc).
// In, out and bits: kernels.h. The texts are vector_functions.inc and vector_attend.inc, shared with AVX2.
#include "kernels/x86_target.h"
#ifdef BW_X86
#include <bit>
#include <cstring>

#include "kernels/avx512.h"
#include "kernels/fma.h"

namespace bw::kernels::avx512 {
namespace {

bool available() {
  // libgcc's and compiler-rt's detection includes XGETBV: false where the system does not save zmm registers.
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
         __builtin_cpu_supports("avx512vnni") && __builtin_cpu_supports("fma") && has_f16c();
}

}  // namespace
}  // namespace bw::kernels::avx512

BW_TARGET_BEGIN_AVX512
namespace bw::kernels::avx512 {
namespace {
#include "kernels/avx512_vector.inc"

#include "kernels/vector_functions.inc"

#include "kernels/vector_attend.inc"
}  // namespace
}  // namespace bw::kernels::avx512
BW_TARGET_END

namespace bw::kernels::avx512 {
const Table table{"avx512vnni", available, non_finite, act32, act256,    product, rms_norm,
                  exp,          glu,       add_to,     rope,  store_f16, store_k, attend_f16};
}
#endif
