// Where the data files of this program live (task suites, texts, scenarios): data/ of the repository, or
// installed. In: the environment and the place of the running binary. Out: a folder that holds tasks/, or
// what was tried.
#pragma once
#include <string>

#include "base/result.h"

namespace bw {

// In this order: $BITWORTH_DATA (if set it must be right, nothing else is tried); ../share/bitworth/data
// beside the folder of /proc/self/exe; then every folder upward from the binary, as X/data. A folder counts
// if it holds tasks/. bad_input names every place tried.
Result<std::string> data_dir();
// The same for a given value of the variable ("" = not set) and a given path of the binary.
Result<std::string> find_data_dir(const std::string& variable, const std::string& program_path);

}  // namespace bw
