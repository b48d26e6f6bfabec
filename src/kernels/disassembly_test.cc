// What the compiler made of the kernels, read back from this test program's own machine code with objdump:
//   no call of a mathematical library function anywhere in bw::kernels (BN1 section 1: no libm in this path);
//   no fused multiply-add at all in code built for the baseline (its fma is emulated exactly, fma.h), so
//   nothing was contracted; no ymm or zmm register there either, so no shared inline function leaked another
//   machine's instructions. In avx2 and avx512 a contraction would change bits, which the other tests
//   compare. On AArch64 fmadd belongs to the baseline, so there only the calls and leaked dot products are
//   looked for.
// BITWORTH_OBJDUMP names another objdump, where a program of another processor is emulated.
#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace {

struct Finding {
  size_t n_functions = 0, n_baseline = 0, n_fused_in_vector_code = 0;
  std::vector<std::string> wrong;
};

bool calls_libm(std::string_view line) {
  constexpr std::string_view names[] = {
      "fma",    "fmaf",  "exp",   "expf",  "exp2",  "exp2f",      "log",  "logf",       "pow",       "powf",
      "sqrt",   "sqrtf", "rint",  "rintf", "ldexp", "tanhf",      "tanh", "nearbyintf", "nearbyint", "floor",
      "floorf", "round", "fmaxf", "fmin",  "fminf", "__expf_fma", "sinf", "cosf"};
  for (const std::string_view name : names) {
    const size_t at = line.find("<" + std::string(name));
    if (at == std::string_view::npos) continue;
    const char after = line[at + 1 + name.size()];
    if (after == '@' || after == '>') return true;
  }
  return false;
}

// `disassembly` is objdump -d -C --no-show-raw-insn.
Finding inspect(FILE* disassembly) {
  Finding f;
  std::string function;
  bool ours = false, baseline = false;
  char buffer[4096];
  while (std::fgets(buffer, sizeof buffer, disassembly) != nullptr) {
    const std::string_view line(buffer);
    if (std::isxdigit(static_cast<unsigned char>(line[0])) != 0 &&
        line.find(">:") != std::string_view::npos) {
      function = std::string(line.substr(line.find('<')));
      // The tests' own oracles use std::fma; they are no part of the kernels.
      ours = function.find("bw::kernels::") != std::string::npos &&
             function.find("testing::") == std::string::npos && function.find("_Test") == std::string::npos;
      baseline = ours && function.find("kernels::avx") == std::string::npos &&
                 function.find("kernels::amx") == std::string::npos &&
                 function.find("kernels::neon") == std::string::npos;
      f.n_functions += ours;
      f.n_baseline += baseline;
      continue;
    }
    if (!ours) continue;
    const std::string_view instruction = line.substr(std::min(line.size(), line.find('\t') + 1));
    const auto has = [&](std::string_view text) { return instruction.find(text) != std::string_view::npos; };
    const bool fused = has("vfm") || has("vfnm") || instruction.starts_with("fmla");
    f.n_fused_in_vector_code += fused && !baseline;
    // VEX encodings (v...) and dot products are of no baseline.
    const bool leaked = has("%ymm") || has("%zmm") || (has("%xmm") && instruction.starts_with("v")) ||
                        instruction.starts_with("sdot") || instruction.starts_with("smmla");
    if (calls_libm(line) || (baseline && (leaked || (fused && !instruction.starts_with("fmla")))))
      f.wrong.push_back(function + std::string(line));
  }
  return f;
}

TEST(Disassembly, no_libm_call_no_contraction_and_no_leaked_instruction_in_the_kernels) {
  const char* other = std::getenv("BITWORTH_OBJDUMP");
  const std::string objdump = other != nullptr ? other : "objdump";
  if (std::system((objdump + " --version >/dev/null 2>&1").c_str()) != 0)
    GTEST_SKIP() << objdump << " (package binutils) is missing: the machine code is NOT checked";
  const std::string self = std::filesystem::read_symlink("/proc/self/exe");
  FILE* pipe = popen((objdump + " -d -C --no-show-raw-insn '" + self + "'").c_str(), "r");
  ASSERT_NE(pipe, nullptr);
  const Finding f = inspect(pipe);
  ASSERT_EQ(pclose(pipe), 0);
  EXPECT_GT(f.n_baseline, 5u) << "the scalar kernels were not found: nothing was looked at";
  EXPECT_GT(f.n_fused_in_vector_code, 100u) << "the vector kernels were not found: nothing was looked at";
  for (const std::string& line : f.wrong) ADD_FAILURE() << line;
}

TEST(Disassembly, a_libm_call_a_fused_multiply_add_and_a_wide_register_are_caught) {
  FILE* sample = std::tmpfile();
  ASSERT_NE(sample, nullptr);
  std::fputs(
      "0000000000001000 <bw::kernels::scalar::product(float)>:\n"
      "    1000:\tcall   20 <fmaf@plt>\n"
      "    1001:\tvfmadd213ss %xmm0,%xmm1,%xmm2\n"
      "    1002:\tvmovups %ymm0,(%rax)\n"
      "    1004:\tvmulss %xmm0,%xmm1,%xmm2\n"
      "    1005:\tsdot v0.4s, v1.16b, v2.4b[0]\n"
      "    1006:\tbl     20 <fmaf@plt>\n"
      "    1007:\tfmadd s0, s1, s2, s3\n"
      "    1003:\tcall   30 <bw::kernels::scalar::exp_bn1(float)>\n"
      "0000000000002000 <bw::kernels::avx512::(anonymous namespace)::exp(float)>:\n"
      "    2000:\tvfmadd213ps %zmm0,%zmm1,%zmm2\n"
      "    2001:\tcall   *0x10(%rip)        # 3000 <expf@GLIBC_2.27>\n"
      "0000000000003000 <bw::kernels::testing::product()>:\n"
      "    3000:\tcall   20 <fmaf@plt>\n",
      sample);
  std::rewind(sample);
  const Finding f = inspect(sample);
  std::fclose(sample);
  EXPECT_EQ(f.wrong.size(), 7u);
  EXPECT_EQ(f.n_functions, 2u);
}

}  // namespace
