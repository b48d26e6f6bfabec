// Replays fuzz/corpus/openai and the requests of data/vectors/openai, so that what a fuzzer once found stays
// found without a fuzzer.
#include "serve/openai_fuzz.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <sstream>

#include "base/file.h"

namespace {

TEST(OpenAiFuzz, the_corpus_is_accepted_and_can_be_answered_or_is_refused_by_name) {
  size_t n = 0, n_accepted = 0;
  for (const auto& entry : std::filesystem::directory_iterator(BITWORTH_SOURCE_DIR "/fuzz/corpus/openai")) {
    SCOPED_TRACE(entry.path());
    const auto bytes = bw::read_text(entry.path());
    ASSERT_TRUE(bytes);
    ++n;
    n_accepted += bw::serve::testing::openai_one(*bytes);
  }
  EXPECT_GT(n, 20u);
  EXPECT_GT(n_accepted, 5u);
}

TEST(OpenAiFuzz, so_are_the_requests_of_the_vectors) {
  const auto text = bw::read_text(BITWORTH_SOURCE_DIR "/data/vectors/openai/requests.jsonl");
  ASSERT_TRUE(text);
  std::istringstream lines(*text);
  size_t n_accepted = 0;
  for (std::string line; std::getline(lines, line);) {
    const auto c = nlohmann::json::parse(line);
    n_accepted += bw::serve::testing::openai_one((c["api"] == "chat" ? "c" : "p") + c["body"].dump());
  }
  EXPECT_GT(n_accepted, 15u);
}

}  // namespace
