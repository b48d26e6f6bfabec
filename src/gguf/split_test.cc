// Split files: all parts are followed from any of them, and parts that lie about themselves are refused.
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

#include "gguf/file.h"
#include "gguf/writer.h"

namespace {
using namespace bw;
namespace fs = std::filesystem;

// What a part says of itself, and the tensors it holds (8 floats each, all equal to the tensor's number).
struct Part {
  int64_t no, count, n_tensors;
  std::vector<int> tensors;
};

class Split : public testing::Test {
 protected:
  Split() : dir_(fs::temp_directory_path() / ("bw_split_" + std::to_string(::getpid()))) {
    fs::create_directories(dir_);
  }
  ~Split() override { fs::remove_all(dir_); }
  std::string path(const char* name) const { return dir_ / name; }

  void write(const char* file, const Part& p) {
    using enum gguf::ValueType;
    std::vector<std::pair<std::string, gguf::Value>> kv;
    if (p.no == 0) kv.emplace_back("general.architecture", gguf::string_value("llama"));
    kv.emplace_back("split.no", gguf::Value{u16, u16, static_cast<uint64_t>(p.no)});
    kv.emplace_back("split.count", gguf::Value{u16, u16, static_cast<uint64_t>(p.count)});
    kv.emplace_back("split.tensors.count", gguf::Value{i32, i32, p.n_tensors});
    std::vector<gguf::TensorDecl> decls;
    for (const int t : p.tensors)
      decls.push_back({"t" + std::to_string(t), 1, {8, 1, 1, 1}, quant::Type::F32});
    auto w = gguf::Writer::create(path(file), kv, decls);
    ASSERT_TRUE(w) << w.error().what;
    for (const int t : p.tensors) {
      const std::vector<float> data(8, static_cast<float>(t));
      ASSERT_TRUE(w->append(std::as_bytes(std::span(data))));
    }
    ASSERT_TRUE(w->commit());
  }
  void write_all() {
    write("m-00001-of-00003.gguf", {0, 3, 4, {0, 1}});
    write("m-00002-of-00003.gguf", {1, 3, 4, {2}});
    write("m-00003-of-00003.gguf", {2, 3, 4, {3}});
  }
  void expect_refused(const char* file, const char* says) {
    auto f = gguf::open(path(file));
    ASSERT_FALSE(f) << file;
    EXPECT_NE(f.error().what.find(says), std::string::npos) << f.error().what;
    EXPECT_FALSE(f.error().next.empty());
  }
  fs::path dir_;
};

TEST_F(Split, every_part_opens_the_whole) {
  write_all();
  uint64_t n_bytes = 0;
  for (const auto& e : fs::directory_iterator(dir_)) n_bytes += e.file_size();
  for (const char* file : {"m-00001-of-00003.gguf", "m-00002-of-00003.gguf", "m-00003-of-00003.gguf"}) {
    auto f = gguf::open(path(file));
    ASSERT_TRUE(f) << f.error().what;
    EXPECT_EQ(f->path, path(file));
    EXPECT_EQ(f->shards.size(), 3u);
    EXPECT_EQ(f->n_bytes, n_bytes);
    EXPECT_EQ(*f->architecture(), "llama");  // the keys are those of the first part
    ASSERT_EQ(f->tensors.size(), 4u);
    for (int t = 0; t < 4; t++) {
      const gguf::TensorInfo* info = f->tensor("t" + std::to_string(t));
      ASSERT_NE(info, nullptr);
      float row[8] = {};
      ASSERT_TRUE(f->read_rows_f32(*info, 0, 1, row));
      EXPECT_EQ(row[7], static_cast<float>(t));
    }
  }
}

TEST_F(Split, one_part_of_one_needs_no_name) {
  write("whole.gguf", {0, 1, 2, {0, 1}});
  EXPECT_TRUE(gguf::open(path("whole.gguf")));
}

TEST_F(Split, a_missing_part_is_named) {
  write_all();
  fs::remove(path("m-00002-of-00003.gguf"));
  expect_refused("m-00003-of-00003.gguf", "m-00002-of-00003.gguf");
}

TEST_F(Split, a_renamed_part_is_refused) {
  write_all();
  fs::rename(path("m-00001-of-00003.gguf"), path("mine.gguf"));
  expect_refused("mine.gguf", "expected a name that ends in -NNNNN-of-00003.gguf");
  fs::rename(path("mine.gguf"), path("m-00001-of-00003.gguf"));
  fs::rename(path("m-00002-of-00003.gguf"), path("x"));
  fs::rename(path("m-00003-of-00003.gguf"), path("m-00002-of-00003.gguf"));
  fs::rename(path("x"), path("m-00003-of-00003.gguf"));
  expect_refused("m-00001-of-00003.gguf", "split.no: expected 1 (its name says so), found 2");
}

TEST_F(Split, a_part_that_lies_about_number_count_or_tensors_is_refused) {
  write_all();
  write("m-00002-of-00003.gguf", {3, 3, 4, {2}});
  expect_refused("m-00001-of-00003.gguf", "split.no: expected 1");
  write("m-00002-of-00003.gguf", {1, 2, 4, {2}});
  expect_refused("m-00001-of-00003.gguf", "split.count: expected 3");
  write("m-00002-of-00003.gguf", {1, 3, 4, {0}});
  expect_refused("m-00001-of-00003.gguf", "tensor t0: expected once in all parts");
  write("m-00002-of-00003.gguf", {1, 3, 4, {2}});
  write("m-00001-of-00003.gguf", {0, 3, 5, {0, 1}});
  expect_refused("m-00001-of-00003.gguf",
                 "split.tensors.count: expected the 4 tensors its parts hold, found 5");
  write("m-00001-of-00003.gguf", {0, 0, 4, {0, 1}});
  expect_refused("m-00001-of-00003.gguf", "split.count: expected 1 to 99999, found 0");
}

}  // namespace
