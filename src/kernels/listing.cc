// What every table needs of a processor, and what of it this machine lacks: the reasons behind available().
// In: nothing. Out: listing(), for doctor.
#include "kernels/arm_target.h"
#include "kernels/kernels.h"
#include "kernels/scalar.h"
#include "kernels/x86_target.h"

namespace bw::kernels {
namespace {

struct Need {
  std::string_view name;
  bool (*met)();
};
struct Entry {
  std::string_view name, processor;
  std::vector<Need> needs;
};

#ifdef BW_X86
#define BW_CPU(label, feature)                                 \
  Need {                                                       \
    label, [] { return __builtin_cpu_supports(feature) != 0; } \
  }
std::vector<Need> avx2_needs() {
  return {BW_CPU("AVX2", "avx2"), BW_CPU("FMA", "fma"), {"F16C", has_f16c}};
}
std::vector<Need> avx512_needs() {
  return {BW_CPU("AVX512F", "avx512f"),       BW_CPU("AVX512BW", "avx512bw"), BW_CPU("AVX512DQ", "avx512dq"),
          BW_CPU("AVX512VL", "avx512vl"),     BW_CPU("FMA", "fma"),           {"F16C", has_f16c},
          BW_CPU("AVX512_VNNI", "avx512vnni")};
}
std::vector<Need> with(std::vector<Need> needs, std::initializer_list<Need> more) {
  needs.insert(needs.end(), more);
  return needs;
}
// CPUID leaf 7, EDX bits 22 and 25.
bool has_amx_bf16() {
  unsigned a = 0, b = 0, c = 0, d = 0;
  return __get_cpuid_count(7, 0, &a, &b, &c, &d) != 0 && (d >> 22 & 1u) != 0;
}
bool has_amx_int8() {
  unsigned a = 0, b = 0, c = 0, d = 0;
  return __get_cpuid_count(7, 0, &a, &b, &c, &d) != 0 && (d >> 25 & 1u) != 0;
}
#endif

// Slowest first. The needs are filled in only where a table can run at all.
std::vector<Entry> entries() {
  std::vector<Entry> all = {{"scalar", "any", {}},           {"sse41", "x86-64", {}},
                            {"avx2", "x86-64", {}},          {"avxvnni", "x86-64", {}},
                            {"avx512vnni", "x86-64", {}},    {"amx", "x86-64", {}},
                            {"neon_dotprod", "AArch64", {}}, {"neon_i8mm", "AArch64", {}}};
#ifdef BW_X86
  all[1].needs = {BW_CPU("SSSE3", "ssse3"), BW_CPU("SSE4.1", "sse4.1")};
  all[2].needs = avx2_needs();
  all[3].needs = with(avx2_needs(), {{"AVX-VNNI", has_avxvnni}});
  all[4].needs = avx512_needs();
  all[5].needs = with(avx512_needs(), {{"AMX-INT8", has_amx_int8}, {"AMX-BF16", has_amx_bf16}});
#endif
#ifdef BW_ARM
  all[6].needs = {{"dotprod", has_dotprod}};
  all[7].needs = {{"dotprod", has_dotprod}, {"i8mm", has_i8mm}};
#endif
  return all;
}

const Table* find(std::string_view name) {
  for (const Table* t : tables())
    if (t->name == name) return t;
  return nullptr;
}

std::vector<std::string_view> borrowed(const Table& t) {
  const Table& s = scalar::table;
  std::vector<std::string_view> names;
  if (&t == &s) return names;
  const std::pair<std::string_view, bool> same[] = {{"non_finite", t.non_finite == s.non_finite},
                                                    {"A32", t.act32 == s.act32},
                                                    {"A256", t.act256 == s.act256},
                                                    {"products", t.product == s.product},
                                                    {"rms_norm", t.rms_norm == s.rms_norm},
                                                    {"exp", t.exp == s.exp},
                                                    {"glu", t.glu == s.glu},
                                                    {"add", t.add == s.add},
                                                    {"rope", t.rope == s.rope},
                                                    {"F16 cache", t.kv_f16 == s.kv_f16},
                                                    {"Q8 cache", t.kv_q8 == s.kv_q8}};
  for (const auto& [name, is_same] : same)
    if (is_same) names.push_back(name);
  return names;
}

}  // namespace

std::vector<Listed> listing() {
  std::vector<Listed> out;
  for (const Entry& e : entries()) {
    Listed l{e.name, e.processor, find(e.name), {}, {}};
    if (l.table != nullptr) {
      for (const Need& n : e.needs)
        if (!n.met()) l.lacks.push_back(n.name);
      if (l.lacks.empty() && !l.table->available()) l.lacks.emplace_back("the operating system's leave");
      l.by_scalar = borrowed(*l.table);
    }
    out.push_back(std::move(l));
  }
  return out;
}

}  // namespace bw::kernels
