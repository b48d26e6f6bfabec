// generate() over a real model: drafts, neighbours and a shared prefix change no token.
#include <gtest/gtest.h>

#include <filesystem>

#include "base/file.h"
#include "engine/generate.h"

namespace bw::engine {
namespace {

TEST(GenerateModel, drafts_neighbours_and_a_shared_prefix_change_no_token_of_a_real_model) {
  const std::string path = cache_dir() + "/models/smollm2-135m.gguf";
  if (!std::filesystem::exists(path)) GTEST_SKIP() << path << " is missing: ./dev model smollm2";
  const auto file = gguf::open(path);
  ASSERT_TRUE(file) << file.error().what;
  LoadOptions load_options;
  const auto model = load(*file, load_options);
  ASSERT_TRUE(model) << model.error().what;
  const auto context = [&](uint32_t n_seq) {
    ContextOptions o;
    o.n_ctx = 512;
    o.n_seq = n_seq;
    return std::move(*make_context(*model, o));
  };
  std::vector<Token> prefix;
  for (Token t = 0; t < 270; ++t) prefix.push_back(1000 + t * 37 % 20000);  // past one attention chunk
  std::vector<Request> requests(5);
  for (size_t i = 0; i < requests.size(); ++i) {
    for (size_t k = 0; k <= i; ++k) requests[i].prompt.push_back(Token(500 + 31 * i + k));
    requests[i].max_tokens = 24;
    if (i == 3) requests[i].sampler = {.temperature = 0.8f, .top_k = 40, .top_p = 0.95f, .seed = 7};
  }
  // Each alone, everything in its own prompt, no draft: the plain way.
  std::vector<std::vector<Token>> want;
  const auto one = context(1);
  for (const Request& r : requests) {
    Request whole = r;
    whole.prompt = prefix;
    whole.prompt.insert(whole.prompt.end(), r.prompt.begin(), r.prompt.end());
    const auto c = generate(*one, {}, std::span(&whole, 1));
    ASSERT_TRUE(c) << c.error().what;
    want.push_back((*c)[0].tokens);
    ASSERT_EQ(want.back().size(), 24u);
  }
  for (size_t i = 0; i < requests.size(); ++i) {
    requests[i].draft = want[i];
    if (i != 1) requests[i].draft[5 * i] += 1;  // wrong from there on
  }
  const auto many = context(3);
  const auto got = generate(*many, prefix, requests);
  ASSERT_TRUE(got) << got.error().what;
  for (size_t i = 0; i < requests.size(); ++i) {
    EXPECT_EQ((*got)[i].tokens, want[i]) << i;
    EXPECT_EQ((*got)[i].n_draft_accepted, i == 1 ? 24u : 5 * i);
  }
}

}  // namespace
}  // namespace bw::engine
