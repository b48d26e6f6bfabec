// Replays fuzz/corpus/log, so that what a fuzzer once found stays found without a fuzzer.
#include <gtest/gtest.h>

#include <filesystem>

#include "audit/log_fuzz.h"
#include "base/file.h"

namespace bw::audit {
namespace {

TEST(LogFuzz, the_corpus_neither_crashes_nor_passes_unsigned) {
  size_t accepted = 0, refused = 0;
  for (const auto& entry : std::filesystem::directory_iterator(BITWORTH_SOURCE_DIR "/fuzz/corpus/log")) {
    SCOPED_TRACE(entry.path());
    const auto bytes = read_text(entry.path());
    ASSERT_TRUE(bytes);
    (testing::log_one(*bytes) ? accepted : refused)++;
  }
  EXPECT_GT(accepted, 3u);
  EXPECT_GT(refused, 5u);
}

// The seeds were made from these bytes; a change of the format asks for new ones.
TEST(LogFuzz, the_seed_of_a_good_log_is_the_good_log) {
  const auto seed = read_text(BITWORTH_SOURCE_DIR "/fuzz/corpus/log/good");
  ASSERT_TRUE(seed);
  const auto& files = testing::good_log().files;
  EXPECT_EQ(*seed, "R" + files.at("log/log.entries") + "\xFF" + files.at("log/log.checkpoints"));
  EXPECT_TRUE(testing::log_one(*seed));
}

}  // namespace
}  // namespace bw::audit
