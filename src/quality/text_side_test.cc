// text_side() on real vocabularies. Oracle: the text itself, cut anywhere, must come back.
#include <gtest/gtest.h>

#include "gguf/vocab.h"
#include "quality/degradation.h"

namespace bw::quality {
namespace {

using text::Token;

text::Tokenizer tokenizer(const std::string& name) {
  const auto file = gguf::open(BITWORTH_SOURCE_DIR "/data/vectors/tokenizer/" + name);
  EXPECT_TRUE(file) << (file ? "" : file.error().what);
  auto vocab = gguf::vocab(*file);
  EXPECT_TRUE(vocab) << (vocab ? "" : vocab.error().what);
  auto t = text::Tokenizer::make(*std::move(vocab));
  EXPECT_TRUE(t) << (t ? "" : t.error().what);
  return *std::move(t);
}

// The ids of a text are cut in two: what stood for a prompt's end and what stands for an answer. A space that
// SentencePiece put before the text belongs to no answer, one between two words does; bytes of one character
// are one.
TEST(TextSide, an_answer_is_the_text_that_follows_its_prompt) {
  const std::string text = "{\"name\": \"Zo\u00eb \U0001F984\"} in  two\nlines";
  for (const char* name : {"ggml-vocab-llama-spm.gguf", "ggml-vocab-phi-3.gguf", "ggml-vocab-gpt-2.gguf"}) {
    const text::Tokenizer t = tokenizer(name);
    const TextSide side = text_side(t);
    const std::vector<Token> ids = side.encode(text);
    ASSERT_GT(ids.size(), 10u) << name;
    EXPECT_EQ(side.decode(ids, t.vocab().bos), text) << name;
    size_t n_cuts = 0;
    for (size_t cut = 1; cut < ids.size(); ++cut) {
      const std::span<const Token> all(ids);
      const std::string before = side.decode(all.first(cut), t.vocab().bos),
                        after = side.decode(all.subspan(cut), ids[cut - 1]);
      EXPECT_EQ(before + after, text) << name << ", cut at " << cut;
      n_cuts += after.starts_with(' ');
    }
    EXPECT_GE(n_cuts, 2u) << name;  // some answers do begin with a space
  }
}

}  // namespace
}  // namespace bw::quality
