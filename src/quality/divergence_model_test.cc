// Divergence on a real model and text, against llama.cpp's figure for the same file and tokens.
#include <gtest/gtest.h>

#include <filesystem>

#include "base/file.h"
#include "gguf/vocab.h"
#include "quality/divergence.h"
#include "tasks/suite.h"

namespace bw::quality {
namespace {

// llama.cpp's llama-perplexity, first 8 chunks of 512 tokens of wiki.test.raw, Qwen2.5-Coder-0.5B-Instruct
// (the file that `./dev model` fetches): PPL 35.65. A candidate that is the reference itself: no divergence
// at all.
TEST(DivergenceModel, perplexity_is_that_of_llama_perplexity_within_half_a_percent) {
  const std::string path = cache_dir() + "/models/qwen2.5-coder-0.5b.gguf";
  if (!std::filesystem::exists(path)) GTEST_SKIP() << path << " is missing: ./dev model";
  const auto file = gguf::open(path);
  ASSERT_TRUE(file) << file.error().what;
  auto vocab = gguf::vocab(*file);
  ASSERT_TRUE(vocab) << vocab.error().what;
  const auto tokenizer = text::Tokenizer::make(std::move(*vocab));
  ASSERT_TRUE(tokenizer) << tokenizer.error().what;
  const auto text_path = tasks::wikitext_path(BITWORTH_SOURCE_DIR "/data");
  ASSERT_TRUE(text_path) << text_path.error().what;
  const auto text = read_text(*text_path);
  ASSERT_TRUE(text) << text.error().what;
  const auto tokens = first_tokens(*tokenizer, *text, 8 * 512);
  ASSERT_EQ(tokens.size(), 8u * 512);
  auto whole = tokenizer->encode(*text);
  whole.resize(tokens.size());
  EXPECT_EQ(tokens, whole);

  engine::LoadOptions load_options;
  const auto model = engine::load(*file, load_options);
  ASSERT_TRUE(model) << model.error().what;
  engine::ContextOptions o;
  o.n_ctx = 512;
  const auto reference = engine::make_context(*model, o), candidate = engine::make_context(*model, o);
  ASSERT_TRUE(reference && candidate);
  engine::Context* const candidates[] = {candidate->get()};
  const auto d = divergence(**reference, candidates, tokens, {});
  ASSERT_TRUE(d) << d.error().what;
  EXPECT_EQ((*d)[0].n_positions, 8u * 255);
  EXPECT_NEAR((*d)[0].reference_ppl.value, 35.65, 35.65 * 0.005);
  EXPECT_EQ((*d)[0].candidate_ppl.value, (*d)[0].reference_ppl.value);
  EXPECT_EQ((*d)[0].kld_max.value, 0);
  EXPECT_EQ((*d)[0].same_top.value, 1);
}

}  // namespace
}  // namespace bw::quality
