// The engine gives BN1's golden digests on every kernel table this machine has, for any number of threads,
// batch, fork and mixture of sequences; and refuses what it must with nothing changed.
#include "engine/engine.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "base/host.h"
#include "engine/vectors.h"
#include "kernels/kernels.h"

namespace {
using namespace bw;
using engine::Context;
using engine::ContextOptions;
using engine::LoadOptions;
using engine::Row;
using engine::Token;
using engine::vectors::Gather;
const std::string tiny = BITWORTH_SOURCE_DIR "/data/vectors/bn1/";
const std::string real = BITWORTH_SOURCE_DIR "/data/vectors/bn1_real/";

std::vector<std::string> isas() {
  std::vector<std::string> names;
  for (const kernels::Table* t : kernels::tables())
    if (t->available()) names.emplace_back(t->name);
  return names;
}
gguf::File open(const std::string& path) {
  auto f = gguf::open(path);
  if (!f) throw std::runtime_error(f.error().what);
  return std::move(*f);
}
std::shared_ptr<engine::Model> load(const gguf::File& f, const std::string& isa = "", int threads = 2) {
  auto m = engine::load(f, LoadOptions{threads, isa, {}});
  if (!m) throw std::runtime_error(m.error().what);
  return *m;
}
std::unique_ptr<Context> context(std::shared_ptr<engine::Model> m, ContextOptions o) {
  auto c = engine::make_context(std::move(m), o);
  if (!c) throw std::runtime_error(c.error().what);
  return std::move(*c);
}
int sequence(Context& c) {
  auto s = c.new_sequence();
  if (!s) throw std::runtime_error(s.error().what);
  return *s;
}
std::vector<Row> rows_of(int seq, const std::vector<Token>& tokens, bool logits = true) {
  std::vector<Row> rows;
  for (const Token t : tokens) rows.push_back({seq, t, logits});
  return rows;
}
std::vector<Token> tokens_of(const std::string& name) {
  return engine::vectors::ids(tiny + (name[0] == 'b' ? "tokens-baby.txt" : "tokens-rand.txt"));
}
ContextOptions options(uint32_t n_batch, uint32_t n_seq = 1, uint32_t n_ctx = 512) {
  ContextOptions o;
  o.n_ctx = n_ctx;
  o.n_seq = n_seq;
  o.n_batch = n_batch;
  o.n_logits = 5;  // so that blocks of logits end in the middle of passes
  return o;
}
// Logits of `tokens` as one fresh sequence, row by row.
std::vector<std::vector<float>> logits_alone(std::shared_ptr<engine::Model> m,
                                             const std::vector<Token>& tokens) {
  auto c = context(std::move(m), options(64));
  std::vector<std::vector<float>> out;
  const Status s = c->forward(rows_of(sequence(*c), tokens), [&](size_t, std::span<const float> x) {
    out.emplace_back(x.begin(), x.end());
    return Status{};
  });
  if (!s) throw std::runtime_error(s.error().what);
  return out;
}

TEST(Engine, gives_every_golden_digest_on_every_table_with_any_threads_and_batch) {
  for (const char* name : {"baby-F16", "baby-Q4_0", "baby-Q5_1", "baby-Q8_0", "rand-Q4_K_S", "rand-Q6_K",
                           "rand-Q2_K", "rand-IQ4_NL"}) {
    const gguf::File file = open(tiny + name + ".gguf");
    const auto expected = engine::vectors::digests(tiny + "digests.txt", name);
    ASSERT_GE(expected.size(), 5u);
    // Threads and batches in pairs, all of both; more threads than processors make batch 1 slow, not
    // different.
    const std::vector<std::pair<int, uint32_t>> ways =
        std::string(name) == "baby-Q5_1"
            ? std::vector<std::pair<int, uint32_t>>{{1, 1},  {1, 256}, {2, 1},   {2, 7},
                                                    {2, 64}, {3, 7},   {3, 256}, {5, 64}}
            : std::vector<std::pair<int, uint32_t>>{{1, 64}, {2, 7}, {3, 256}};
    for (const std::string& isa : isas())
      for (const auto& [threads, batch] : ways) {
        if (isa == "scalar" && threads != 2) continue;  // slow
        const auto m = load(file, isa, threads);
        for (const engine::KvType kv : kernels::kv_types) {
          ContextOptions o = options(batch);
          o.kv_type = kv;
          auto c = context(m, o);
          Gather g;
          c->on_stage(g.stages());
          const Status s = c->forward(rows_of(sequence(*c), tokens_of(name)), g.logits());
          ASSERT_TRUE(s) << s.error().what;
          EXPECT_EQ(g.take(), engine::vectors::digests(tiny + "digests.txt", name, kv))
              << name << " " << isa << ", " << threads << " threads, batch " << batch << ", "
              << kernels::name(kv);
        }
      }
  }
}

// Who gets which share of the work, and when a thread is put aside, differs from run to run; more so the more
// threads there are than processors. The prompt comes in calls of random lengths.
TEST(Engine, gives_the_golden_digests_on_many_more_threads_than_processors_and_in_calls_of_any_length) {
  uint32_t state = 12345;
  for (const std::string name : {"rand-Q4_K_S", "baby-Q5_1"}) {
    const gguf::File file = open(tiny + name + ".gguf");
    const std::vector<Token> tokens = tokens_of(name);
    for (const auto& [threads, batch] : {std::pair{7, 512u}, {16, 64u}, {64, 256u}}) {
      const auto m = load(file, "", threads);
      for (const engine::KvType kv : kernels::kv_types) {
        ContextOptions o = options(batch);
        o.kv_type = kv;
        auto c = context(m, o);
        const int s = sequence(*c);
        Gather g;
        for (size_t from = 0; from < tokens.size();) {
          state = state * 1664525 + 1013904223;
          const size_t to = std::min(tokens.size(), from + 1 + (state >> 16) % 150);
          ASSERT_TRUE(c->forward(
              rows_of(s, {tokens.begin() + ptrdiff_t(from), tokens.begin() + ptrdiff_t(to)}), g.logits()));
          from = to;
        }
        EXPECT_EQ(g.take().at("logits"),
                  engine::vectors::digests(tiny + "digests.txt", name, kv).at("logits"))
            << name << ", " << threads << " threads, batch " << batch << ", " << kernels::name(kv);
      }
    }
  }
}

class EngineReal : public testing::TestWithParam<std::pair<const char*, const char*>> {};
TEST_P(EngineReal, gives_the_golden_digests_on_every_fast_table) {
  const auto [name, path] = GetParam();
  const std::string at = cache_dir() + "/models/" + path;
  if (!std::filesystem::exists(at)) GTEST_SKIP() << at << " is not there: `./dev model` fetches it";
  const gguf::File file = open(at);
  const auto tokens = engine::vectors::ids(real + "tokens-" + name + ".txt");
  ASSERT_EQ(tokens.size(), 320u);
  std::vector<std::string> fast = isas();
  std::erase_if(fast, [](const std::string& isa) { return isa == "scalar" || isa == "sse41"; });  // minutes
  if (fast.empty())
    GTEST_SKIP() << "this processor has no fast table: the digests of real files are NOT checked";
  for (const std::string& isa : fast) {
    const auto m = load(file, isa);
    for (const engine::KvType kv : kernels::kv_types) {
      const auto expected = engine::vectors::digests(real + "digests.txt", name, kv);
      ASSERT_EQ(expected.size(), 6u);
      ContextOptions o = options(64);
      o.kv_type = kv;
      auto c = context(m, o);
      Gather g;
      c->on_stage(g.stages());
      const Status s = c->forward(rows_of(sequence(*c), tokens), g.logits());
      ASSERT_TRUE(s) << s.error().what;
      const auto got = g.take();
      for (const auto& [stage, hex] : expected)
        EXPECT_EQ(got.at(stage), hex) << name << " " << isa << " " << kernels::name(kv) << " " << stage;
    }
  }
}
INSTANTIATE_TEST_SUITE_P(Files, EngineReal,
                         testing::Values(std::pair{"smollm2", "smollm2-135m.gguf"},
                                         std::pair{"qwen05", "qwen2.5-coder-0.5b.gguf"}),
                         [](const auto& p) { return std::string(p.param.first); });

TEST(Engine, forks_and_mixed_batches_give_the_logits_each_sequence_has_alone) {
  const auto m = load(open(tiny + "baby-Q5_1.gguf"));
  std::vector<Token> a = tokens_of("baby-Q5_1"), b(a.rbegin(), a.rend());
  // b shares the first 270 tokens with a, so that the fork shares one full page and one partly filled.
  std::copy(a.begin(), a.begin() + 270, b.begin());
  const auto alone_a = logits_alone(m, a), alone_b = logits_alone(m, b);

  auto c = context(m, options(16, 3));
  const int sa = sequence(*c);
  ASSERT_TRUE(c->forward(rows_of(sa, {a.begin(), a.begin() + 270}, false), {}));
  const auto sb = c->fork(sa, 270);
  ASSERT_TRUE(sb) << sb.error().what;
  const auto sc = c->fork(sa, 100);  // a third that only holds pages shared
  ASSERT_TRUE(sc) << sc.error().what;
  std::vector<Row> rows;
  for (size_t i = 270; i < 300; ++i) {
    rows.push_back({*sb, b[i], true});
    rows.push_back({sa, a[i], true});
  }
  size_t seen = 0;
  const Status s = c->forward(rows, [&](size_t row, std::span<const float> x) {
    EXPECT_EQ(row, seen++);  // in row order
    const auto& expected = (row % 2 == 0 ? alone_b : alone_a)[270 + row / 2];
    EXPECT_TRUE(std::equal(x.begin(), x.end(), expected.begin(), expected.end())) << row;
    return Status{};
  });
  ASSERT_TRUE(s) << s.error().what;
  EXPECT_EQ(seen, 60u);
  // The third fork goes on from position 100 of what is by now rewritten elsewhere.
  ASSERT_TRUE(
      c->forward(rows_of(*sc, {a.begin() + 100, a.begin() + 140}), [&](size_t row, std::span<const float> x) {
        EXPECT_TRUE(std::equal(x.begin(), x.end(), alone_a[100 + row].begin())) << row;
        return Status{};
      }));
}

TEST(Engine, truncating_and_going_on_gives_what_a_fresh_sequence_gives) {
  const auto m = load(open(tiny + "baby-Q4_0.gguf"));
  const std::vector<Token> a = tokens_of("baby-Q4_0");
  const auto alone = logits_alone(m, a);
  auto c = context(m, options(64));
  const int s = sequence(*c);
  ASSERT_TRUE(c->forward(rows_of(s, {a.rbegin(), a.rend()}, false), {}));  // the wrong way round
  c->truncate(s, 0);
  ASSERT_TRUE(c->forward(rows_of(s, a, false), {}));
  c->truncate(s, 257);
  EXPECT_EQ(c->length(s), 257u);
  ASSERT_TRUE(c->forward(rows_of(s, {a.begin() + 257, a.end()}), [&](size_t row, std::span<const float> x) {
    EXPECT_TRUE(std::equal(x.begin(), x.end(), alone[257 + row].begin())) << row;
    return Status{};
  }));
}

TEST(Engine, refuses_with_nothing_changed) {
  const auto m = load(open(tiny + "baby-Q4_0.gguf"));
  ContextOptions o = options(64, 2, 300);
  o.n_kv = 512;  // two pages for two sequences that could need two each
  auto c = context(m, o);
  const int s = sequence(*c), other = sequence(*c);
  EXPECT_FALSE(c->new_sequence());
  const std::vector<Token> a = tokens_of("baby-Q4_0");
  const auto expect_refused = [&](const std::vector<Row>& rows, const char* word) {
    const uint32_t before = c->length(s), before_other = c->length(other);
    const Status r = c->forward(rows, [](size_t, std::span<const float>) { return Status{}; });
    ASSERT_FALSE(r);
    EXPECT_NE(r.error().what.find(word), std::string::npos) << r.error().what;
    EXPECT_EQ(c->length(s), before);
    EXPECT_EQ(c->length(other), before_other);
  };
  expect_refused(rows_of(s, {1, 2, 105}), "token 105");
  expect_refused(rows_of(s, {-1}), "token -1");
  expect_refused({{7, 1, true}}, "sequence 7");
  std::vector<Token> too_many(301, 1);
  expect_refused(rows_of(s, too_many), "context of 300");
  ASSERT_TRUE(c->forward(rows_of(s, {a.begin(), a.begin() + 257}, false), {}));  // two pages, none left
  expect_refused({{other, 1, false}}, "KV cache");
  EXPECT_FALSE(c->fork(s, 258));
  c->truncate(s, 256);
  EXPECT_TRUE(c->forward(rows_of(other, {1}, false), {}));
  // A page shared by both, no page free: the first to write would need a copy; after a drop the last holder
  // does not.
  c->drop(other);
  const auto f = c->fork(s, 100);
  ASSERT_TRUE(f);
  ASSERT_TRUE(c->forward(rows_of(*f, {5}, false), {}));  // copies into the free page
  c->drop(*f);
  EXPECT_TRUE(c->forward(rows_of(s, {5}, false), {}));
}

TEST(Engine, two_forks_of_one_partly_filled_page_need_one_copy_between_them) {
  const auto m = load(open(tiny + "baby-Q4_0.gguf"));
  auto c = context(m, options(64, 2, 256));  // two pages in all
  const int s = sequence(*c);
  ASSERT_TRUE(c->forward(rows_of(s, {1, 2, 3}, false), {}));
  const auto f = c->fork(s, 3);
  ASSERT_TRUE(f);
  const Status r = c->forward(std::vector<Row>{{s, 4, false}, {*f, 5, false}}, {});
  EXPECT_TRUE(r) << r.error().what;
}

TEST(Engine, an_error_of_the_sink_ends_the_call_and_takes_its_rows_back) {
  const auto m = load(open(tiny + "baby-Q4_0.gguf"));
  const std::vector<Token> a = tokens_of("baby-Q4_0");
  const auto alone = logits_alone(m, a);
  auto c = context(m, options(7));
  const int s = sequence(*c);
  ASSERT_TRUE(c->forward(rows_of(s, {a.begin(), a.begin() + 20}, false), {}));
  const Status r =
      c->forward(rows_of(s, {a.begin() + 20, a.end()}), [](size_t row, std::span<const float>) -> Status {
        if (row == 40) return failed("enough");
        return {};
      });
  ASSERT_FALSE(r);
  EXPECT_EQ(r.error().what, "enough");
  EXPECT_EQ(c->length(s), 20u);
  ASSERT_TRUE(
      c->forward(rows_of(s, {a.begin() + 20, a.begin() + 25}), [&](size_t row, std::span<const float> x) {
        EXPECT_TRUE(std::equal(x.begin(), x.end(), alone[20 + row].begin()));
        return Status{};
      }));
}

TEST(Engine, wanting_logits_of_some_rows_only_changes_none_of_them) {
  for (const char* name : {"baby-Q4_0", "rand-Q4_K_S"}) {
    const auto m = load(open(tiny + name + ".gguf"));
    const std::vector<Token> a = tokens_of(name), b{a.rbegin(), a.rend()};
    const auto alone_a = logits_alone(m, a), alone_b = logits_alone(m, b);
    for (const size_t every : {2, 7, 1000})
      for (const uint32_t n_batch : {5u, 64u}) {
        auto c = context(m, options(n_batch, 2));
        const int sa = sequence(*c), sb = sequence(*c);
        std::vector<Row> rows;
        for (size_t i = 0; i < a.size(); ++i) {
          rows.push_back({sa, a[i], i % every == every / 2});
          rows.push_back({sb, b[i], i + 1 == b.size()});
        }
        size_t seen = 0;
        const Status r = c->forward(rows, [&](size_t row, std::span<const float> x) {
          const auto& expected = (row % 2 == 0 ? alone_a : alone_b)[row / 2];
          EXPECT_TRUE(rows[row].wants_logits);
          EXPECT_TRUE(std::equal(x.begin(), x.end(), expected.begin()))
              << name << " row " << row << " of every " << every << ", batch " << n_batch;
          ++seen;
          return Status{};
        });
        ASSERT_TRUE(r) << r.error().what;
        EXPECT_EQ(seen, static_cast<size_t>(std::count_if(rows.begin(), rows.end(),
                                                          [](const Row& row) { return row.wants_logits; })));
      }
  }
}

TEST(Engine, a_sink_may_run_another_context_of_the_same_model_but_not_its_own) {
  const auto m = load(open(tiny + "baby-Q4_0.gguf"));
  const std::vector<Token> a = tokens_of("baby-Q4_0");
  const auto alone = logits_alone(m, a);
  auto outer = context(m, options(64)), inner = context(m, options(64));
  const int so = sequence(*outer), si = sequence(*inner);
  size_t seen = 0;
  const Status r =
      outer->forward(rows_of(so, {a.begin(), a.begin() + 20}), [&](size_t row, std::span<const float> x) {
        EXPECT_FALSE(outer->forward(std::vector<Row>{{so, 1, false}}, {}));
        const Status s =
            inner->forward(std::vector<Row>{{si, a[row], true}}, [&](size_t, std::span<const float> y) {
              EXPECT_TRUE(std::equal(y.begin(), y.end(), alone[row].begin()));
              ++seen;
              return Status{};
            });
        EXPECT_TRUE(std::equal(x.begin(), x.end(), alone[row].begin()));
        return s;
      });
  ASSERT_TRUE(r) << r.error().what;
  EXPECT_EQ(seen, 20u);
}

TEST(Engine, an_unknown_instruction_set_and_senseless_sizes_are_refused) {
  const gguf::File f = open(tiny + "baby-Q4_0.gguf");
  EXPECT_FALSE(engine::load(f, LoadOptions{1, "sse9", {}}));
  EXPECT_FALSE(engine::load(f, LoadOptions{-3, "", {}}));
  const auto m = load(f);
  EXPECT_FALSE(engine::make_context(m, options(0)));
  EXPECT_FALSE(engine::make_context(m, options(64, 0)));
  EXPECT_FALSE(engine::make_context(m, options(64, 1, 0)));
  EXPECT_FALSE(engine::make_context(m, options(64, 1, 1u << 30)));
  EXPECT_FALSE(engine::make_context(nullptr, options(64)));
}

}  // namespace
