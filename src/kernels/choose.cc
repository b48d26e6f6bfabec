// The ordered list of kernel tables and the choice of one: by name, by BITWORTH_ISA, or the best this machine
// runs.
#include <array>
#include <cstdlib>
#include <string>

#include "kernels/amx.h"
#include "kernels/arm_target.h"
#include "kernels/avx2.h"
#include "kernels/avx512.h"
#include "kernels/kernels.h"
#include "kernels/neon.h"
#include "kernels/scalar.h"
#include "kernels/sse41.h"
#include "kernels/x86_target.h"

namespace bw::kernels {
namespace {

constexpr auto all = std::to_array<const Table*>({
    &scalar::table,
#ifdef BW_X86
    &sse41::table,
    &avx2::table,
    &avxvnni::table,
    &avx512::table,
    &amx::table,
#endif
#ifdef BW_ARM
    &neon_dotprod::table,
    &neon_i8mm::table,
#endif
});

std::string runnable() {
  std::string names;
  for (const Table* t : all)
    if (t->available()) names += (names.empty() ? "" : ", ") + std::string(t->name);
  return names;
}

}  // namespace

std::span<const Table* const> tables() {
  return all;
}

Result<const Table*> choose(std::string_view isa) {
  std::string source = "--isa";
  if (isa.empty()) {
    const char* variable = std::getenv("BITWORTH_ISA");
    if (variable != nullptr) isa = variable;
    source = "BITWORTH_ISA";
  }
  const Table* best = nullptr;
  for (const Table* t : all) {
    if (isa.empty() ? t->available() : t->name == isa) best = t;
  }
  if (best == nullptr)
    return bad_input(source + ": expected one of " + runnable() + ", found " + std::string(isa),
                     "leave it unset to use the best this machine has");
  if (!best->available()) {
    std::string lacks;
    for (const Listed& l : listing())
      for (const std::string_view what : l.table == best ? l.lacks : std::vector<std::string_view>{})
        lacks += (lacks.empty() ? "" : ", ") + std::string(what);
    return bad_input(source + ": this machine cannot run " + std::string(isa) + " (it lacks " + lacks +
                         "); it runs " + runnable(),
                     "leave it unset to use the best this machine has");
  }
  return best;
}

}  // namespace bw::kernels
