// Replays fuzz/corpus/pilot, so that what a fuzzer once found stays found without a fuzzer.
#include <gtest/gtest.h>

#include <filesystem>

#include "base/file.h"
#include "pilot/plan_fuzz.h"

namespace {

TEST(PlanFuzz, the_corpus_neither_crashes_nor_is_misread) {
  size_t taken = 0, refused = 0;
  for (const auto& entry : std::filesystem::directory_iterator(BITWORTH_SOURCE_DIR "/fuzz/corpus/pilot")) {
    SCOPED_TRACE(entry.path());
    const auto bytes = bw::read_text(entry.path());
    ASSERT_TRUE(bytes);
    (bw::pilot::testing::read_one(*bytes) ? taken : refused)++;
  }
  EXPECT_GE(taken, 4u);
  EXPECT_GT(refused, 0u);
}

}  // namespace
