#include "kernels/dots.h"

#include "kernels/amx.h"
#include "kernels/arm_target.h"
#include "kernels/avx2.h"
#include "kernels/avx512.h"
#include "kernels/neon.h"
#include "kernels/panel.h"
#include "kernels/sse41.h"
#include "kernels/x86_target.h"

namespace bw::kernels {
namespace {

constexpr uint64_t sums = 12;  // registers that sum side by side, more than latency times rate

}  // namespace
}  // namespace bw::kernels

#ifdef BW_X86
// Twelve times an instruction into registers 0 to 11, operands 12 and 13.
#define BW_EACH_SUM(one)                                                                              \
  one("0") one("1") one("2") one("3") one("4") one("5") one("6") one("7") one("8") one("9") one("10") \
      one("11")
#define BW_XMM_CLOBBERS \
  "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11"

BW_TARGET_BEGIN_SSE41
namespace bw::kernels::sse41 {
namespace {
void dots(uint64_t rounds) {
#define BW_ONE(i) "pmaddubsw %%xmm12, %%xmm" i "\n\t"
  for (uint64_t r = 0; r < rounds; ++r) asm volatile(BW_EACH_SUM(BW_ONE)::: BW_XMM_CLOBBERS);
#undef BW_ONE
}
}  // namespace
}  // namespace bw::kernels::sse41
BW_TARGET_END

BW_TARGET_BEGIN_AVX2
namespace bw::kernels::avx2 {
namespace {
void dots(uint64_t rounds) {
#define BW_ONE(i) "vpmaddubsw %%ymm12, %%ymm13, %%ymm" i "\n\t"
  for (uint64_t r = 0; r < rounds; ++r) asm volatile(BW_EACH_SUM(BW_ONE)::: BW_XMM_CLOBBERS);
#undef BW_ONE
  asm volatile("vzeroupper" ::: BW_XMM_CLOBBERS);
}
}  // namespace
}  // namespace bw::kernels::avx2
BW_TARGET_END

BW_TARGET_BEGIN_AVXVNNI
namespace bw::kernels::avxvnni {
namespace {
void dots(uint64_t rounds) {
#define BW_ONE(i) "%{vex%} vpdpbusd %%ymm12, %%ymm13, %%ymm" i "\n\t"
  for (uint64_t r = 0; r < rounds; ++r) asm volatile(BW_EACH_SUM(BW_ONE)::: BW_XMM_CLOBBERS);
#undef BW_ONE
  asm volatile("vzeroupper" ::: BW_XMM_CLOBBERS);
}
}  // namespace
}  // namespace bw::kernels::avxvnni
BW_TARGET_END

BW_TARGET_BEGIN_AVX512
namespace bw::kernels::avx512 {
namespace {
void dots(uint64_t rounds) {
#define BW_ONE(i) "vpdpbusd %%zmm12, %%zmm13, %%zmm" i "\n\t"
  for (uint64_t r = 0; r < rounds; ++r) asm volatile(BW_EACH_SUM(BW_ONE)::: BW_XMM_CLOBBERS);
#undef BW_ONE
  asm volatile("vzeroupper" ::: BW_XMM_CLOBBERS);
}
}  // namespace
}  // namespace bw::kernels::avx512
BW_TARGET_END

BW_TARGET_BEGIN_AMX
namespace bw::kernels::amx {
namespace {
#include "kernels/amx_tiles.inc"

void dots(uint64_t rounds) {
  alignas(64) static constexpr int8_t ones[1024] = {1};
  configure(16, 64, 4, 6);
  load_tile<4>(ones, line);
  load_tile<6>(ones, line);
  zero_tile<0>(), zero_tile<1>(), zero_tile<2>(), zero_tile<3>();
  for (uint64_t r = 0; r < rounds; ++r)
    dot_tile<0, 4, 6>(), dot_tile<1, 4, 6>(), dot_tile<2, 4, 6>(), dot_tile<3, 4, 6>();
  release();
}
}  // namespace
}  // namespace bw::kernels::amx
BW_TARGET_END
#endif

#ifdef BW_ARM
#define BW_EACH_SUM(one)                                                                                \
  one("0") one("1") one("2") one("3") one("4") one("5") one("6") one("7") one("16") one("17") one("18") \
      one("19")
#define BW_V_CLOBBERS "v0", "v1", "v2", "v3", "v4", "v5", "v6", "v7", "v16", "v17", "v18", "v19"
BW_TARGET_BEGIN_DOTPROD
namespace bw::kernels::neon_dotprod {
namespace {
void dots(uint64_t rounds) {
#define BW_ONE(i) "sdot v" i ".4s, v20.16b, v21.16b\n\t"
  for (uint64_t r = 0; r < rounds; ++r) asm volatile(BW_EACH_SUM(BW_ONE)::: BW_V_CLOBBERS);
#undef BW_ONE
}
}  // namespace
}  // namespace bw::kernels::neon_dotprod
BW_TARGET_END

BW_TARGET_BEGIN_I8MM
namespace bw::kernels::neon_i8mm {
namespace {
void dots(uint64_t rounds) {
#define BW_ONE(i) "smmla v" i ".4s, v20.16b, v21.16b\n\t"
  for (uint64_t r = 0; r < rounds; ++r) asm volatile(BW_EACH_SUM(BW_ONE)::: BW_V_CLOBBERS);
#undef BW_ONE
}
}  // namespace
}  // namespace bw::kernels::neon_i8mm
BW_TARGET_END
#endif

namespace bw::kernels {

uint64_t run_dots(const Table& table, uint64_t n) {
  const uint64_t rounds = (n + sums - 1) / sums;
#ifdef BW_X86
  if (&table == &sse41::table) return sse41::dots(rounds), rounds * sums * 16;
  if (&table == &avx2::table) return avx2::dots(rounds), rounds * sums * 32;
  if (&table == &avxvnni::table) return avxvnni::dots(rounds), rounds * sums * 32;
  if (&table == &avx512::table) return avx512::dots(rounds), rounds * sums * 64;
  if (&table == &amx::table) return amx::dots(n / 4), n / 4 * 4 * 16 * 16 * 64;
#endif
#ifdef BW_ARM
  if (&table == &neon_dotprod::table) return neon_dotprod::dots(rounds), rounds * sums * 16;
  if (&table == &neon_i8mm::table) return neon_i8mm::dots(rounds), rounds * sums * 32;
#endif
  (void)rounds;
  return 0;
}

}  // namespace bw::kernels
