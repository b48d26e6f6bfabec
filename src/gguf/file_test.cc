// Reading: a real file, the tiny ones, keys of every kind.
#include <gtest/gtest.h>

#include <filesystem>

#include "gguf/file.h"
#include "gguf/vocab.h"

namespace {
using namespace bw;

std::string model(const char* file) {
  return cache_dir() + "/models/" + file;
}

TEST(Open, a_real_file_has_the_keys_and_tensors_its_publisher_lists) {
  const std::string path = model("qwen2.5-coder-0.5b.gguf");
  if (!std::filesystem::exists(path)) GTEST_SKIP() << path << " is absent; `./dev model qwen0.5b` fetches it";
  auto f = gguf::open(path);
  ASSERT_TRUE(f) << f.error().what;
  EXPECT_EQ(*f->architecture(), "qwen2");
  EXPECT_EQ(f->n_bytes, 491400064u);
  auto v = gguf::vocab(*f);
  ASSERT_TRUE(v) << v.error().what;
  EXPECT_EQ(v->pre, "qwen2");
  EXPECT_EQ(v->tokens.size(), 151936u);
  EXPECT_EQ(v->tokens[static_cast<size_t>(v->eos)], "<|im_end|>");
}

}  // namespace
