// Every include of every source file points down: a layer may include only itself and layers named before it in
// CMakeLists.txt. Oracle: the ordered list there, read as text, not the build.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <regex>
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

std::map<std::string, size_t> layer_order() {
  const std::string text = slurp(fs::path(BITWORTH_SOURCE_DIR) / "CMakeLists.txt");
  const std::regex line(R"((?:^|\n)bitworth_layer\((\w+))");
  std::map<std::string, size_t> order;
  for (std::sregex_iterator it(text.begin(), text.end(), line), end; it != end; ++it)
    order.emplace((*it)[1].str(), order.size());
  return order;
}

// Includes of `text` that point up or to a folder that is no layer.
std::vector<std::string> upward(const std::string& text, const std::string& own,
                                const std::map<std::string, size_t>& order) {
  const std::regex include("(?:^|\n)[ \t]*#[ \t]*include[ \t]*\"([^\"/]+)/[^\"]*\"");
  std::vector<std::string> bad;
  for (std::sregex_iterator it(text.begin(), text.end(), include), end; it != end; ++it) {
    const std::string target = (*it)[1].str();
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
    const std::string own = fs::relative(entry.path(), fs::path(BITWORTH_SOURCE_DIR) / "src").begin()->string();
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
  EXPECT_EQ(upward("#include \"nowhere/x.h\"\n", "cli", order), std::vector<std::string>{"nowhere"});
  EXPECT_TRUE(upward("#include \"base/result.h\"\n#include <vector>\n", "gguf", order).empty());
}

}  // namespace
