// Replays fuzz/corpus/gguf, so that what a fuzzer once found stays found without a fuzzer.
#include <gtest/gtest.h>

#include <filesystem>

#include "base/file.h"
#include "gguf/open_fuzz.h"

namespace {

TEST(OpenFuzz, the_corpus_neither_crashes_nor_is_misread) {
  size_t accepted = 0, refused = 0;
  for (const auto& entry : std::filesystem::directory_iterator(BITWORTH_SOURCE_DIR "/fuzz/corpus/gguf")) {
    SCOPED_TRACE(entry.path());
    auto bytes = bw::read_text(entry.path());
    ASSERT_TRUE(bytes);
    (bw::gguf::testing::open_one(*bytes) ? accepted : refused)++;
  }
  EXPECT_GT(accepted, 0u);
  EXPECT_GT(refused, 0u);
}

}  // namespace
