// The scheduler over a toy model that forgives nothing (fake_context.h): whatever joins, leaves, forks and is
// cancelled, every request gets what it would alone; and the promises of scheduler.h about steps and pages.
#include "engine/scheduler.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <thread>

#include "engine/fake_context.h"
#include "engine/scheduler_storm.h"

namespace bw::engine {
namespace {
using Reason = Outcome::Reason;

// The definition: the whole history through the model, one choice, append, repeat.
Outcome plain(const FakeContext& like, const std::vector<Token>& prompt, const ScheduledRequest& r) {
  Outcome o;
  std::vector<float> logits(like.n_vocab);
  for (size_t n = 1; r.prompt_log_probs && n < prompt.size(); ++n) {
    like.model(std::span(prompt).first(n), logits);
    o.prompt_log_probs.push_back(log_probs(logits, prompt[n], r.top_log_probs));
  }
  std::vector<Token> history = prompt;
  for (;;) {
    o.reason = Reason::length;
    if (o.tokens.size() == r.max_tokens) return o;
    o.reason = Reason::stop;
    like.model(history, logits);
    const TokenMask mask = r.constraint ? *r.constraint->allowed() : TokenMask{};
    const Token t = *sample(logits, r.sampler, uint32_t(history.size()), {prompt, o.tokens}, mask);
    for (const Token s : r.stop)
      if (s == t) return o;
    history.push_back(t);
    o.tokens.push_back(t);
    if (r.constraint) r.constraint->accept(t);
    if (r.log_probs) o.log_probs.push_back(log_probs(logits, t, r.top_log_probs));
  }
}

// A toy context that remembers the rows of every pass.
class Recording : public FakeContext {
 public:
  std::vector<std::map<int, size_t>> passes;  // rows by sequence
  Status forward(std::span<const Row> rows, const LogitsSink& sink) override {
    passes.emplace_back();
    for (const Row& r : rows) ++passes.back()[r.seq];
    return FakeContext::forward(rows, sink);
  }
};

struct Bench {
  Recording context;
  ContextOptions options;
  std::map<RequestId, Outcome> done;
  explicit Bench(uint32_t n_seq = 8, uint64_t n_pages = 64, uint32_t n_ctx = 4096) {
    context.n_seq = options.n_seq = n_seq;
    context.n_ctx = options.n_ctx = n_ctx;
    context.most_pages = n_pages;
  }
  ScheduledRequest request(std::vector<Token> prompt, uint32_t max_tokens) {
    ScheduledRequest r;
    r.prompt = std::move(prompt);
    r.max_tokens = max_tokens;
    r.on_done = [this](Outcome&& o) { done[o.id] = std::move(o); };
    return r;
  }
};
std::vector<Token> random_tokens(uint64_t seed, size_t n) {
  std::mt19937_64 random(seed);
  std::vector<Token> out(n);
  for (Token& t : out) t = Token(random() % 12);
  return out;
}
std::vector<Token> then(std::vector<Token> a, const std::vector<Token>& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}
void run(Scheduler& s) {
  while (s.has_work()) s.step();
}

TEST(Scheduler, storms_of_joins_forks_leaves_and_cancels_change_no_bit_and_leak_no_page) {
  size_t n_done = 0, n_cancelled = 0, n_forked = 0;
  uint64_t n_reused = 0, n_evicted = 0;
  for (uint64_t seed = 0; seed < 40; ++seed) {
    // From a cache that holds one request at a time to one that holds all.
    Bench b(uint32_t(1 + seed % 9), 4 + seed % 5 * 6, 1024);
    {
      SchedulerOptions o;
      o.step_rows = seed % 3 == 0 ? 40 : 256;
      o.keep_prefixes = seed % 7 != 0;
      Scheduler s(b.context, b.options, o);
      Storm storm(s, seed, {},
                  [&](const auto& prompt, const auto& r) { return plain(b.context, prompt, r); });
      for (int i = 0; i < 300; ++i) storm.step();
      storm.finish();
      if (HasFatalFailure()) FAIL() << "seed " << seed;
      const SchedulerStats stats = s.stats();
      EXPECT_EQ(stats.n_running + stats.n_queued, 0u);
      EXPECT_EQ(b.context.n_alive(), 0u);
      EXPECT_EQ(stats.n_free_pages + stats.n_kept_pages, stats.n_pages);  // nothing but the tree holds pages
      n_evicted += stats.n_evicted_pages;
      n_done += storm.n_done;
      n_cancelled += storm.n_cancelled;
      n_forked += storm.n_forked;
      n_reused += storm.n_reused;
    }
    EXPECT_EQ(b.context.free_pages(), b.context.most_pages);
  }
  EXPECT_GT(n_done, 2000u);
  EXPECT_GT(n_cancelled, 100u);
  EXPECT_GT(n_forked, 300u);
  EXPECT_GT(n_reused, 100000u);
  EXPECT_GT(n_evicted, 300u);
}

TEST(Scheduler, every_step_carries_all_that_decode_and_prompts_share_the_rest) {
  Bench b;
  SchedulerOptions o;
  o.step_rows = 64;
  Scheduler s(b.context, b.options, o);
  for (uint64_t i = 0; i < 3; ++i) ASSERT_TRUE(s.submit(b.request(random_tokens(i, 3), 30)));
  s.step();  // three prompts of 3: all of them
  EXPECT_EQ(b.context.passes.back().size(), 3u);
  ASSERT_TRUE(s.submit(b.request(random_tokens(7, 900), 2)));
  ASSERT_TRUE(s.submit(b.request(random_tokens(8, 10), 2)));
  ASSERT_TRUE(s.submit(b.request(random_tokens(9, 900), 2)));
  s.step();
  // 64 - 3 = 61: the short prompt takes 10, the long ones 25 and 26.
  std::multiset<size_t> rows;
  for (const auto& [seq, n] : b.context.passes.back()) rows.insert(n);
  EXPECT_EQ(rows, (std::multiset<size_t>{1, 1, 1, 10, 25, 26}));
  for (int i = 0; i < 12; ++i) {
    s.step();
    size_t n = 0, n_ones = 0;
    for (const auto& [seq, k] : b.context.passes.back()) {
      n += k;
      n_ones += k == 1;
    }
    EXPECT_EQ(n, 64u);
    EXPECT_GE(n_ones, 3u);
  }
  run(s);
  EXPECT_EQ(b.done.size(), 6u);
}

TEST(Scheduler, more_that_decode_than_step_rows_all_get_their_row_and_prompts_still_move) {
  Bench b(8);
  SchedulerOptions o;
  o.step_rows = 4;
  Scheduler s(b.context, b.options, o);
  for (uint64_t i = 0; i < 6; ++i) ASSERT_TRUE(s.submit(b.request({Token(i)}, 50)));
  s.step();
  EXPECT_EQ(b.context.passes.back().size(), 6u);
  ASSERT_TRUE(s.submit(b.request(random_tokens(1, 20), 1)));
  s.step();
  EXPECT_EQ(b.context.passes.back().size(), 7u);
  run(s);
  EXPECT_EQ(b.done.size(), 7u);
}

TEST(Scheduler, a_prefix_is_computed_once_and_kept_once_for_those_together_and_those_later) {
  Bench b;
  Scheduler s(b.context, b.options);
  const std::vector<Token> system = random_tokens(1, 600);
  std::vector<RequestId> ids;
  for (uint64_t i = 0; i < 4; ++i)
    ids.push_back(*s.submit(b.request(then(system, random_tokens(100 + i, 9)), 5)));
  while (b.context.n_rows < 609) s.step();
  for (int i = 0; i < 2; ++i) s.step();
  // Two full pages for all four, and a third that each has its own of.
  EXPECT_EQ(s.stats().n_pages - s.stats().n_free_pages, 2u + 4u);
  run(s);
  EXPECT_EQ(b.context.n_rows, 600u + 4 * (9 + 4));
  const RequestId later = *s.submit(b.request(then(system, random_tokens(7, 3)), 5));
  run(s);
  EXPECT_EQ(b.done.at(later).n_reused, 600u);
  EXPECT_EQ(b.done.at(ids[0]).n_reused, 0u);
  for (size_t i = 1; i < 4; ++i) EXPECT_EQ(b.done.at(ids[i]).n_reused, 600u);
  // The next turn of a conversation goes on where the last ended.
  const Outcome& o = b.done.at(ids[2]);
  std::vector<Token> turn = then(then(system, random_tokens(102, 9)), o.tokens);
  const RequestId next = *s.submit(b.request(then(turn, {1, 2, 3}), 4));
  run(s);
  EXPECT_EQ(b.done.at(next).n_reused, 613u);  // the last token of output was never fed
  EXPECT_EQ(b.done.at(next).tokens, plain(b.context, then(turn, {1, 2, 3}), b.request({}, 4)).tokens);
}

TEST(Scheduler, two_that_compute_the_same_on_their_own_keep_it_once) {
  Bench b;
  Scheduler s(b.context, b.options);
  for (int i = 0; i < 2; ++i) {
    ScheduledRequest r = b.request(random_tokens(1, 600), 5);
    r.reuse = false;
    ASSERT_TRUE(s.submit(std::move(r)));
  }
  while (b.context.n_rows < 1200) s.step();
  EXPECT_EQ(s.stats().n_pages - s.stats().n_free_pages, 2u + 2u);
  run(s);
  EXPECT_EQ(b.done.at(1).tokens, b.done.at(2).tokens);
}

TEST(Scheduler, a_fork_computes_nothing_again_and_each_may_ask_its_own_way) {
  Bench b;
  Scheduler s(b.context, b.options);
  const std::vector<Token> prompt = random_tokens(5, 100);
  const RequestId first = *s.submit(b.request(prompt, 20));
  std::vector<RequestId> choices;
  for (uint32_t i = 1; i < 4; ++i) {
    ScheduledRequest r = b.request({}, 20);
    r.sampler = {.temperature = 1, .seed = 3, .sample_index = i};
    choices.push_back(*s.fork(first, std::move(r)));
  }
  run(s);
  // The prompt once; of each choice the prompt's last token for its logits, and its output but the last.
  EXPECT_EQ(b.context.n_rows, 100u + 19 + 3 * (1 + 19));
  for (uint32_t i = 1; i < 4; ++i) {
    ScheduledRequest r = b.request({}, 20);
    r.sampler = {.temperature = 1, .seed = 3, .sample_index = i};
    EXPECT_EQ(b.done.at(choices[i - 1]).tokens, plain(b.context, prompt, r).tokens);
  }
  EXPECT_NE(b.done.at(choices[0]).tokens, b.done.at(choices[1]).tokens);
  const RequestId late = *s.fork(first, b.request({1}, 2));
  run(s);
  ASSERT_EQ(b.done.at(late).reason, Reason::failed);
  EXPECT_NE(b.done.at(late).error->what.find("has ended"), std::string::npos);
}

TEST(Scheduler, the_prefix_used_longest_ago_is_evicted_first_and_only_when_pages_are_needed) {
  Bench b(2, 6);
  Scheduler s(b.context, b.options);
  const auto ask = [&](uint64_t family) {
    const RequestId id = *s.submit(b.request(random_tokens(family, 520), 1));
    run(s);
    return b.done.at(id).n_reused;
  };
  EXPECT_EQ(ask(1), 0u);  // two full pages are kept, the third holds too little
  EXPECT_EQ(ask(2), 0u);
  EXPECT_EQ(s.stats().n_kept_pages, 4u);
  EXPECT_EQ(ask(1), 512u);
  EXPECT_EQ(s.stats().n_evicted_pages, 0u);
  EXPECT_EQ(ask(3), 0u);  // needs three, two are free: the last page of 2 goes
  EXPECT_EQ(s.stats().n_evicted_pages, 1u);
  EXPECT_EQ(ask(1), 512u);
  EXPECT_EQ(ask(2), 256u);
}

TEST(Scheduler, what_has_started_always_ends_in_a_cache_too_small_for_all) {
  Bench b(8, 3);
  Scheduler s(b.context, b.options);
  for (uint64_t i = 0; i < 8; ++i)
    ASSERT_TRUE(s.submit(b.request(random_tokens(i, 200), 200)));  // two pages each
  s.step();
  EXPECT_EQ(s.stats().n_running, 1u);
  EXPECT_EQ(s.stats().n_queued, 7u);
  run(s);
  ASSERT_EQ(b.done.size(), 8u);
  for (const auto& [id, o] : b.done) {
    EXPECT_EQ(o.reason, Reason::length);
    EXPECT_EQ(o.tokens.size(), 200u);
  }
  // A prefix that is kept in every page there is must not keep its own user out.
  Bench tight(1, 2);
  Scheduler t(tight.context, tight.options);
  const std::vector<Token> p = random_tokens(1, 300);
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(t.submit(tight.request(then(p, random_tokens(uint64_t(i), 2)), 200)));
    run(t);
  }
  EXPECT_EQ(tight.done.size(), 3u);
}

TEST(Scheduler, what_goes_wrong_ends_the_request_it_belongs_to) {
  Bench b;
  b.context.poison = 11;
  Scheduler s(b.context, b.options);
  std::vector<Token> clean = random_tokens(1, 50), bad = clean;
  for (Token& t : clean)
    if (t == 11) t = 0;
  bad = clean;
  bad[30] = 11;
  const RequestId good = *s.submit(b.request(clean, 1)), sick = *s.submit(b.request(bad, 1));
  ScheduledRequest odd = b.request(clean, 3);
  odd.sampler.bias = {{12, 1}};  // there are 12 tokens
  const RequestId outside = *s.submit(std::move(odd));
  const RequestId unknown = *s.submit(b.request({3, 99}, 1));
  run(s);
  EXPECT_EQ(b.done.at(good).reason, Reason::length);
  ASSERT_EQ(b.done.at(sick).reason, Reason::failed);
  EXPECT_NE(b.done.at(sick).error->what.find("not finite"), std::string::npos);
  ASSERT_EQ(b.done.at(outside).reason, Reason::failed);
  EXPECT_NE(b.done.at(outside).error->what.find("token 12"), std::string::npos);
  ASSERT_EQ(b.done.at(unknown).reason, Reason::failed);
  EXPECT_NE(b.done.at(unknown).error->what.find("no such token"), std::string::npos);
}

// Of 12 tokens, those that differ from the last by one of `steps` (any at the start); nothing follows
// `dead_end`.
class Steps : public Constraint {
 public:
  explicit Steps(std::vector<Token> steps, Token dead_end = -1)
      : steps_(std::move(steps)), dead_end_(dead_end) {}
  Result<TokenMask> allowed() override {
    if (last_ >= 0 && last_ == dead_end_) return failed(fmt::format("nothing follows {}", last_));
    mask_ = {last_ < 0 ? ~uint64_t(0) : 0};
    for (const Token s : steps_)
      if (last_ >= 0) mask_[0] |= uint64_t(1) << ((last_ + s) % 12);
    return TokenMask(mask_);
  }
  void accept(Token token) override { last_ = token; }

