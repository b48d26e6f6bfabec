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
}
}  // namespace bw::kernels

// bw::kernels::SPACE::dots(rounds): EACH(ONE), an instruction into each of twelve registers, `rounds` times,
// then AFTER. The registers follow.
#define BW_DOTS(isa, space, each, one, after, ...)                                  \
  BW_TARGET_BEGIN_##isa namespace bw::kernels::space {                              \
    namespace {                                                                     \
    void dots(uint64_t rounds) {                                                    \
      for (uint64_t r = 0; r < rounds; ++r) asm volatile(each(one)::: __VA_ARGS__); \
      asm volatile(after ::: __VA_ARGS__);                                          \
    }                                                                               \
    }                                                                               \
  }                                                                                 \
  BW_TARGET_END

#ifdef BW_X86
#define BW_EACH(one)                                                                                  \
  one("0") one("1") one("2") one("3") one("4") one("5") one("6") one("7") one("8") one("9") one("10") \
      one("11")
#define BW_REGISTERS \
  "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11"
#define BW_SSE(i) "pmaddubsw %%xmm12, %%xmm" i "\n\t"
#define BW_AVX2(i) "vpmaddubsw %%ymm12, %%ymm13, %%ymm" i "\n\t"
#define BW_AVXVNNI(i) "%{vex%} vpdpbusd %%ymm12, %%ymm13, %%ymm" i "\n\t"
#define BW_AVX512(i) "vpdpbusd %%zmm12, %%zmm13, %%zmm" i "\n\t"
BW_DOTS(SSE41, sse41, BW_EACH, BW_SSE, "", BW_REGISTERS)
BW_DOTS(AVX2, avx2, BW_EACH, BW_AVX2, "vzeroupper", BW_REGISTERS)
BW_DOTS(AVXVNNI, avxvnni, BW_EACH, BW_AVXVNNI, "vzeroupper", BW_REGISTERS)
BW_DOTS(AVX512, avx512, BW_EACH, BW_AVX512, "vzeroupper", BW_REGISTERS)

BW_TARGET_BEGIN_AMX
namespace bw::kernels::amx {
namespace {
#include "kernels/amx_tiles.inc"

void dots(uint64_t rounds) {
  alignas(64) static constexpr int8_t bytes[1024] = {1};
  configure(16, 64, 4, 6);
  load_tile<4>(bytes, line);
  load_tile<6>(bytes, line);
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
#define BW_EACH(one)                                                                                    \
  one("0") one("1") one("2") one("3") one("4") one("5") one("6") one("7") one("16") one("17") one("18") \
      one("19")
#define BW_REGISTERS "v0", "v1", "v2", "v3", "v4", "v5", "v6", "v7", "v16", "v17", "v18", "v19"
#define BW_SDOT(i) "sdot v" i ".4s, v20.16b, v21.16b\n\t"
#define BW_SMMLA(i) "smmla v" i ".4s, v20.16b, v21.16b\n\t"
BW_DOTS(DOTPROD, neon_dotprod, BW_EACH, BW_SDOT, "", BW_REGISTERS)
BW_DOTS(I8MM, neon_i8mm, BW_EACH, BW_SMMLA, "", BW_REGISTERS)
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
