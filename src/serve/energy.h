// Energy of the processor packages by RAPL, as Linux shows it. In: /sys/class/powercap. Out: joules since it
// was opened; nothing where the kernel, the processor or the rights do not give it. It is not what a meter at
// the wall shows: memory and the rest of the machine are not in it. Source: kernel
// Documentation/power/powercap/powercap.rst.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace bw::serve {

class PackageEnergy {
 public:
  static std::optional<PackageEnergy> open(const std::string& root = "/sys/class/powercap");
  // Since open(). Counters wrap (65 to 260 kJ, at 100 W after some ten minutes or more): call more often than
  // that. Nothing where a counter can no longer be read.
  std::optional<double> joules();

 private:
  struct Domain {
    std::string path;              // .../energy_uj
    uint64_t last = 0, range = 0;  // microjoules
  };
  std::vector<Domain> domains_;
  uint64_t total_ = 0;  // microjoules
};

}  // namespace bw::serve
