// PrefixTree against plain sets of token lists, over a toy context whose pages hold tokens.
#include "engine/prefix_tree.h"

#include <gtest/gtest.h>

#include <random>
#include <set>

#include "engine/fake_context.h"

namespace bw::engine {
namespace {
using Tokens = std::vector<Token>;

int sequence_of(FakeContext& c, const Tokens& tokens) {
  const int seq = *c.new_sequence();
  std::vector<Row> rows;
  for (const Token t : tokens) rows.push_back({seq, t, false});
  EXPECT_TRUE(c.forward(rows, {}));
  return seq;
}
// What a sequence made of `m` holds, told by the logits after one more token.
std::vector<float> logits_after(FakeContext& c, int seq) {
  std::vector<float> out;
  EXPECT_TRUE(c.forward(std::vector<Row>{{seq, 0, true}}, [&](size_t, std::span<const float> l) {
    out.assign(l.begin(), l.end());
    return Status{};
  }));
  return out;
}

TEST(PrefixTree, finds_the_longest_prefix_and_keeps_every_page_once) {
  std::mt19937 random(2);
  for (int round = 0; round < 30; ++round) {
    FakeContext context;
    PrefixTree tree(context);
    std::vector<Tokens> kept;
    std::set<Tokens> full;   // prefixes of whole pages
    std::set<Tokens> tails;  // whole texts that end within a page
    const auto text = [&] {
      // Few choices at few places, so that much is shared, some of it within a page.
      Tokens t;
      const size_t n = 1 + random() % 900;
      while (t.size() < n) t.push_back(t.size() % 90 == 89 ? Token(random() % 2) : Token(t.size() % 7));
      return t;
    };
    for (int i = 0; i < 30; ++i) {
      const Tokens t = text();
      size_t want = 0;
      for (const Tokens& k : kept) want = std::max<size_t>(want, n_common(t, k));
      const PrefixTree::Match m = tree.find(t);
      ASSERT_EQ(m.n, want);
      ASSERT_EQ(m.pages.size(), (m.n + page_positions - 1) / page_positions);
      const int adopted = *context.adopt(m.pages, m.n);
      const int fresh = sequence_of(context, Tokens(t.begin(), t.begin() + m.n));
      ASSERT_EQ(logits_after(context, adopted), logits_after(context, fresh));
      context.drop(adopted);
      context.drop(fresh);
      const int seq = sequence_of(context, t);
      const bool with_tail = random() % 2;
      tree.insert(seq, t, with_tail);
      ASSERT_EQ(logits_after(context, seq), logits_after(context, sequence_of(context, t)));
      for (size_t n = page_positions; n <= t.size(); n += page_positions)
        full.insert(Tokens(t.begin(), t.begin() + long(n)));
      if (with_tail && t.size() % page_positions) tails.insert(t);
      kept.emplace_back(t.begin(),
                        with_tail ? t.end() : t.begin() + long(t.size() / page_positions * page_positions));
      context.drop_all();
    }
    // A tail is a page of its own unless something longer begins with it.
    size_t n_pages = full.size();
    for (const Tokens& t : tails) {
      const auto begins = [&](const Tokens& longer) {
        return longer.size() > t.size() && n_common(longer, t) == t.size();
      };
      n_pages +=
          std::none_of(full.begin(), full.end(), begins) && std::none_of(tails.begin(), tails.end(), begins);
    }
    EXPECT_EQ(tree.n_pages(), n_pages);
    EXPECT_EQ(context.n_pages() - context.free_pages(), n_pages);
    EXPECT_EQ(tree.n_evictable(), n_pages);
    const uint64_t some = n_pages / 2;
    tree.evict(some);
    EXPECT_EQ(tree.n_pages(), n_pages - some);
    tree.evict(1000000);
    EXPECT_EQ(context.free_pages(), context.n_pages());
  }
}

TEST(PrefixTree, pages_in_use_are_not_evicted_nor_those_above_them) {
  FakeContext context;
  PrefixTree tree(context);
  const int a = sequence_of(context, Tokens(600, 1));
  tree.insert(a, Tokens(600, 1), false);
  Tokens other(600, 1);
  std::fill(other.begin() + 256, other.end(), 2);
  const int b = sequence_of(context, other);
  tree.insert(b, other, false);
  EXPECT_EQ(context.pages(a)[0], context.pages(b)[0]);  // kept once
  EXPECT_EQ(tree.n_pages(), 3u);
  EXPECT_EQ(tree.n_evictable(), 0u);
  context.drop(b);
  EXPECT_EQ(tree.n_evictable(), 1u);
  tree.evict(9);
  EXPECT_EQ(tree.n_pages(), 2u);
  EXPECT_EQ(tree.n_evicted(), 1u);
  context.drop(a);
  EXPECT_EQ(tree.n_evictable(), 2u);
  const PrefixTree::Match m = tree.find(Tokens(300, 1));
  EXPECT_EQ(m.n, 300u);  // part of a page serves too
  const int c = *context.adopt(m.pages, 256);
  EXPECT_EQ(tree.n_evictable(), 1u);  // the page below
  context.drop(c);
}

}  // namespace
}  // namespace bw::engine
