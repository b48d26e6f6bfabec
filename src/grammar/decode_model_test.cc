// Constrained decoding on a real model through the scheduler: random schemas and prompts, several at once;
// every output that ends of itself is valid to Python's jsonschema. What it costs is printed.
// BITWORTH_LONG_TESTS=1: 100 of them (tests/e2e/constrained.sh), else 4.
#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
#include <ctime>
#include <nlohmann/json.hpp>

#include "base/file.h"
#include "engine/scheduler.h"
#include "gguf/file.h"
#include "gguf/vocab.h"
#include "grammar/testing.h"

namespace bw::grammar {
namespace {
using Clock = std::chrono::steady_clock;
using engine::Outcome;
using text::Token;
using text::Tokenizer;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

double thread_seconds() {
  timespec t{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return double(t.tv_sec) + double(t.tv_nsec) / 1e9;
}

// Another one, and the processor time it took.
class Timed : public engine::Constraint {
 public:
  Timed(std::unique_ptr<Constraint> of, double& seconds) : of_(std::move(of)), seconds_(seconds) {}
  Result<engine::TokenMask> allowed() override {
    const double start = thread_seconds();
    auto mask = of_->allowed();
    seconds_ += thread_seconds() - start;
    return mask;
  }
  void accept(Token token) override {
    const double start = thread_seconds();
    of_->accept(token);
    seconds_ += thread_seconds() - start;
  }

 private:
  const std::unique_ptr<Constraint> of_;
  double& seconds_;
};

struct Loaded {
  Tokenizer tokenizer;
  std::shared_ptr<engine::Model> model;
};
std::optional<Loaded> loaded(const std::string& path) {
  const auto file = gguf::open(path);
  if (!file) return {};
  auto vocab = gguf::vocab(*file);
  EXPECT_TRUE(vocab);
  auto tokenizer = Tokenizer::make(std::move(*vocab));
  EXPECT_TRUE(tokenizer);
  auto model = engine::load(*file, {});
  EXPECT_TRUE(model) << model.error().what;
  return Loaded{std::move(*tokenizer), *model};
}
std::vector<Token> prompt_for(const Tokenizer& t, const std::string& schema, int i) {
  static const char* const asks[] = {
      "Write one JSON value that is valid against this JSON Schema. Only the JSON.\n",
      "Make up an example for the schema below and answer with compact JSON.\n", "Describe a day in Paris.\n",
      "Fill in this form with invented data:\n"};
  return t.encode(
      "<|im_start|>user\n" + std::string(asks[i % 4]) + schema + "<|im_end|>\n<|im_start|>assistant\n",
      Tokenizer::Special::parse);
}
std::vector<Token> ends_of(const Tokenizer& t) {
  std::vector<Token> out;
  for (Token id = 0; size_t(id) < t.size(); ++id)
    if (t.ends_generation(id)) out.push_back(id);
  return out;
}

TEST(ConstrainedDecoding, every_output_that_ends_of_itself_is_valid_and_the_cost_is_said) {
  const std::string path = cache_dir() + "/models/qwen2.5-coder-0.5b.gguf";
#ifdef __SANITIZE_ADDRESS__
  GTEST_SKIP()
      << "no build without sanitizers: a real model takes minutes under them; the release build runs this";
#endif
  auto at = loaded(path);
  if (!at) GTEST_SKIP() << path << " is not there: ./dev model qwen0.5b";
  if (std::system("/usr/bin/python3 -c 'import jsonschema' 2>/dev/null") != 0)
    GTEST_SKIP() << "Python's jsonschema is not there: ./dev deps test";
  const Tokenizer& t = at->tokenizer;
  const int n_wanted = std::getenv("BITWORTH_LONG_TESTS") ? 100 : 4;
  engine::ContextOptions options;
  options.n_ctx = 2048;
  options.n_seq = 8;
  options.n_kv = 8 * 1024;
  auto context = engine::make_context(at->model, options);
  ASSERT_TRUE(context) << context.error().what;
  engine::Scheduler scheduler(**context, options);
  Masks masks(t);

  std::mt19937_64 random(11);
  std::string lines;
  size_t n_ended = 0, n_length = 0, n_tokens = 0;
  double in_constraint = 0;
  const auto start = Clock::now();
  for (int n = 0; n < n_wanted;) {
    const std::string schema = testing::RandomSchema(testing::choose_by(random)).text();
    const auto grammar = Grammar::from_schema(schema);
    if (!grammar) continue;
    engine::ScheduledRequest r;
    r.prompt = prompt_for(t, schema, n);
    if (r.prompt.size() > 1200) continue;
    r.max_tokens = 160;
    r.stop = ends_of(t);
    if (n % 2) r.sampler = {.temperature = 0.9f, .top_p = 0.95f, .seed = uint64_t(n)};
    r.constraint = std::make_shared<Timed>(masks.start(*grammar), in_constraint);
    r.on_done = [&, schema, grammar = *grammar](Outcome&& o) {
      ASSERT_FALSE(o.error) << schema << "\n" << o.error->what;
      n_tokens += o.tokens.size();
      const std::string text = t.decode_text(o.tokens);
      ++(o.reason == Outcome::Reason::stop ? n_ended : n_length);
      if (o.reason != Outcome::Reason::stop) return;
      EXPECT_TRUE(grammar->accepts(text)) << schema << "\n" << text;
      lines += nlohmann::json{{"schema", schema}, {"output", text}}.dump() + "\n";
    };
    ASSERT_TRUE(scheduler.submit(std::move(r)));
    ++n;
  }
  while (scheduler.has_work()) scheduler.step();
  const double whole = seconds_since(start);
  EXPECT_EQ(n_ended + n_length, size_t(n_wanted));
  EXPECT_GT(n_ended * 2, size_t(n_wanted));
  const Masks::Stats s = masks.stats();
  std::printf(
      "%d schemas, 8 at once: %zu ended, %zu at 160 tokens; %zu tokens in %.1f s with their prompts; in "
      "constraints %.3f s "
      "(%.1f us a token, %.2f %%); %lu masks found, %lu made in %.0f us each\n",
      n_wanted, n_ended, n_length, n_tokens, whole, in_constraint, in_constraint / double(n_tokens) * 1e6,
      in_constraint / whole * 100, s.n_hits, s.n_made, double(s.ns_made) / 1000 / double(s.n_made));
  const std::string file = ::testing::TempDir() + "constrained_pairs.jsonl";
  ASSERT_TRUE(write_text(file, lines));
  EXPECT_EQ(
      std::system(("/usr/bin/python3 " BITWORTH_SOURCE_DIR "/tools/check_json_pairs.py " + file).c_str()), 0);

  if (!std::getenv("BITWORTH_LONG_TESTS")) return;
  // One stream, 128 tokens, with and without, in turns. The schema never lets it end sooner.
  const auto grammar = *Grammar::from_schema(
      R"({"type":"array","items":{"type":"object","properties":{"name":{"type":"string"},"age":{"type":"integer","minimum":0,"maximum":130},
          "city":{"type":["string","null"],"maxLength":40}},"required":["name","age","city"],"additionalProperties":false},"minItems":50})");
  double best[2] = {0, 0}, cost = 0;
  for (int i = 0; i < 6; ++i) {
    engine::ScheduledRequest r;
    r.prompt =
        t.encode("<|im_start|>user\nWrite a JSON array of 60 people.<|im_end|>\n<|im_start|>assistant\n",
                 Tokenizer::Special::parse);
    r.max_tokens = 128;
    cost = 0;
    if (i % 2) r.constraint = std::make_shared<Timed>(masks.start(grammar), cost);
    uint64_t ns = 0;
    r.on_done = [&](Outcome&& o) {
      EXPECT_EQ(o.tokens.size(), 128u);
      ns = o.ns_total - o.ns_first;
    };
    ASSERT_TRUE(scheduler.submit(std::move(r)));
    while (scheduler.has_work()) scheduler.step();
    best[i % 2] = std::max(best[i % 2], 127 / (double(ns) / 1e9));
  }
  std::printf(
      "one stream, best of 3: %.1f tokens/s free, %.1f constrained; %.1f us a token in the constraint, %.2f "
      "%% of the time\n",
      best[0], best[1], cost / 128 * 1e6, cost / (128 / best[1]) * 100);
}

}  // namespace
}  // namespace bw::grammar