 private:
  const std::vector<Token> steps_;
  const Token dead_end_;
  Token last_ = -1;
  std::vector<uint64_t> mask_;
};

TEST(Scheduler, a_constraint_holds_its_own_request_and_changes_no_bit_of_its_neighbours) {
  Bench b;
  b.context.poison = 11;  // a pass that fails is repeated: what was chosen in it must not have been told
  Scheduler s(b.context, b.options);
  struct Asked {
    std::vector<Token> prompt;
    ScheduledRequest request;
    std::function<std::shared_ptr<Constraint>()> constraint;
  };
  std::map<RequestId, Asked> asked;
  for (uint64_t i = 0; i < 24; ++i) {
    Asked a{random_tokens(i, 5 + i * 7 % 40), b.request({}, 25), [] { return nullptr; }};
    for (Token& t : a.prompt) t %= 11;
    if (i % 4 < 2) a.request.sampler = {.temperature = 1, .top_k = 5, .seed = i};
    a.request.sampler.bias = {{11, -1e9f}};
    a.request.log_probs = true;
    if (i % 3 == 0) a.constraint = [] { return std::make_shared<Steps>(std::vector<Token>{1, 3, 7}); };
    if (i % 3 == 1) a.constraint = [] { return std::make_shared<Steps>(std::vector<Token>{1, 4}, 5); };
    ScheduledRequest r = a.request;
    r.prompt = a.prompt;
    if (i % 8 == 7) r.prompt.push_back(11);
    r.constraint = a.constraint();
    const RequestId id = *s.submit(std::move(r));
    if (i % 8 != 7) asked[id] = std::move(a);
    s.step();
  }
  run(s);
  size_t n_failed = 0, n_held = 0;
  for (auto& [id, a] : asked) {
    const Outcome& o = b.done.at(id);
    ASSERT_LE(o.tokens.size(), 25u);
    if (o.reason == Reason::failed) {
      EXPECT_EQ(o.error->what, "nothing follows 5");
      ASSERT_FALSE(o.tokens.empty());
      EXPECT_EQ(o.tokens.back(), 5);
      a.request.max_tokens = uint32_t(o.tokens.size());
      ++n_failed;
    }
    a.request.constraint = a.constraint();
    const Outcome want = plain(b.context, a.prompt, a.request);
    EXPECT_EQ(o.tokens, want.tokens);
    for (size_t i = 0; i < o.tokens.size(); ++i)
      EXPECT_EQ(o.log_probs[i].chosen.log_probability, want.log_probs[i].chosen.log_probability);
    a.request.constraint = nullptr;
    n_held += o.tokens != plain(b.context, a.prompt, a.request).tokens;
  }
  EXPECT_GT(n_failed, 3u);
  EXPECT_GT(n_held, 10u);
}

TEST(Scheduler, refuses_at_once_what_can_never_run) {
  Bench b(2, 2, 1000);
  SchedulerOptions o;
  o.max_queued = 2;
  Scheduler s(b.context, b.options, o);
  const auto refused = [&](ScheduledRequest r, const char* word) {
    const auto id = s.submit(std::move(r));
    return !id && id.error().what.find(word) != std::string::npos;
  };
  EXPECT_TRUE(refused(b.request({}, 1), "empty"));
  EXPECT_TRUE(refused(b.request(random_tokens(1, 990), 12), "context of 1000"));
  EXPECT_TRUE(refused(b.request(random_tokens(1, 500), 20), "3 pages"));
  ScheduledRequest r = b.request({1}, 1);
  r.sampler.top_p = NAN;
  EXPECT_TRUE(refused(r, "top_p"));
  r.sampler.top_p = 1;
  r.top_log_probs = 21;
  EXPECT_TRUE(refused(r, "top_log_probs"));
  EXPECT_FALSE(s.has_work());
  EXPECT_FALSE(s.step());
  ASSERT_TRUE(s.submit(b.request({1}, 1)));
  ASSERT_TRUE(s.submit(b.request({1}, 1)));
  EXPECT_TRUE(refused(b.request({1}, 1), "2 requests are waiting"));
  EXPECT_FALSE(s.fork(0, b.request({1}, 1)));
  run(s);
  EXPECT_EQ(b.done.size(), 2u);
}

TEST(Scheduler, a_request_is_cancelled_wherever_it_is_and_callbacks_may_ask_for_more) {
  Bench b(1);
  Scheduler s(b.context, b.options);
  std::vector<RequestId> ids;
  for (uint64_t i = 0; i < 3; ++i) ids.push_back(*s.submit(b.request(random_tokens(i, 700), 50)));
  s.cancel(ids[1]);  // waiting
  s.step();
  EXPECT_EQ(b.done.at(ids[1]).reason, Reason::cancelled);
  s.cancel(ids[0]);  // in the middle of its prompt
  s.cancel(77);      // nobody
  s.step();
  EXPECT_EQ(b.done.at(ids[0]).reason, Reason::cancelled);
  EXPECT_EQ(b.done.at(ids[0]).tokens.size(), 0u);
  ScheduledRequest r = b.request(random_tokens(9, 5), 50);
  RequestId child = 0;
  r.on_token = [&](const TokenEvent& e) {
    if (e.index == 3) child = *s.fork(e.id, b.request({2}, 4));
    if (e.index == 5) s.cancel(e.id);
    return false;
  };
  const RequestId parent = *s.submit(std::move(r));
  run(s);
  const Outcome& p = b.done.at(parent);
  EXPECT_EQ(p.reason, Reason::cancelled);
  EXPECT_EQ(p.tokens.size(), 6u);
  std::vector<Token> prompt = random_tokens(9, 5);
  prompt.insert(prompt.end(), p.tokens.begin(), p.tokens.begin() + 4);
  prompt.push_back(2);
  EXPECT_EQ(b.done.at(child).tokens, plain(b.context, prompt, b.request({}, 4)).tokens);
  // true from on_token ends it there, as a stop string does.
  ScheduledRequest stops = b.request({1}, 50);
  stops.on_token = [](const TokenEvent& e) { return e.index == 2; };
  const RequestId stopped = *s.submit(std::move(stops));
  run(s);
  EXPECT_EQ(b.done.at(stopped).reason, Reason::stop);
  EXPECT_EQ(b.done.at(stopped).tokens.size(), 3u);
}

TEST(Scheduler, takes_requests_and_cancels_from_other_threads_while_it_steps) {
  Bench b(4, 64);
  Scheduler s(b.context, b.options);
  std::atomic<int> n_done = 0, n_left = 4;
  std::vector<std::thread> clients;
  for (int c = 0; c < 4; ++c)
    clients.emplace_back([&, c] {
      for (uint64_t i = 0; i < 50; ++i) {
        ScheduledRequest r = b.request(random_tokens(i % 5, 40 + i), 5);
        r.on_done = [&](Outcome&&) { ++n_done; };
        const auto id = s.submit(std::move(r));
        if (id && i % 7 == uint64_t(c)) s.cancel(*id);
        if (s.stats().n_queued > 1000) std::abort();
      }
      --n_left;
    });
  while (n_left > 0 || s.has_work()) s.step();
  for (std::thread& t : clients) t.join();
  run(s);
  EXPECT_EQ(n_done, 200);
}

TEST(Scheduler, times_are_told_since_the_submission) {
  Bench b(1);
  uint64_t now = 0;
  SchedulerOptions o;
  o.clock = [&] { return now; };
  Scheduler s(b.context, b.options, o);
  ASSERT_TRUE(s.submit(b.request({1}, 3)));
  now = 100;
  const RequestId second = *s.submit(b.request({2}, 3));
  while (s.has_work()) {
    now += 1000;
    s.step();
  }
  EXPECT_EQ(b.done.at(second).ns_started, 4000u - 0);
  EXPECT_EQ(b.done.at(second).ns_first, 4000u);
  EXPECT_EQ(b.done.at(second).ns_total, 6000u);
}

}  // namespace
}  // namespace bw::engine
