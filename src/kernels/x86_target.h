// Target regions: code of one instruction set in a file compiled for the baseline, so that no inline function
// of a shared header is built with instructions another machine lacks (per-file -m flags would do that).
// Include every header first (this one brings the intrinsics), then: BW_TARGET_BEGIN_AVX512 namespace { ... }
// BW_TARGET_END. No lambdas inside: g++ does not give them the region's target.
#pragma once

#if defined(__x86_64__)
#define BW_X86 1
#include <cpuid.h>

#define BW_PRAGMA(text) _Pragma(#text)
#if defined(__clang__)
#include <immintrin.h>
#define BW_TARGET_BEGIN(isa) \
  BW_PRAGMA(clang attribute push(__attribute__((target(isa))), apply_to = function))
#define BW_TARGET_END BW_PRAGMA(clang attribute pop)
#else
// g++ 12 warns about its own _mm512_undefined_* inside the header (GCC bug 105593).
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#include <immintrin.h>
#pragma GCC diagnostic pop
#define BW_TARGET_BEGIN(isa) BW_PRAGMA(GCC push_options) BW_PRAGMA(GCC target(isa))
#define BW_TARGET_END BW_PRAGMA(GCC pop_options)
#endif

#define BW_TARGET_BEGIN_SSE41 BW_TARGET_BEGIN("ssse3,sse4.1")
#define BW_TARGET_BEGIN_AVX2 BW_TARGET_BEGIN("avx2,fma,f16c")
#define BW_TARGET_BEGIN_AVXVNNI BW_TARGET_BEGIN("avx2,fma,f16c,avxvnni")
#define BW_TARGET_BEGIN_AVX512 BW_TARGET_BEGIN("avx2,fma,f16c,avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")
#define BW_TARGET_BEGIN_AMX \
  BW_TARGET_BEGIN("avx2,fma,f16c,avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,amx-tile,amx-int8,amx-bf16")

namespace bw::kernels {

// CPUID leaf 1, ECX bit 29: binary16 conversions. clang 14's __builtin_cpu_supports does not know the name.
inline bool has_f16c() {
  unsigned a = 0, b = 0, c = 0, d = 0;
  return __get_cpuid(1, &a, &b, &c, &d) != 0 && (c >> 29 & 1u) != 0;
}
// CPUID leaf 7.1, EAX bit 4: vpdpbusd in VEX encoding.
inline bool has_avxvnni() {
  unsigned a = 0, b = 0, c = 0, d = 0;
  return __get_cpuid_count(7, 0, &a, &b, &c, &d) != 0 && a >= 1 &&
         __get_cpuid_count(7, 1, &a, &b, &c, &d) != 0 && (a >> 4 & 1u) != 0;
}

}  // namespace bw::kernels
#endif
