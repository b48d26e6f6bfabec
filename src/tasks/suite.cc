#include "tasks/suite.h"

#include "base/file.h"
#include "base/hash.h"

namespace bw::tasks {

#define SUITE(name, maker) Result<std::unique_ptr<Suite>> maker(const std::string& data_dir);
#include "tasks/suites.def"
#undef SUITE

std::vector<std::string> suite_names() {
  return {
#define SUITE(name, maker) name,
#include "tasks/suites.def"
#undef SUITE
  };
}

Result<std::unique_ptr<Suite>> open_suite(std::string_view name, const std::string& data_dir) {
#define SUITE(known, maker) \
  if (name == known) return maker(data_dir);
#include "tasks/suites.def"
#undef SUITE
  std::string known;
  for (const std::string& s : suite_names()) known += (known.empty() ? "" : ", ") + s;
  return bad_input("task suite \"" + std::string(name) + "\" is not known; known: " + known);
}

Result<std::unique_ptr<Suite>> load_suite(const std::string& path) {
  return unsupported(path + ": suites from a file of one's own are not built yet",
                     "use a built-in suite: " + suite_names().front());
}

Result<std::string> wikitext_path(const std::string& data_dir) {
  const char* const expected = "173c87a53759e0201f33e0ccf978e510c2042d7f2cb78229d9a50d79b9e7dd08";
  const std::string path = data_dir + "/text/wikitext2/wiki.test.raw";
  BW_TRY(const std::string found, sha256_file(path));
  if (found != expected)
    return bad_input(path + ": expected SHA-256 " + expected + ", found " + found,
                     "restore the file; divergence is comparable only over the same text");
  return path;
}

}  // namespace bw::tasks
