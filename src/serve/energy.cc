#include "serve/energy.h"

#include <filesystem>
#include <fstream>

namespace bw::serve {
namespace {

// The kernel's files do not know their own size, so base/file.h's reads are not for them.
template <class T>
std::optional<T> read_value(const std::filesystem::path& path) {
  std::ifstream in(path);
  T value{};
  if (!(in >> value)) return {};
  return value;
}

}  // namespace

std::optional<PackageEnergy> PackageEnergy::open(const std::string& root) {
  PackageEnergy out;
  std::error_code ec;
  for (const auto& entry : std::filesystem::directory_iterator(root, ec)) {
    // Packages alone: their cores, memory and the platform ("psys") overlap with them or are no part of them.
    const auto name = read_value<std::string>(entry.path() / "name");
    if (!name || name->rfind("package-", 0) != 0) continue;
    Domain domain{entry.path() / "energy_uj", 0, 0};
    const auto now = read_value<uint64_t>(domain.path);
    const auto range = read_value<uint64_t>(entry.path() / "max_energy_range_uj");
    if (!now || !range || *range == 0) return {};  // some packages without the others would be a wrong figure
    domain.last = *now;
    domain.range = *range;
    out.domains_.push_back(std::move(domain));
  }
  if (out.domains_.empty()) return {};
  return out;
}

std::optional<double> PackageEnergy::joules() {
  for (Domain& domain : domains_) {
    const auto now = read_value<uint64_t>(domain.path);
    if (!now) return {};
    total_ += *now >= domain.last ? *now - domain.last : domain.range - domain.last + *now;
    domain.last = *now;
  }
  return static_cast<double>(total_) * 1e-6;
}

}  // namespace bw::serve
