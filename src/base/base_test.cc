// Figures never lose their birth, files appear whole or not at all, digests are FIPS 180-4's.
#include <gtest/gtest.h>

#include <unistd.h>
#include <cmath>

#include <filesystem>

#include "base/figure.h"
#include "base/file.h"
#include "base/hash.h"

namespace {
using namespace bw;
namespace fs = std::filesystem;

TEST(Figure, description_carries_value_unit_birth_and_interval) {
  EXPECT_EQ(describe(measured(412.5, "MiB")), "412.5 MiB measured");
  EXPECT_EQ(describe(with_interval(measured(0.119, "nats"), 0.11, 0.128, 40)),
            "0.1190 nats measured [0.1100, 0.1280]");
  EXPECT_EQ(describe(unknown("nats", "no reference")), "unknown(no reference)");
  EXPECT_EQ(describe(declared(2, "s", "default, not yours")), "2.00 s declared (default, not yours)");
}

TEST(Figure, a_value_that_is_not_finite_becomes_unknown) {
  EXPECT_FALSE(measured(std::nan(""), "s").known());
  EXPECT_FALSE(derived(INFINITY, "s").known());
}

TEST(Hash, sha256_of_abc_is_the_published_one) {
  EXPECT_EQ(sha256_hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(sha256_hex(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

TEST(File, an_uncommitted_file_leaves_the_old_one_and_no_temporary) {
  const fs::path dir = fs::temp_directory_path() / ("bw_file_" + std::to_string(::getpid()));
  fs::create_directories(dir);
  const std::string path = dir / "a.txt";
  ASSERT_TRUE(write_text(path, "old"));
  {
    auto f = OutFile::create(path);
    ASSERT_TRUE(f);
    ASSERT_TRUE(f->write(std::string_view("new")));
  }
  EXPECT_EQ(*read_text(path), "old");
  EXPECT_EQ(std::distance(fs::directory_iterator(dir), fs::directory_iterator{}), 1);
  fs::remove_all(dir);
}

TEST(File, a_read_past_the_end_names_the_byte) {
  const std::string path = fs::temp_directory_path() / ("bw_short_" + std::to_string(::getpid()));
  ASSERT_TRUE(write_text(path, "12345"));
  auto f = InFile::open(path);
  ASSERT_TRUE(f);
  std::byte b[4];
  const auto s = f->read(3, b);
  ASSERT_FALSE(s);
  EXPECT_NE(s.error().what.find("ends at byte 5"), std::string::npos) << s.error().what;
  fs::remove(path);
}

TEST(File, a_missing_file_is_bad_input_with_a_next_step) {
  auto f = InFile::open("/nonexistent/x.gguf");
  ASSERT_FALSE(f);
  EXPECT_EQ(f.error().code, Code::bad_input);
  EXPECT_FALSE(f.error().next.empty());
}
}  // namespace
