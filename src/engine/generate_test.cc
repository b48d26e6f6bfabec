// generate() against one-token-at-a-time decoding written out plainly, over a toy model that forgives
// nothing.
#include "engine/generate.h"

#include <gtest/gtest.h>

#include <random>

#include "engine/fake_context.h"

namespace bw::engine {
namespace {
using Reason = Completion::Reason;

// The definition: the whole history through the model, one choice, append, repeat.
Completion plain(const FakeContext& like, std::vector<Token> history, const Request& r) {
  Completion c;
  history.insert(history.end(), r.prompt.begin(), r.prompt.end());
  c.n_prompt = uint32_t(history.size());
  std::vector<float> logits(like.n_vocab);
  for (;;) {
    c.reason = Reason::length;
    if (c.tokens.size() == r.max_tokens) return c;
    c.reason = Reason::stop;
    like.model(history, logits);
    const Token t = *sample(logits, r.sampler, uint32_t(history.size()),
                            {std::span(history).first(c.n_prompt), c.tokens});
    for (const Token s : r.stop)
      if (s == t) return c;
    history.push_back(t);
    c.tokens.push_back(t);
    if (r.log_probs) c.log_probs.push_back(log_probs(logits, t, r.top_log_probs));
    if (r.stop_when && r.stop_when(c.tokens)) return c;
  }
}

std::vector<Token> random_tokens(std::mt19937& random, size_t n) {
  std::vector<Token> out(n);
  for (Token& t : out) t = Token(random() % 12);
  return out;
}

TEST(Generate, gives_what_plain_decoding_gives_whatever_drafts_stops_lengths_and_neighbours) {
  std::mt19937 random(3);
  size_t n_accepted = 0, n_stopped = 0;
  for (int round = 0; round < 300; ++round) {
    FakeContext context;
    context.n_seq = 1 + random() % 5;
    const std::vector<Token> prefix = random_tokens(random, random() % 3 ? random() % 600 : 0);
    std::vector<Request> requests(1 + random() % 9);
    for (Request& r : requests) {
      r.prompt = random_tokens(random, random() % 4 ? random() % 20 : random() % 700);
      if (prefix.empty() && r.prompt.empty()) r.prompt = {1};
      r.max_tokens = random() % 30;
      if (random() % 2) r.stop = random_tokens(random, random() % 3);
      if (random() % 3 == 0)
        r.stop_when = [](std::span<const Token> o) { return o.size() > 3 && o.back() == 5; };
      if (random() % 3 == 0) r.sampler = {.temperature = 1, .top_k = 5, .seed = random()};
      if (random() % 4 == 0) {
        r.sampler.repeat_penalty = 1.2f;
        r.sampler.repeat_window = random() % 2 ? 20 : ~0u;
        r.sampler.presence_penalty = 0.5f;
      }
      r.log_probs = random() % 2;
      r.top_log_probs = random() % 4;
      if (random() % 3) {  // a draft: the truth, spoiled somewhere, or longer than the truth
        r.draft = plain(context, prefix, r).tokens;
        const std::vector<Token> more = random_tokens(random, random() % 400);
        if (random() % 2) r.draft.insert(r.draft.end(), more.begin(), more.end());
        if (random() % 2 && !r.draft.empty()) r.draft[random() % r.draft.size()] = Token(random() % 12);
      }
    }
    std::vector<size_t> order;
    const auto got =
        engine::generate(context, prefix, requests, [&](size_t i, const Completion&) { order.push_back(i); });
    ASSERT_TRUE(got) << got.error().what;
    ASSERT_EQ(got->size(), requests.size());
    for (size_t i = 0; i < requests.size(); ++i) {
      const Completion want = plain(context, prefix, requests[i]), &have = (*got)[i];
      ASSERT_EQ(have.tokens, want.tokens) << "round " << round << " request " << i;
      ASSERT_EQ(have.reason, want.reason);
      ASSERT_EQ(have.n_prompt, want.n_prompt);
      ASSERT_EQ(have.log_probs.size(), want.log_probs.size());
      for (size_t k = 0; k < have.log_probs.size(); ++k) {
        ASSERT_EQ(have.log_probs[k].chosen.log_probability, want.log_probs[k].chosen.log_probability);
        ASSERT_EQ(have.log_probs[k].top.size(), requests[i].top_log_probs);
      }
      ASSERT_LE(have.ns_first, have.ns_total);
      size_t same = 0;
      while (same < want.tokens.size() && same < requests[i].draft.size() &&
             want.tokens[same] == requests[i].draft[same])
        ++same;
      ASSERT_EQ(have.n_draft_accepted, same);
      n_accepted += same;
      n_stopped += want.reason == Reason::stop;
    }
    std::sort(order.begin(), order.end());
    for (size_t i = 0; i < order.size(); ++i) ASSERT_EQ(order[i], i);  // each told once
    ASSERT_EQ(order.size(), requests.size());
    ASSERT_LE(context.most_rows, 256u);
    ASSERT_EQ(context.n_alive(), 0u);
  }
  EXPECT_GT(n_accepted, 1000u);
  EXPECT_GT(n_stopped, 100u);
}

TEST(Generate, a_right_draft_costs_one_pass_and_a_shared_prefix_is_prefilled_once) {
  FakeContext context;
  context.n_seq = 8;
  const std::vector<Token> prefix(200, 3);
  std::vector<Request> requests(8);
  for (size_t i = 0; i < requests.size(); ++i) {
    requests[i].prompt = {Token(i), 1, 2};
    requests[i].max_tokens = 20;
    requests[i].draft = plain(context, prefix, requests[i]).tokens;
  }
  const auto got = engine::generate(context, prefix, requests);
  ASSERT_TRUE(got);
  EXPECT_EQ(context.n_passes, 2u);                 // the prefix, then everything else
  EXPECT_EQ(context.n_rows, 200u + 8 * (3 + 19));  // the last output token needs no row
  EXPECT_EQ(context.n_wanted, 8u * 20);
  EXPECT_EQ((*got)[0].n_draft_accepted, 20u);
}

TEST(Generate, requests_of_several_prefixes_run_side_by_side_and_the_callers_sequences_stay) {
  std::mt19937 random(5);
  FakeContext context;
  context.n_seq = 6;
  std::vector<std::vector<Token>> prefixes;
  std::vector<int> bases;
  for (int i = 0; i < 3; ++i) {
    prefixes.push_back(random_tokens(random, 100));
    bases.push_back(*context.new_sequence());
    std::vector<Row> rows;
    for (const Token t : prefixes.back()) rows.push_back({bases.back(), t, false});
    ASSERT_TRUE(context.forward(rows, {}));
  }
  std::vector<Request> requests(20);
  for (size_t i = 0; i < requests.size(); ++i) {
    requests[i].base = bases[i % 3];
    requests[i].prompt = random_tokens(random, 1 + random() % 9);
    requests[i].max_tokens = 1 + random() % 9;
  }
  const auto got = engine::generate(context, {}, requests);
  ASSERT_TRUE(got) << got.error().what;
  for (size_t i = 0; i < requests.size(); ++i) {
    const Completion want = plain(context, prefixes[i % 3], requests[i]);
    EXPECT_EQ((*got)[i].tokens, want.tokens);
    EXPECT_EQ((*got)[i].n_prompt, want.n_prompt);
  }
  EXPECT_EQ(context.n_alive(), 3u);
  for (const int b : bases) EXPECT_EQ(context.length(b), 100u);
  context.n_seq = 3;
  EXPECT_NE(engine::generate(context, {}, requests).error().what.find("request 0"), std::string::npos);
  requests[0].name = "snips/7";
  EXPECT_NE(
      engine::generate(context, std::vector<Token>{1}, requests).error().what.find("snips/7: has a base"),
      std::string::npos);
}

TEST(Generate, a_long_prompt_delays_a_decoding_neighbour_by_no_pass) {
  FakeContext context;
  context.n_seq = 2;
  std::vector<Request> requests(2);
  requests[0].prompt = {1, 2};
  requests[0].max_tokens = 10;
  requests[1].prompt.assign(2000, 4);
  requests[1].max_tokens = 1;
  std::vector<size_t> passes(2);
  ASSERT_TRUE(engine::generate(context, {}, requests,
                               [&](size_t i, const Completion&) { passes[i] = context.n_passes; }));
  EXPECT_EQ(passes[0], 10u);
  EXPECT_EQ(passes[1], 8u);
  EXPECT_LE(context.most_rows, 256u);
}

TEST(Generate, an_error_names_the_request_it_belongs_to) {
  FakeContext context;
  context.poison = 11;
  std::vector<Request> requests(4);
  for (Request& r : requests) {
    r.prompt = {1, 2, 3};
    r.max_tokens = 2;
    r.stop_when = [](std::span<const Token>) { return true; };
  }
  requests[2].prompt = {1, 11, 3};
  const auto got = engine::generate(context, {}, requests);
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().what, "request 2: fake context: layer 0: a value is not finite");
  EXPECT_EQ(context.n_alive(), 0u);

