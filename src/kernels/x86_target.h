// Target regions: code of one instruction set in a file compiled for the baseline, so that no inline function
// of a shared header is built with instructions another machine lacks (per-file -m flags would do that).
// Include every header first (this one brings the intrinsics), then: BW_TARGET_BEGIN_AVX512 namespace { ... }
// BW_TARGET_END. No lambdas inside: g++ does not give them the region's target.
#pragma once

#if defined(__x86_64__)
#define BW_X86 1
#if defined(__clang__)
#include <immintrin.h>
#define BW_TARGET_BEGIN_AVX2 \
  _Pragma("clang attribute push(__attribute__((target(\"avx2,fma,f16c\"))), apply_to = function)")
#define BW_TARGET_BEGIN_AVX512                                                                          \
  _Pragma(                                                                                              \
      "clang attribute "                                                                                \
      "push(__attribute__((target(\"avx2,fma,f16c,avx512f,avx512bw,avx512dq,avx512vl,avx512vnni\"))), " \
      "apply_to = function)")
#define BW_TARGET_END _Pragma("clang attribute pop")
#else
// g++ 12 warns about its own _mm512_undefined_* inside the header (GCC bug 105593).
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#include <immintrin.h>
#pragma GCC diagnostic pop
#define BW_TARGET_BEGIN_AVX2 _Pragma("GCC push_options") _Pragma("GCC target(\"avx2,fma,f16c\")")
#define BW_TARGET_BEGIN_AVX512 \
  _Pragma("GCC push_options")  \
      _Pragma("GCC target(\"avx2,fma,f16c,avx512f,avx512bw,avx512dq,avx512vl,avx512vnni\")")
#define BW_TARGET_END _Pragma("GCC pop_options")
#endif
#endif
