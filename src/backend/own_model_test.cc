// Real files: a chat by its own template, the same answers in company, an answer under a schema.
#include <filesystem>
#include <nlohmann/json.hpp>

#include "backend/testing.h"
#include "base/file.h"
#include "gguf/vocab.h"
#include "text/chat.h"

namespace bw::backend {
namespace {
using testing::Heard;
using testing::submit;

#define NEEDS_MODEL(path, how) \
  if (!std::filesystem::exists(path)) GTEST_SKIP() << path << " is missing; get it with ./dev model " how

std::shared_ptr<Backend> open(const std::string& file, uint32_t slots) {
  OwnOptions o;
  o.name = "real";
  o.file = file;
  o.context = 512;
  o.slots = slots;
  auto b = open_own(o);
  EXPECT_TRUE(b) << b.error().what;
  return b ? *b : nullptr;
}
Ask chat(const std::string& question, uint32_t max_tokens) {
  Ask a;
  a.messages_json = nlohmann::json::array({{{"role", "user"}, {"content", question}}}).dump();
  a.max_tokens = max_tokens;
  return a;
}

TEST(OwnBackendModel, eight_chats_at_once_have_the_answers_they_have_alone) {
  const std::string file = cache_dir() + "/models/smollm2-135m.gguf";
  NEEDS_MODEL(file, "smollm2");
  const auto b = open(file, 8);
  ASSERT_TRUE(b);
  const char* questions[] = {"What is the capital of France?",
                             "Name three colours.",
                             "Write a word that rhymes with cat.",
                             "What is two plus two?",
                             "Say hello in Spanish.",
                             "Who wrote Hamlet?",
                             "Count to five.",
                             "What do cows eat?"};
  std::vector<Ask> asks;
  for (size_t i = 0; i < 8; ++i) {
    Ask a = chat(questions[i], uint32_t(12 + 2 * i));
    a.sampler.temperature = i % 2 ? 0.8f : 0;
    a.sampler.seed = i;
    a.mean_log_prob = true;
    asks.push_back(a);
  }
  std::vector<Reply> alone;
  for (const Ask& a : asks) alone.push_back(submit(*b, a)->reply());
  std::vector<std::shared_ptr<Heard>> together;
  for (const Ask& a : asks) together.push_back(submit(*b, a));
  const auto tokenizer = *text::Tokenizer::make(*gguf::vocab(*gguf::open(file)));
  for (size_t i = 0; i < 8; ++i) {
    const Reply& r = together[i]->reply();
    EXPECT_EQ(r.tokens, alone[i].tokens) << questions[i];
    EXPECT_EQ(r.text, alone[i].text);
    EXPECT_EQ(r.mean_log_prob, alone[i].mean_log_prob);
    EXPECT_EQ(together[i]->text, r.text);
    const auto want = text::chat_tokens(tokenizer, {{"user", questions[i]}}, true);
    ASSERT_TRUE(want);
    EXPECT_EQ(r.prompt_tokens, *want);
  }
}

TEST(OwnBackendModel, an_answer_under_a_schema_is_valid_and_ends_of_itself) {
  const std::string file = cache_dir() + "/models/qwen2.5-coder-0.5b.gguf";
  NEEDS_MODEL(file, "qwen0.5b");
  const auto b = open(file, 2);
  ASSERT_TRUE(b);
  Ask a = chat("Give me a large city as JSON.", 80);
  const auto g = grammar::Grammar::from_schema(
      R"({"type":"object","properties":{"city":{"type":"string","maxLength":20},"population":{"type":"integer",
      "minimum":1,"maximum":99999999},"coastal":{"type":"boolean"}},"required":["city","population","coastal"],
      "additionalProperties":false})");
  ASSERT_TRUE(g) << g.error().what;
  a.grammar = *g;
  const auto free = submit(*b, chat("Give me a large city as JSON.", 8));
  const auto under = submit(*b, a);
  const Reply& r = under->reply();
  EXPECT_EQ(r.finish, Reply::Finish::stop);
  EXPECT_TRUE((*g)->accepts(r.text)) << r.text;
  const auto j = nlohmann::json::parse(r.text, nullptr, false);
  ASSERT_TRUE(j.is_object()) << r.text;
  EXPECT_TRUE(j["city"].is_string() && j["population"].is_number_integer() && j["coastal"].is_boolean())
      << r.text;
  EXPECT_FALSE((*g)->accepts(free->reply().text));  // it was the schema's doing
}

}  // namespace
}  // namespace bw::backend
