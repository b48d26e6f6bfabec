#include "base/data_dir.h"

#include <cstdlib>
#include <filesystem>
#include <vector>

namespace bw {

namespace fs = std::filesystem;

Result<std::string> find_data_dir(const std::string& variable, const std::string& program_path) {
  std::error_code ignored;  // a folder that cannot be looked into does not count; the error below names it
  const auto counts = [&](const fs::path& p) { return fs::is_directory(p / "tasks", ignored); };
  if (!variable.empty()) {
    if (counts(variable)) return variable;
    return bad_input("BITWORTH_DATA=" + variable + ": expected a folder that holds tasks/, found none",
                     "set it to the data folder of bitworth, or unset it");
  }
  const fs::path here = fs::path(program_path).parent_path();
  std::vector<fs::path> places{(here / "../share/bitworth/data").lexically_normal()};
  for (fs::path p = here; !p.empty(); p = p.parent_path()) {
    places.push_back(p / "data");
    if (p == p.parent_path()) break;
  }
  std::string tried;
  for (const fs::path& p : places) {
    if (counts(p)) return p.string();
    tried += (tried.empty() ? "" : ", ") + p.string();
  }
  return bad_input("the data folder of bitworth (the one that holds tasks/) was not found; tried " + tried,
                   "set BITWORTH_DATA to it");
}

Result<std::string> data_dir() {
  const char* variable = std::getenv("BITWORTH_DATA");
  std::error_code ec;
  const fs::path program = fs::read_symlink("/proc/self/exe", ec);
  if (ec && !variable)
    return failed("/proc/self/exe: " + ec.message(), "set BITWORTH_DATA to the data folder");
  return find_data_dir(variable ? variable : "", program.string());
}

}  // namespace bw
