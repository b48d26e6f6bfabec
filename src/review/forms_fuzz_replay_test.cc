// Replays fuzz/corpus/forms, so that what a fuzzer once found stays found without a fuzzer.
#include <gtest/gtest.h>

#include <filesystem>

#include "base/file.h"
#include "review/forms_fuzz.h"

namespace {

TEST(FormsFuzz, the_corpus_neither_crashes_nor_is_misread) {
  size_t taken = 0, refused = 0;
  for (const auto& entry : std::filesystem::directory_iterator(BITWORTH_SOURCE_DIR "/fuzz/corpus/forms")) {
    SCOPED_TRACE(entry.path());
    const auto bytes = bw::read_text(entry.path());
    ASSERT_TRUE(bytes);
    (bw::review::testing::read_one(*bytes) ? taken : refused)++;
  }
  EXPECT_GE(taken, 3u);
  EXPECT_GT(refused, 0u);
}

}  // namespace
