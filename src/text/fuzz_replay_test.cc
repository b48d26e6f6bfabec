// Replays fuzz/corpus/chat and fuzz/corpus/tokenizer, so that what a fuzzer once found stays found without a
// fuzzer.
#include <gtest/gtest.h>

#include <filesystem>

#include "base/file.h"
#include "text/chat_fuzz.h"
#include "text/tokenizer_fuzz.h"

namespace {

template <class F>
size_t replay(const char* folder, F one) {
  size_t n = 0;
  for (const auto& entry : std::filesystem::directory_iterator(std::string(BITWORTH_SOURCE_DIR) + folder)) {
    SCOPED_TRACE(entry.path());
    auto bytes = bw::read_text(entry.path());
    EXPECT_TRUE(bytes);
    if (bytes && one(*bytes)) ++n;
  }
  return n;
}

TEST(ChatFuzz, the_corpus_neither_crashes_nor_launders_a_callers_text) {
  EXPECT_GT(replay("/fuzz/corpus/chat", bw::text::testing::chat_one), 20u);
}

TEST(TokenizerFuzz, the_corpus_comes_back_as_it_was) {
  EXPECT_GT(replay("/fuzz/corpus/tokenizer", bw::text::testing::tokenize_one), 10u);
}

}  // namespace
