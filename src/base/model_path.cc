#include "base/model_path.h"

#include <fmt/format.h>

#include <filesystem>

#include "base/file.h"

namespace bw {

Result<std::string> resolve_model(const std::string& name, const std::string& beside) {
  namespace fs = std::filesystem;
  std::error_code ec;
  if (!beside.empty() && fs::path(name).is_relative() && fs::exists(fs::path(beside) / name, ec))
    return (fs::path(beside) / name).string();
  if (fs::exists(name, ec)) return name;
  // What was fetched, and what `./dev ladder` made of it.
  const fs::path cache = cache_dir();
  const fs::path folders[] = {cache / "models", cache / "candidates"};
  std::string have;
  for (const fs::path& folder : folders) {
    if (name.find('/') == std::string::npos)
      for (const std::string& file : {name, name + ".gguf"})
        if (fs::exists(folder / file, ec)) return (folder / file).string();
    for (const auto& entry : fs::directory_iterator(folder, ec))
      if (entry.path().extension() == ".gguf")
        have += (have.empty() ? "" : ", ") + entry.path().stem().string();
  }
  return bad_input(
      fmt::format("{}: no such file, and no model of that name in {}", name, folders[0].string()),
      have.empty() ? "give the path of a GGUF file, or fetch one: ./dev model qwen0.5b"
                   : "give a path, or one of: " + have);
}

}  // namespace bw
