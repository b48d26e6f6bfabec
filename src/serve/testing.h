// What tests of this layer share: a folder that goes away.
#pragma once
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <string>

namespace bw::serve {

struct TestFolder {
  std::string path;
  TestFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "bitworth-serve-XXXXXX").string();
    path = ::mkdtemp(name.data());
  }
  ~TestFolder() {
    std::error_code ec;
    std::filesystem::remove_all(path, ec);
  }
  TestFolder(const TestFolder&) = delete;
};

}  // namespace bw::serve
