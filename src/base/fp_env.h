// The floating-point environment BN1 asks for (docs/bn1.md, section 1): round to nearest even, subnormals
// kept, no traps. In: nothing. Out: the calling thread's control register set, or a question whether it is
// set. x86-64: MXCSR = 0x1F80. AArch64: FPCR = 0. Sticky status flags are not part of it and are ignored.
#pragma once
#include <cstdint>
#if defined(__x86_64__)
#include <xmmintrin.h>
#elif !defined(__aarch64__)
#error "BN1's floating-point environment is not written for this processor"
#endif

namespace bw {

#if defined(__x86_64__)
inline uint64_t fp_control() {
  return _mm_getcsr() & ~0x3Fu;
}
inline void set_fp_control(uint64_t value) {
  _mm_setcsr(static_cast<unsigned>(value));
}
inline constexpr uint64_t fp_control_bn1 = 0x1F80;
#else
inline uint64_t fp_control() {
  uint64_t v;
  asm volatile("mrs %0, fpcr" : "=r"(v));
  return v;
}
inline void set_fp_control(uint64_t value) {
  asm volatile("msr fpcr, %0" : : "r"(value));
}
inline constexpr uint64_t fp_control_bn1 = 0;
#endif

inline bool fp_env_is_bn1() {
  return fp_control() == fp_control_bn1;
}

// Sets BN1's environment for a scope, in the calling thread, and gives the caller's back at its end.
class FpEnv {
 public:
  FpEnv() : saved_(fp_control()) { set_fp_control(fp_control_bn1); }
  ~FpEnv() { set_fp_control(saved_); }
  FpEnv(const FpEnv&) = delete;
  FpEnv& operator=(const FpEnv&) = delete;

 private:
  uint64_t saved_;
};

}  // namespace bw
