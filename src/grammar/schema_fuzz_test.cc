// Replays fuzz/corpus/schema, and schemas broken at random, so that what a fuzzer once found stays found
// without a fuzzer.
#include "grammar/schema_fuzz.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "base/file.h"

namespace bw::grammar {
namespace {

TEST(SchemaFuzz, the_corpus_keeps_every_promise) {
  size_t n = 0, n_compiled = 0;
  for (const auto& entry : std::filesystem::directory_iterator(BITWORTH_SOURCE_DIR "/fuzz/corpus/schema")) {
    SCOPED_TRACE(entry.path());
    const auto bytes = read_text(entry.path());
    ASSERT_TRUE(bytes) << bytes.error().what;
    ++n;
    n_compiled += testing::schema_one(*bytes);
  }
  EXPECT_GT(n, 10u);
  EXPECT_GT(n_compiled, 5u);
}

TEST(SchemaFuzz, schemas_broken_at_random_are_refused_or_walked) {
  std::mt19937_64 random(6);
  static const char* const bits[] = {"{}",
                                     "[]",
                                     "true",
                                     "false",
                                     "null",
                                     "0",
                                     "-1",
                                     "1e999",
                                     "\"\"",
                                     "\"^a\"",
                                     "\"#\"",
                                     "\"#/$defs/d0\"",
                                     "\"items\"",
                                     "\"$ref\"",
                                     "\"enum\"",
                                     "\"oneOf\"",
                                     ",",
                                     ":",
                                     "{",
                                     "}",
                                     "\\",
                                     "\"maximum\"",
                                     "99999999999999999999"};
  size_t n_compiled = 0;
  for (int i = 0; i < 1500; ++i) {
    std::string s = " " + testing::RandomSchema(testing::choose_by(random)).text();
    for (size_t n = random() % 3; n > 0; --n) {
      const size_t at = 1 + random() % (s.size() - 1);
      // Often at a value's edge, so that something remains JSON.
      const size_t edge = s.find_first_of(":,[{", at), from = edge == std::string::npos ? at : edge + 1;
      if (random() % 2)
        s.insert(std::min(from, s.size()), bits[random() % std::size(bits)]);
      else
        s.erase(std::min(from, s.size() - 1), random() % 12);
    }
    n_compiled += testing::schema_one(s);
  }
  EXPECT_GT(n_compiled, 300u);
}

}  // namespace
}  // namespace bw::grammar
