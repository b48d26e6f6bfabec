// SQLite as bitworth uses it. Oracle: what another connection finds in the file.
#include "base/sqlite.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

namespace bw {
namespace {

constexpr SqliteKind kind(int32_t application, int32_t format) {
  return {.what = "numbers",
          .application_id = application,
          .format = format,
          .tables = "CREATE TABLE number(n INTEGER UNIQUE, word TEXT, half REAL);",
          .if_damaged = "move it away"};
}

class SqliteTest : public ::testing::Test {
 protected:
  SqliteTest() { std::filesystem::remove(path_); }
  ~SqliteTest() override {
    for (const char* end : {"", "-wal", "-shm"}) std::filesystem::remove(path_ + end);
  }
  Sqlite open(int32_t application = 17, int32_t format = 1) {
    auto db = Sqlite::open(path_, kind(application, format));
    EXPECT_TRUE(db) << db.error().what;
    return *std::move(db);
  }
  static Status insert(Sqlite& db, int64_t n) {
    BW_TRY(SqliteUse use, db.use("INSERT INTO number VALUES(?1, ?2, ?3)", "inserting"));
    return use.add(n).add("word").add(double(n) / 2).done();
  }
  static int64_t count(Sqlite& db) {
    auto use = db.use("SELECT count(*) FROM number", "counting");
    EXPECT_TRUE(use->row());
    return use->number(0);
  }
  const std::string path_ =
      std::filesystem::temp_directory_path() / ("bitworth-sqlite-" + std::to_string(::getpid()));
};

TEST_F(SqliteTest, WhatWasSavedIsFoundByTheNext) {
  {
    Sqlite db = open();
    ASSERT_TRUE(insert(db, 7));
  }
  Sqlite db = open();
  auto use = db.use("SELECT n, word, half, NULL FROM number", "reading");
  ASSERT_TRUE(use && *use->row());
  EXPECT_EQ(use->number(0), 7);
  EXPECT_EQ(use->text(1), "word");
  EXPECT_EQ(use->real(2), 3.5);
  EXPECT_TRUE(use->is_null(3));
  EXPECT_FALSE(*use->row());
}

TEST_F(SqliteTest, ATransactionIsWholeOrNothing) {
  Sqlite db = open();
  const Status twice = db.transaction([&]() -> Status {
    BW_CHECK(insert(db, 1));
    return insert(db, 1);  // n is unique
  });
  ASSERT_FALSE(twice);
  EXPECT_NE(twice.error().what.find(path_), std::string::npos) << twice.error().what;
  EXPECT_NE(twice.error().what.find("inserting"), std::string::npos) << twice.error().what;
  Sqlite other = open();
  EXPECT_EQ(count(other), 0);
  ASSERT_TRUE(db.transaction([&] { return insert(db, 1); }));
  EXPECT_EQ(count(other), 1);
}

TEST_F(SqliteTest, AFileOfAnotherKindOrANewerFormatIsRefused) {
  open(17, 2);
  const auto other = Sqlite::open(path_, kind(18, 2));
  ASSERT_FALSE(other);
  EXPECT_EQ(other.error().code, Code::bad_input);
  const auto older = Sqlite::open(path_, kind(17, 1));
  ASSERT_FALSE(older);
  EXPECT_NE(older.error().what.find("format 2"), std::string::npos) << older.error().what;
}

}  // namespace
}  // namespace bw
