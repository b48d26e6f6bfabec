// Replays fuzz/corpus/sampler, and random bytes that mostly mean something, so that what a fuzzer once found
// stays found without a fuzzer.
#include <gtest/gtest.h>

#include <filesystem>
#include <random>
#include <string>

#include "base/file.h"
#include "engine/sampler_fuzz.h"

namespace bw::engine {
namespace {

TEST(SamplerFuzz, the_corpus_keeps_every_promise) {
  size_t n = 0, n_taken = 0;
  for (const auto& entry : std::filesystem::directory_iterator(BITWORTH_SOURCE_DIR "/fuzz/corpus/sampler")) {
    SCOPED_TRACE(entry.path());
    const auto bytes = read_text(entry.path());
    ASSERT_TRUE(bytes) << bytes.error().what;
    ++n;
    n_taken += testing::sample_one(*bytes);
  }
  EXPECT_GT(n, 10u);
  EXPECT_GT(n_taken, 5u);
}

TEST(SamplerFuzz, random_bytes_keep_every_promise) {
  std::mt19937 random(8);
  const float floats[] = {0, 1, 0.5f, 0.9f, 1e-30f, 1e-45f, 3e38f, -3e38f, 2, -1, NAN, INFINITY};
  const auto put = [](std::string& s, auto v) { s.append(reinterpret_cast<const char*>(&v), sizeof v); };
  size_t n_taken = 0;
  for (int i = 0; i < 20000; ++i) {
    const auto number = [&] { return floats[random() % (i % 2 ? 4 : std::size(floats))]; };
    std::string s;
    put(s, number());
    put(s, uint8_t(random() % 9));
    for (int k = 0; k < 3; ++k) put(s, number());
    put(s, uint64_t(random()));
    put(s, uint32_t(random()));
    put(s, i % 2 ? 1.5f : number());
    put(s, uint32_t(random() % 50));
    for (int k = 0; k < 2; ++k) put(s, number());
    for (int k = random() % 500; k > 0; --k) s += char(random());
    n_taken += testing::sample_one(s);
  }
  EXPECT_GT(n_taken, 4000u);
}

}  // namespace
}  // namespace bw::engine
