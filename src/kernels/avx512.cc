// The avx512vnni and amx tables, all but their products (avx512_product.cc, amx_product.cc).
// In, out and bits: kernels.h. The texts are vector_functions.inc and vector_attend.inc, shared with AVX2.
#include "kernels/x86_target.h"
#ifdef BW_X86
#include <bit>
#include <cstring>

#include "kernels/amx.h"
#include "kernels/avx512.h"
#include "kernels/fma.h"
#include "kernels/kv_q8.h"
#include "kernels/panel.h"

namespace bw::kernels::avx512 {

bool available() {
  // libgcc's and compiler-rt's detection includes XGETBV: false where the system does not save zmm registers.
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
         __builtin_cpu_supports("avx512vnni") && __builtin_cpu_supports("fma") && has_f16c();
}

}  // namespace bw::kernels::avx512

BW_TARGET_BEGIN_AVX512
namespace bw::kernels::avx512 {
namespace {
#include "kernels/avx512_vector.inc"

#include "kernels/vector_functions.inc"

#include "kernels/vector_attend.inc"

#include "kernels/vector_attend_f16.inc"

#include "kernels/avx512_q8.inc"

#include "kernels/vector_attend_q8.inc"
}  // namespace
}  // namespace bw::kernels::avx512
BW_TARGET_END

BW_TARGET_BEGIN_AMX
namespace bw::kernels::avx512 {
namespace {
#include "kernels/amx_tiles.inc"

#include "kernels/amx_attend.inc"
}  // namespace
}  // namespace bw::kernels::avx512
BW_TARGET_END

namespace bw::kernels {
namespace {
constexpr Table with(std::string_view name, bool (*can)(), decltype(Table::product) product,
                     const KvKernels* q8) {
  using namespace avx512;
  return {name, can, non_finite, act32, act256, product, rms_norm, exp, glu, add_to, rope, &kv_f16, q8};
}
}  // namespace
const Table avx512::table = with("avx512vnni", avx512::available, avx512::product, &avx512::kv_q8);
const Table amx::table = with("amx", amx::available, amx::product, &avx512::kv_q8_tiles);
}  // namespace bw::kernels
#endif
