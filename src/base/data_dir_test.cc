// The data folder is found as declared or refused with every place named, never guessed.
#include "base/data_dir.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

namespace {
using namespace bw;
namespace fs = std::filesystem;

class DataDir : public testing::Test {
 protected:
  void SetUp() override {
    root_ = fs::temp_directory_path() / ("bw_data_" + std::to_string(::getpid()));
    fs::create_directories(root_ / "repo/build/release");
    fs::create_directories(root_ / "repo/data/tasks");
    fs::create_directories(root_ / "usr/bin");
    fs::create_directories(root_ / "usr/share/bitworth/data/tasks");
    fs::create_directories(root_ / "empty");
  }
  void TearDown() override { fs::remove_all(root_); }
  fs::path root_;
};

TEST_F(DataDir, a_binary_in_a_build_folder_finds_the_repository_above_it) {
  const auto r = find_data_dir("", root_ / "repo/build/release/bitworth");
  ASSERT_TRUE(r) << r.error().what;
  EXPECT_EQ(*r, root_ / "repo/data");
}

TEST_F(DataDir, an_installed_binary_finds_share) {
  const auto r = find_data_dir("", root_ / "usr/bin/bitworth");
  ASSERT_TRUE(r) << r.error().what;
  EXPECT_EQ(*r, root_ / "usr/share/bitworth/data");
}

TEST_F(DataDir, a_variable_that_points_nowhere_is_refused_even_where_a_folder_exists) {
  const auto r = find_data_dir(root_ / "empty", root_ / "repo/build/release/bitworth");
  ASSERT_FALSE(r);
  EXPECT_EQ(r.error().code, Code::bad_input);
  EXPECT_NE(r.error().what.find("BITWORTH_DATA"), std::string::npos);
  EXPECT_EQ(*find_data_dir(root_ / "repo/data", root_ / "empty/x"), root_ / "repo/data");
}

TEST_F(DataDir, nothing_found_names_every_place) {
  const auto r = find_data_dir("", root_ / "empty/bitworth");
  ASSERT_FALSE(r);
  EXPECT_NE(r.error().what.find((root_ / "empty/data").string()), std::string::npos) << r.error().what;
  EXPECT_NE(r.error().what.find((root_ / "share/bitworth/data").string()), std::string::npos);
}
}  // namespace
