// Replays fuzz/corpus/answer, so that what a fuzzer once found stays found without a fuzzer.
#include "backend/answer_fuzz.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "base/file.h"

namespace {

TEST(AnswerFuzz, what_endpoints_send_means_the_same_however_it_is_cut) {
  size_t n = 0, n_whole = 0;
  for (const auto& entry : std::filesystem::directory_iterator(BITWORTH_SOURCE_DIR "/fuzz/corpus/answer")) {
    SCOPED_TRACE(entry.path());
    const auto bytes = bw::read_text(entry.path());
    ASSERT_TRUE(bytes);
    ++n;
    n_whole += bw::backend::testing::answer_one(*bytes);
  }
  EXPECT_GT(n, 10u);
  EXPECT_GT(n_whole, 3u);
}

}  // namespace
