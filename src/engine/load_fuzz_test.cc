// Replays fuzz/corpus/load, so that what a fuzzer once found stays found without a fuzzer.
#include "engine/load_fuzz.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "base/file.h"

namespace bw::engine {
namespace {

TEST(LoadFuzz, the_corpus_keeps_every_promise) {
  size_t ran = 0, refused = 0;
  for (const auto& entry : std::filesystem::directory_iterator(BITWORTH_SOURCE_DIR "/fuzz/corpus/load")) {
    SCOPED_TRACE(entry.path());
    const auto bytes = read_text(entry.path());
    ASSERT_TRUE(bytes) << bytes.error().what;
    const bool logits = testing::load_one(*bytes);
    // What is called seed_* is whole: it runs to the end.
    if (entry.path().filename().string().starts_with("seed_")) {
      EXPECT_TRUE(logits);
    }
    (logits ? ran : refused)++;
  }
  EXPECT_GE(ran, 8u);
  EXPECT_GT(refused, 8u);
}

}  // namespace
}  // namespace bw::engine
