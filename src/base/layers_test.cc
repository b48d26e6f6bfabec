// Every include of every source file points down: a layer may include only itself and layers named before it
// in CMakeLists.txt. Oracle: the ordered list there, read as text, not the build.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

namespace {
namespace fs = std::filesystem;

std::string slurp(const fs::path& path) {
  std::ifstream in(path);
  std::stringstream s;
  s << in.rdbuf();
  return s.str();
}

// The rest of each line of `text` that begins with `start`, blanks before it aside.
std::vector<std::string> lines_after(const std::string& text, const std::string& start) {
  std::vector<std::string> rests;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    const size_t at = line.find_first_not_of(" \t");
    if (at != std::string::npos && line.compare(at, start.size(), start) == 0)
      rests.push_back(line.substr(at + start.size()));
  }
  return rests;
}

std::map<std::string, size_t> layer_order() {
  std::map<std::string, size_t> order;
  for (const std::string& rest :
       lines_after(slurp(fs::path(BITWORTH_SOURCE_DIR) / "CMakeLists.txt"), "bitworth_layer("))
    order.emplace(rest.substr(0, rest.find_first_of(" )")), order.size());
  return order;
}

// Includes of `text` that point up or to a folder that is no layer. Only "folder/file" includes are ours.
std::vector<std::string> upward(const std::string& text, const std::string& own,
                                const std::map<std::string, size_t>& order) {
  std::vector<std::string> bad;
  for (const std::string& rest : lines_after(text, "#")) {
    const size_t word = rest.find_first_not_of(" \t"), open = rest.find('"');
    if (word == std::string::npos || rest.compare(word, 7, "include") != 0 || open == std::string::npos)
      continue;
    const size_t slash = rest.find('/', open);
    if (slash == std::string::npos) continue;
    const std::string target = rest.substr(open + 1, slash - open - 1);
    const auto found = order.find(target);
    if (found == order.end() || found->second > order.at(own)) bad.push_back(target);
  }
  return bad;
}

TEST(Layers, every_include_points_down) {
  const auto order = layer_order();
  ASSERT_GE(order.size(), 15u);
  size_t n_files = 0;
  for (const auto& entry : fs::recursive_directory_iterator(fs::path(BITWORTH_SOURCE_DIR) / "src")) {
    const std::string ext = entry.path().extension();
    if (ext != ".h" && ext != ".cc" && ext != ".def" && ext != ".inc") continue;
    const std::string own =
        fs::relative(entry.path(), fs::path(BITWORTH_SOURCE_DIR) / "src").begin()->string();
    ASSERT_TRUE(order.count(own)) << entry.path() << ": its folder is no layer of CMakeLists.txt";
    ++n_files;
    for (const std::string& target : upward(slurp(entry.path()), own, order))
      ADD_FAILURE() << entry.path() << ": layer " << own << " includes " << target
                    << ", which is not below it in CMakeLists.txt";
  }
  EXPECT_GT(n_files, 10u);
}

TEST(Layers, an_upward_include_is_caught) {
  const std::map<std::string, size_t> order{{"base", 0}, {"gguf", 1}, {"cli", 2}};
  EXPECT_EQ(upward("#include \"cli/main.h\"\n", "gguf", order), std::vector<std::string>{"cli"});
  EXPECT_EQ(upward("  # include \"cli/main.h\"  // why\n", "gguf", order), std::vector<std::string>{"cli"});
  EXPECT_EQ(upward("#include \"nowhere/x.h\"\n", "cli", order), std::vector<std::string>{"nowhere"});
  EXPECT_TRUE(upward("#include \"base/result.h\"\n#include <vector>\n", "gguf", order).empty());
}

}  // namespace
