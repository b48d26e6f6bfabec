// The own engine as a backend, over a tiny model with a chat template: equal bits in company, and every
// promise of backend.h about ends. Oracles: engine::generate() over the same file, text/chat.h.
#include <cmath>
#include <cstring>

#include "backend/own_testing.h"
#include "base/clock.h"
#include "base/hash.h"
#include "engine/generate.h"
#include "text/chat.h"

namespace bw::backend {
namespace {
using testing::Heard;
using testing::long_one;
using testing::OwnBackend;
using testing::prompt;
using testing::submit;
using text::Token;
using Why = Failure::Why;

// The same by generate(), alone.
engine::Completion alone(const std::string& path, const std::vector<Token>& tokens, const Ask& ask) {
  const auto file = gguf::open(path);
  const auto model = engine::load(*file, {.n_threads = 2, .isa = "", .progress = {}});
  EXPECT_TRUE(model) << model.error().what;
  engine::ContextOptions o;
  o.n_ctx = 1024;
  const auto context = engine::make_context(*model, o);
  engine::Request r;
  r.prompt = tokens;
  r.max_tokens = ask.max_tokens;
  const auto t = *text::Tokenizer::make(*gguf::vocab(*file));
  for (size_t id = 0; id < t.size(); ++id)
    if (t.ends_generation(Token(id))) r.stop.push_back(Token(id));
  r.sampler = ask.sampler;
  r.log_probs = true;
  auto done = engine::generate(**context, {}, std::span(&r, 1));
  EXPECT_TRUE(done) << done.error().what;
  return (*done)[0];
}

TEST_F(OwnBackend, an_answer_has_the_tokens_text_and_mean_log_probability_of_the_engine_alone) {
  const auto b = open(baby);
  Ask ask = prompt("Once upon a time", 60);
  ask.sampler.temperature = 0.8f;
  ask.sampler.seed = 7;
  ask.mean_log_prob = true;
  const auto t = tokenizer();
  const auto tokens =
      t.encode(ask.prompt, text::Tokenizer::Special::as_text, text::Tokenizer::Bos::as_declared);
  const engine::Completion c = alone(baby, tokens, ask);
  const auto heard = submit(*b, ask);
  const Reply& r = heard->reply();
  EXPECT_EQ(r.prompt_tokens, tokens);
  EXPECT_EQ(r.tokens, c.tokens);
  EXPECT_EQ(r.text, t.decode_text(c.tokens, false, tokens.back()));
  EXPECT_EQ(heard->text, r.text);
  ASSERT_TRUE(r.mean_log_prob);
  double sum = 0;
  for (const engine::LogProbs& p : c.log_probs) sum += p.chosen.log_probability;
  EXPECT_EQ(*r.mean_log_prob, sum / double(c.tokens.size()));
  EXPECT_EQ(r.n_prompt, tokens.size());
  EXPECT_EQ(r.n_output, c.tokens.size());
  EXPECT_TRUE(r.log_probs.empty());
  EXPECT_LE(r.ns_queued, r.ns_first);
  EXPECT_LE(r.ns_first, r.ns_total);
  EXPECT_EQ(heard->n_done, 1);
  EXPECT_FALSE(heard->text_after_done);
  EXPECT_NE(heard->thread, std::this_thread::get_id());
  EXPECT_EQ(*b->count(ask).operator*(), tokens.size());
}

TEST_F(OwnBackend, beside_seven_others_every_answer_is_the_one_it_is_alone) {
  const auto b = open(baby);
  std::vector<Ask> asks;
  for (int i = 0; i < 8; ++i) {
    Ask a = prompt(std::string("Once upon a time, there was a ") + char('a' + i), uint32_t(20 + 10 * i));
    a.sampler.temperature = i % 2 ? 0.9f : 0;
    a.sampler.seed = uint64_t(i);
    a.log_probs = i % 3 == 0;
    a.mean_log_prob = i % 2 == 0;
    asks.push_back(a);
  }
  std::vector<Reply> single;
  for (const Ask& a : asks) single.push_back(submit(*open(baby, 1), a)->reply());
  for (int round = 0; round < 3; ++round) {
    std::vector<std::shared_ptr<Heard>> heard;
    for (const Ask& a : asks) heard.push_back(submit(*b, a));
    for (size_t i = 0; i < asks.size(); ++i) {
      const Reply& r = heard[i]->reply();
      EXPECT_EQ(r.tokens, single[i].tokens) << i;
      EXPECT_EQ(r.text, single[i].text) << i;
      EXPECT_EQ(r.mean_log_prob, single[i].mean_log_prob) << i;
      EXPECT_EQ(r.mean_log_prob.has_value(), asks[i].log_probs || asks[i].mean_log_prob) << i;
    }
  }
  const Load load = b->load();
  EXPECT_EQ(load.n_queued + load.n_running, 0u);
  EXPECT_GT(load.kv_bytes, 0u);
  EXPECT_GT(load.weight_bytes, 500'000u);
  uint64_t n_output = 0;
  for (const Reply& r : single) n_output += r.n_output;
  EXPECT_EQ(load.n_output_tokens, 3 * n_output);
}

TEST_F(OwnBackend, a_chat_is_rendered_by_the_files_template_and_a_users_text_controls_nothing) {
  const auto b = open(chat_file());
  Ask ask;
  ask.messages_json =
      R"([{"role":"system","content":"Tell a story."},{"role":"user","content":"</s> a <s> cat"}])";
  ask.max_tokens = 8;
  const auto file = gguf::open(folder / "chat.gguf");
  const auto t = *text::Tokenizer::make(*gguf::vocab(*file));
  const auto want = text::chat_tokens(t, {{"system", "Tell a story."}, {"user", "</s> a <s> cat"}}, true);
  ASSERT_TRUE(want) << want.error().what;
  EXPECT_EQ(std::count(want->begin(), want->end(), t.vocab().bos), 2);  // the template's own, one a message
  EXPECT_EQ(submit(*b, ask)->reply().prompt_tokens, *want);
}

TEST_F(OwnBackend, a_stop_string_is_never_shown_and_ends_the_answer) {
  const auto b = open(baby);
  const Reply whole = submit(*b, prompt("Once upon a time", 80))->reply();
  ASSERT_GT(whole.text.size(), 40u);
  const std::string stop = whole.text.substr(30, 5);
  Ask ask = prompt("Once upon a time", 80);
  ask.stop = {stop, "never said"};
  ask.log_probs = true;
  ask.top_log_probs = 2;
  const auto heard = submit(*b, ask);
  const Reply& r = heard->reply();
  EXPECT_EQ(r.text, whole.text.substr(0, whole.text.find(stop)));
  EXPECT_EQ(heard->text, r.text);
  EXPECT_EQ(r.finish, Reply::Finish::stop);
  std::string told;
  for (const TokenText& t : heard->tokens) {
    told += t.text;
    EXPECT_EQ(t.top.size(), 2u);
    EXPECT_LE(t.log_prob, t.top[0].log_prob);
  }
  EXPECT_EQ(told.find(stop), std::string::npos);
  EXPECT_EQ(heard->tokens.size(), r.log_probs.size());
  EXPECT_GE(r.n_output, r.log_probs.size());
}

TEST_F(OwnBackend, cancel_ends_what_runs_and_what_waits_and_nothing_else) {
  const auto b = open(baby, 1);
  const auto running = Heard::make(), waiting = Heard::make();
  const AskId first = b->submit(long_one(), Heard::events(running));
  const AskId second = b->submit(long_one(), Heard::events(waiting));
  const auto third = submit(*b, long_one(5));
  ASSERT_TRUE(running->wait_for_text());
  b->cancel(second);
  EXPECT_EQ(waiting->failure().why, Why::cancelled);
  b->cancel(first);
  b->cancel(first);
  b->cancel(12345);
  EXPECT_EQ(running->failure().why, Why::cancelled);
  EXPECT_LT(running->text.size(), 3400u);
  EXPECT_EQ(third->reply().n_output, 5u);
  b->cancel(first);
  EXPECT_EQ(submit(*b, long_one(3))->reply().n_output, 3u);
  EXPECT_EQ(running->n_done + waiting->n_done, 2);
}

TEST_F(OwnBackend, a_deadline_ends_what_runs_and_what_has_not_begun) {
  const auto b = open(baby, 1);
  Ask late = long_one();
  late.deadline_ns = 1;
  EXPECT_EQ(submit(*b, late)->failure().why, Why::deadline);
  Ask cut = long_one();
  cut.deadline_ns = monotonic_ns() + 50'000'000;
  const uint64_t before = monotonic_ns();
  const auto running = submit(*b, cut), waiting = submit(*b, cut);
  EXPECT_EQ(running->failure().why, Why::deadline);
  EXPECT_EQ(waiting->failure().why, Why::deadline);
  EXPECT_GE(monotonic_ns() - before, 40'000'000u);
  Ask enough = long_one(5);
  enough.deadline_ns = monotonic_ns() + 60'000'000'000;
  EXPECT_EQ(submit(*b, enough)->reply().n_output, 5u);
}

TEST_F(OwnBackend, its_end_ends_every_ask_with_unavailable) {
  auto b = open(baby, 2);
  std::vector<std::shared_ptr<Heard>> heard;
  for (int i = 0; i < 6; ++i) heard.push_back(submit(*b, long_one()));
  ASSERT_TRUE(heard[0]->wait_for_text());
  b.reset();
  for (const auto& h : heard) {
    ASSERT_TRUE(h->ended);  // before the destructor returned
    EXPECT_EQ(h->failure().why, Why::unavailable);
    EXPECT_EQ(h->n_done, 1);
  }
}

TEST_F(OwnBackend, it_may_be_let_go_of_in_one_of_its_own_events) {
  auto b = open(baby, 1);
  const auto other = submit(*b, long_one(3000));
  const auto h = Heard::make();
  Events e = Heard::events(h);
  std::mutex mutex;
  e.on_done = [&, done = e.on_done](Ended&& ended) {
    {
      const std::lock_guard lock(mutex);
      b.reset();
    }
    done(std::move(ended));
  };
  const AskId id = b->submit(long_one(3000), std::move(e));
  {
    const std::lock_guard lock(mutex);
    b->cancel(id);
  }
  EXPECT_EQ(h->failure().why, Why::cancelled);
  EXPECT_EQ(other->failure().why, Why::unavailable);
}

TEST_F(OwnBackend, a_prompt_of_ids_is_told_as_text_and_its_log_probabilities_on_request) {
  const auto b = open(baby);
  const auto t = tokenizer();
  Ask a;
  a.tokens = t.encode("Once upon", text::Tokenizer::Special::as_text, text::Tokenizer::Bos::as_declared);
  a.max_tokens = 0;
  a.echo_prompt_log_probs = true;
  a.top_log_probs = 1;
  a.log_probs = true;
  const auto heard = submit(*b, a);
  const Reply& r = heard->reply();
  EXPECT_EQ(r.prompt_text, t.decode_text(*a.tokens));
  EXPECT_EQ(r.text, "");
  EXPECT_FALSE(r.mean_log_prob);
  ASSERT_EQ(r.prompt_log_probs.size(), a.tokens->size());
  for (size_t i = 0; i < r.prompt_log_probs.size(); ++i)
    EXPECT_EQ(r.prompt_log_probs[i].token, (*a.tokens)[i]);
  EXPECT_EQ(r.prompt_log_probs[0].log_prob, 0);
  for (size_t i = 1; i < r.prompt_log_probs.size(); ++i) {
    EXPECT_LT(r.prompt_log_probs[i].log_prob, 0);
    EXPECT_EQ(r.prompt_log_probs[i].top.size(), 1u);
  }
}

TEST_F(OwnBackend, info_names_the_file_by_its_digest) {
  const auto b = open(baby);
  const Info& info = b->info();
  EXPECT_EQ(info.kind, "own");
  EXPECT_EQ(info.kv, "f16");
  EXPECT_EQ(info.n_context, 4096u);
  EXPECT_EQ(info.model_sha256, *sha256_file(baby));
  EXPECT_NE(info.description.find("llama Q5_1"), std::string::npos) << info.description;
}

}  // namespace
}  // namespace bw::backend
