// The cursor over a file longer than its window: every field arrives, the first error stays.
#include "base/cursor.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

namespace {
using namespace bw;

class CursorTest : public testing::Test {
 protected:
  CursorTest()
      : path_(std::filesystem::temp_directory_path() / ("bw_cursor_" + std::to_string(::getpid()))) {}
  ~CursorTest() override { std::filesystem::remove(path_); }
  InFile file(const std::string& bytes) {
    EXPECT_TRUE(write_text(path_, bytes));
    auto f = InFile::open(path_);
    EXPECT_TRUE(f);
    return *std::move(f);
  }
  std::string path_;
};

TEST_F(CursorTest, fields_of_every_length_arrive_across_the_window) {
  std::string bytes(5'000'003, '\0');
  for (size_t i = 0; i < bytes.size(); i++) bytes[i] = static_cast<char>(i * 2654435761u >> 13);
  const InFile f = file(bytes);
  Cursor c(f);
  std::string got;
  for (size_t n = 1; c.left() > 0; n = n * 7 % 1'500'007 + 1) {
    if (n % 3 == 0 && c.left() >= 8) {
      const uint64_t v = c.number<uint64_t>("number");
      got.append(reinterpret_cast<const char*>(&v), sizeof v);
    } else {
      got += c.text(std::min<uint64_t>(n, c.left()), "text");
    }
    ASSERT_EQ(c.at(), got.size());
  }
  EXPECT_TRUE(c);
  EXPECT_EQ(got, bytes);
}

TEST_F(CursorTest, the_first_error_stays_and_later_reads_give_nothing) {
  const InFile f = file("\1\2\3\4\5\6");
  Cursor c(f);
  EXPECT_EQ(c.number<uint32_t>("first"), 0x04030201u);
  c.inside("the group");
  EXPECT_EQ(c.number<uint32_t>("second"), 0u);
  ASSERT_FALSE(c);
  const std::string what =
      path_ + ": the group, second at byte 4: expected 4 bytes, found 2 left in the file";
  EXPECT_EQ(c.error().what, what);
  EXPECT_EQ(c.number<uint8_t>("third"), 0);
  EXPECT_EQ(c.text(1, "fourth"), "");
  c.fail("fifth", 0, "this", "that");
  EXPECT_EQ(c.error().what, what);
}

TEST(Printable, bytes_of_a_file_cannot_reach_a_terminal_raw) {
  EXPECT_EQ(printable("a\x1b[2J\n\xff"), "a\\x1b[2J\\x0a\\xff");
  EXPECT_EQ(printable(std::string(81, 'x')), std::string(80, 'x') + "...");
}

}  // namespace