  requests[2].prompt.clear();
  EXPECT_NE(engine::generate(context, {}, requests).error().what.find("request 2: the prompt is empty"),
            std::string::npos);
  requests[2].prompt = {1};
  requests[2].sampler.top_p = 2;
  EXPECT_NE(engine::generate(context, {}, requests).error().what.find("request 2: top_p"), std::string::npos);
  EXPECT_NE(engine::generate(context, std::vector<Token>{11}, requests).error().what.find("request 2"),
            std::string::npos);
  requests[2].sampler.top_p = 1;
  requests[2].top_log_probs = 21;
  EXPECT_NE(engine::generate(context, {}, requests).error().what.find("request 2: top_log_probs"),
            std::string::npos);
  requests[2].top_log_probs = 0;
  requests[2].sampler.bias = {{12, 1}};  // there are 12 tokens
  EXPECT_NE(engine::generate(context, {}, requests).error().what.find("request 2: logit bias: token 12"),
            std::string::npos);
  requests[2].sampler.bias.clear();
  EXPECT_NE(engine::generate(context, std::vector<Token>{11}, requests).error().what.find("shared prefix"),
            std::string::npos);
}

TEST(Generate, a_guess_that_plain_decoding_would_never_reach_cannot_fail_a_request) {
  FakeContext context;
  context.n_ctx = 40;
  Request r;
  r.prompt = {1, 2, 3};
  r.max_tokens = 10;
  const Completion want = plain(context, {}, r);
  r.draft = want.tokens;
  r.draft[4] = 11 - r.draft[4];
  r.max_tokens = 100;
  r.draft.resize(90, 7);  // does not fit the context
  r.stop_when = [](std::span<const Token> o) { return o.size() == 10; };
  auto got = engine::generate(context, {}, std::span(&r, 1));
  ASSERT_TRUE(got) << got.error().what;
  EXPECT_EQ((*got)[0].tokens, want.tokens);
  context.n_ctx = 1000;
  while (context.poison < 4 || std::count(want.tokens.begin(), want.tokens.end(), context.poison))
    ++context.poison;
  ASSERT_LT(context.poison, 12);
  r.draft[6] = context.poison;  // fails half way through the pass
  got = engine::generate(context, {}, std::span(&r, 1));
  ASSERT_TRUE(got) << got.error().what;
  EXPECT_EQ((*got)[0].tokens, want.tokens);
}

TEST(Generate, too_few_pages_for_all_requests_at_once_only_make_it_slower) {
  FakeContext context;
  std::vector<Request> requests(7);
  for (size_t i = 0; i < requests.size(); ++i) {
    requests[i].prompt = {Token(i), 2};
    requests[i].max_tokens = 8;
  }
  for (const uint64_t n_kv : {9u, 12u, 20u, 1000u}) {  // one request holds 2 + 7 positions in the end
    context.n_kv = n_kv;
    std::vector<int> told(requests.size());
    const auto got = engine::generate(context, {}, requests, [&](size_t i, const Completion&) { ++told[i]; });
    ASSERT_TRUE(got) << got.error().what;
    for (size_t i = 0; i < requests.size(); ++i)
      EXPECT_EQ((*got)[i].tokens, plain(context, {}, requests[i]).tokens);
    EXPECT_EQ(told, std::vector<int>(requests.size(), 1));
    EXPECT_EQ(context.n_alive(), 0u);
  }
  context.n_kv = 8;
  const auto got = engine::generate(context, {}, requests);
  ASSERT_FALSE(got);
  EXPECT_NE(got.error().what.find("no KV pages left"), std::string::npos);
}

TEST(Generate, cancelling_keeps_what_was_done_and_admit_ends_between_requests) {
  FakeContext context;
  context.n_seq = 2;
  std::vector<Request> requests(6);
  for (Request& r : requests) {
    r.prompt = {1};
    r.max_tokens = 3;
  }
  std::atomic<bool> cancel = false;
  size_t n_done = 0;
  const auto got = engine::generate(
      context, {}, requests, [&](size_t, const Completion&) { cancel = ++n_done == 2; }, {.cancel = &cancel});
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().code, Code::failed);
  EXPECT_EQ(n_done, 2u);
  EXPECT_EQ(context.n_alive(), 0u);

  n_done = 0;
  const auto some = engine::generate(context, {}, requests, [&](size_t, const Completion&) { ++n_done; },
                                     {.admit = [](size_t i) { return i < 3; }});
  ASSERT_TRUE(some);
  EXPECT_EQ(n_done, 3u);
  EXPECT_EQ((*some)[2].reason, Reason::length);
  EXPECT_EQ((*some)[3].reason, Reason::not_run);
  EXPECT_TRUE((*some)[5].tokens.empty());
}

}  // namespace
}  // namespace bw::engine
