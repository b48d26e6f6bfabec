// Target regions on AArch64 (see x86_target.h for why): BW_TARGET_BEGIN_DOTPROD namespace { ... }
// BW_TARGET_END. Needs g++ 12 or later; clang before 16 hides these intrinsics from a baseline file.
#pragma once

#if defined(__aarch64__)
#define BW_ARM 1
#include <arm_neon.h>
#include <sys/auxv.h>

#define BW_PRAGMA(text) _Pragma(#text)
#define BW_TARGET_BEGIN(isa) BW_PRAGMA(GCC push_options) BW_PRAGMA(GCC target(isa))
#define BW_TARGET_END BW_PRAGMA(GCC pop_options)
#define BW_TARGET_BEGIN_DOTPROD BW_TARGET_BEGIN("arch=armv8.2-a+dotprod")
#define BW_TARGET_BEGIN_I8MM BW_TARGET_BEGIN("arch=armv8.2-a+dotprod+i8mm")

namespace bw::kernels {

// What Linux says of the processor (asm/hwcap.h): AT_HWCAP bit 20 ASIMDDP, AT_HWCAP2 bit 13 I8MM.
inline bool has_dotprod() {
  return (getauxval(AT_HWCAP) >> 20 & 1u) != 0;
}
inline bool has_i8mm() {
  return has_dotprod() && (getauxval(AT_HWCAP2) >> 13 & 1u) != 0;
}

}  // namespace bw::kernels
#endif
