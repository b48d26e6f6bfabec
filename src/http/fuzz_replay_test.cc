// Replays fuzz/corpus/http, so that what a fuzzer once found stays found without a fuzzer.
#include <gtest/gtest.h>

#include <filesystem>

#include "base/file.h"
#include "http/request_fuzz.h"

namespace bw::http {
namespace {

TEST(RequestFuzz, the_corpus_reads_the_same_in_any_pieces) {
  size_t n = 0, n_requests = 0;
  for (const auto& entry :
       std::filesystem::directory_iterator(std::string(BITWORTH_SOURCE_DIR) + "/fuzz/corpus/http")) {
    SCOPED_TRACE(entry.path());
    auto bytes = read_text(entry.path());
    ASSERT_TRUE(bytes);
    n_requests += testing::parse_one(*bytes);
    ++n;
  }
  EXPECT_GT(n, 20u);
  EXPECT_GT(n_requests, 20u);
}

}  // namespace
}  // namespace bw::http
