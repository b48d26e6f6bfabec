// The avx2 and avxvnni tables, all but their products (avx2_product.cc, avxvnni_product.cc).
// In, out and bits: kernels.h. The texts are vector_functions.inc and vector_attend.inc, shared with AVX-512.
#include "kernels/x86_target.h"
#ifdef BW_X86
#include <bit>
#include <cstring>

#include "kernels/avx2.h"
#include "kernels/fma.h"
#include "kernels/kv_q8.h"

namespace bw::kernels::avx2 {
namespace {

bool available() {
  // libgcc's and compiler-rt's detection includes XGETBV: false where the system does not save ymm registers.
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && has_f16c();
}

}  // namespace
}  // namespace bw::kernels::avx2

BW_TARGET_BEGIN_AVX2
namespace bw::kernels::avx2 {
namespace {
#include "kernels/avx2_vector.inc"

#include "kernels/vector_functions.inc"

#include "kernels/vector_attend.inc"

#include "kernels/vector_attend_f16.inc"

#include "kernels/avx2_q8.inc"

#include "kernels/vector_attend_q8.inc"
}  // namespace
}  // namespace bw::kernels::avx2
BW_TARGET_END

namespace bw::kernels {
namespace avx2 {
namespace {
constexpr Table with(std::string_view name, bool (*runs)(), decltype(Table::product) products) {
  return {name, runs, non_finite, act32, act256, products, rms_norm, exp, glu, add_to, rope, &kv_f16, &kv_q8};
}
bool available_vnni() {
  return available() && has_avxvnni();
}
}  // namespace
constinit const Table table = with("avx2", available, product);
}  // namespace avx2
constinit const Table avxvnni::table = avx2::with("avxvnni", avx2::available_vnni, avxvnni::product);
}  // namespace bw::kernels
#endif
