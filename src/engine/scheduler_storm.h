// For tests: a storm of requests over a Scheduler that join, leave, fork and are cancelled at random, each
// checked against what it gives alone. In: a scheduler, a seed, the solo run. Out: how much was seen; GTest
// failures where a bit differs.
#pragma once
#include <gtest/gtest.h>

#include <array>
#include <functional>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "engine/scheduler.h"

namespace bw::engine {

class Storm {
 public:
  // What `request` gives after `prompt` when nothing else runs: tokens, log_probs, reason.
  using Alone = std::function<Outcome(const std::vector<Token>& prompt, const ScheduledRequest& request)>;
  struct Shape {
    uint32_t n_vocab = 12, most_prompt = 700, most_tokens = 40, most_alive = 12;
  };
  size_t n_done = 0, n_cancelled = 0, n_forked = 0;
  uint64_t n_reused = 0;

  Storm(Scheduler& scheduler, uint64_t seed, Shape shape, Alone alone)
      : scheduler_(scheduler), random_(seed), shape_(shape), alone_(std::move(alone)) {
    for (auto& family : families_)
      for (uint32_t i = 0; i < shape.most_prompt; ++i) family.push_back(token());
  }

  // One step, and what comes before it.
  void step() {
    if (live_.size() < shape_.most_alive && random_() % 3 == 0) start();
    if (random_() % 8 == 0) fork();
    if (random_() % 25 == 0) cancel();
    scheduler_.step();
  }
  void finish() {
    while (scheduler_.has_work()) scheduler_.step();
    EXPECT_TRUE(live_.empty());
  }

 private:
  struct Live {
    std::vector<Token> prompt, output;
    ScheduledRequest request;
    bool cancelled = false;
  };
  Token token() { return Token(random_() % shape_.n_vocab); }

  ScheduledRequest any_request() {
    ScheduledRequest r;
    r.max_tokens = uint32_t(random_() % (shape_.most_tokens + 1));
    if (random_() % 2)
      r.sampler = {
          .temperature = 0.9f, .top_k = 8, .seed = random_() % 4, .sample_index = uint32_t(random_() % 2)};
    if (random_() % 4 == 0) r.sampler.repeat_penalty = 1.3f;
    if (random_() % 4 == 0) r.sampler.frequency_penalty = 0.2f;
    if (random_() % 4 == 0) r.stop = {token()};
    r.log_probs = true;
    r.top_log_probs = 1 + random_() % max_top_log_probs;
    r.prompt_log_probs = random_() % 16 == 0;
    r.reuse = random_() % 16 != 0;
    return r;
  }
  void listen(ScheduledRequest& r) {
    r.on_token = [this](const TokenEvent& e) {
      Live& l = live_.at(e.id);
      EXPECT_EQ(e.index, l.output.size());
      l.output.push_back(e.token);
      return false;
    };
    r.on_done = [this](Outcome&& o) { done(o); };
  }
  void start() {
    Live l;
    l.request = any_request();
    const std::vector<Token>& family = families_[random_() % families_.size()];
    l.prompt.assign(family.begin(), family.begin() + long(random_() % shape_.most_prompt));
    for (size_t n = 1 + random_() % 4 * (random_() % 40); n > 0; --n) l.prompt.push_back(token());
    ScheduledRequest r = l.request;
    r.prompt = l.prompt;
    listen(r);
    const auto id = scheduler_.submit(std::move(r));
    ASSERT_TRUE(id) << id.error().what;
    live_[*id] = std::move(l);
  }
  std::map<RequestId, Live>::iterator any() {
    return std::next(live_.begin(), long(random_() % live_.size()));
  }
  void fork() {
    if (live_.empty() || live_.size() >= shape_.most_alive) return;
    const auto parent = any();
    if (parent->second.prompt.size() > shape_.most_prompt) return;
    Live l;
    l.request = any_request();
    l.prompt = parent->second.prompt;
    l.prompt.insert(l.prompt.end(), parent->second.output.begin(), parent->second.output.end());
    ScheduledRequest r = l.request;
    for (size_t n = random_() % 2 * (random_() % 9); n > 0; --n) r.prompt.push_back(token());
    l.prompt.insert(l.prompt.end(), r.prompt.begin(), r.prompt.end());
    listen(r);
    const auto id = scheduler_.fork(parent->first, std::move(r));
    ASSERT_TRUE(id) << id.error().what;
    live_[*id] = std::move(l);
    ++n_forked;
  }
  void cancel() {
    if (live_.empty()) return;
    const auto i = any();
    i->second.cancelled = true;
    scheduler_.cancel(i->first);
  }
  static bool same(const LogProbs& a, const LogProbs& b) {
    if (a.chosen.log_probability != b.chosen.log_probability || a.top.size() != b.top.size()) return false;
    for (size_t i = 0; i < a.top.size(); ++i)
      if (a.top[i].token != b.top[i].token || a.top[i].log_probability != b.top[i].log_probability)
        return false;
    return true;
  }
  void done(const Outcome& o) {
    ASSERT_TRUE(live_.contains(o.id));
    const Live l = std::move(live_.at(o.id));
    live_.erase(o.id);
    ++n_done;
    n_reused += o.n_reused;
    ASSERT_FALSE(o.error) << o.error->what;
    EXPECT_EQ(o.n_prompt, l.prompt.size());
    EXPECT_EQ(o.tokens, l.output);
    const bool cancelled = o.reason == Outcome::Reason::cancelled;
    EXPECT_LE(cancelled, l.cancelled);  // it may have ended first
    n_cancelled += cancelled;
    const Outcome want = alone_(l.prompt, l.request);
    if (!cancelled) {
      EXPECT_EQ(o.reason, want.reason);
      EXPECT_EQ(o.tokens.size(), want.tokens.size());
    }
    ASSERT_LE(o.tokens.size(), want.tokens.size());
    ASSERT_EQ(o.log_probs.size(), o.tokens.size());
    for (size_t i = 0; i < o.tokens.size(); ++i) {
      ASSERT_EQ(o.tokens[i], want.tokens[i]) << "request " << o.id << " token " << i;
      ASSERT_TRUE(same(o.log_probs[i], want.log_probs[i])) << "request " << o.id << " token " << i;
    }
    if (!cancelled && l.request.prompt_log_probs) {
      ASSERT_EQ(o.prompt_log_probs.size(), l.prompt.size() - 1);
      ASSERT_EQ(want.prompt_log_probs.size(), l.prompt.size() - 1);
      for (size_t i = 0; i < o.prompt_log_probs.size(); ++i) {
        ASSERT_TRUE(same(o.prompt_log_probs[i], want.prompt_log_probs[i]))
            << "request " << o.id << " row " << i;
      }
    }
  }

  Scheduler& scheduler_;
  std::mt19937_64 random_;
  const Shape shape_;
  const Alone alone_;
  std::array<std::vector<Token>, 3> families_;
  std::map<RequestId, Live> live_;
};

}  // namespace bw::engine
