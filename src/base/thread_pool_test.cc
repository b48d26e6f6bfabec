// The pool runs every thread each time, its barrier separates phases, and its workers hold BN1's environment.
#include "base/thread_pool.h"

#include <gtest/gtest.h>
#include <sys/mman.h>

#include <atomic>
#include <vector>

#include "base/arena.h"
#include "base/fp_env.h"

namespace {
using namespace bw;

class Pool : public testing::TestWithParam<int> {};

TEST_P(Pool, every_thread_runs_once_a_region_and_has_finished_when_run_returns) {
  auto pool = ThreadPool::make(GetParam());
  ASSERT_TRUE(pool) << pool.error().what;
  const int n = (*pool)->size();
  std::vector<int> ran(size_t(n) * 64, 0);  // plain ints: a race would be one the barrier at the end misses
  for (int round = 0; round < 2000; ++round) (*pool)->run([&](int t) { ran[size_t(t) * 64] += round; });
  for (int t = 0; t < n; ++t) EXPECT_EQ(ran[size_t(t) * 64], 1999 * 2000 / 2);
}

TEST_P(Pool, nothing_after_a_barrier_is_seen_before_everything_ahead_of_it_is_done) {
  auto pool = ThreadPool::make(GetParam());
  ASSERT_TRUE(pool) << pool.error().what;
  const int n = (*pool)->size();
  std::vector<int> wrote(size_t(n) * 16, -1);
  std::atomic<int> wrong{0};
  for (int round = 0; round < 300; ++round)
    (*pool)->run([&](int t) {
      for (int phase = 0; phase < 3; ++phase) {
        wrote[size_t(t) * 16] = round * 3 + phase;
        (*pool)->barrier();
        for (int o = 0; o < n; ++o)
          if (wrote[size_t(o) * 16] != round * 3 + phase) ++wrong;
        (*pool)->barrier();
      }
    });
  EXPECT_EQ(wrong, 0);
}

TEST_P(Pool, workers_hold_the_bn1_environment_and_say_when_something_changed_it) {
  auto pool = ThreadPool::make(GetParam());
  ASSERT_TRUE(pool) << pool.error().what;
  FpEnv env;
  std::atomic<int> held{0};
  (*pool)->run([&](int) { held += fp_env_is_bn1(); });
  EXPECT_EQ(held, (*pool)->size());
  EXPECT_TRUE((*pool)->fp_env_held());
  if (GetParam() == 1) return;
  (*pool)->run([&](int t) {
    if (t == 1)
      set_fp_control(fp_control() ^ (fp_control_bn1 == 0 ? uint64_t{1} << 24 : 0x8000));  // flush to zero
  });
  EXPECT_FALSE((*pool)->fp_env_held());
}

TEST_P(Pool, run_some_does_every_item_once_and_none_is_running_when_it_returns) {
  auto pool = ThreadPool::make(GetParam());
  ASSERT_TRUE(pool) << pool.error().what;
  WorkShares shares((*pool)->size());
  for (const uint64_t n : {0u, 1u, 2u, 3u, 37u, 1000u})
    for (int round = 0; round < 200; ++round) {
      std::vector<int> done(
          n, 0);  // plain ints on the caller's stack frame: a late worker would be caught writing
      shares.reset(n, 2);
      (*pool)->run_some([&](int t) {
        for (Range r; shares.take(t, r);)
          for (uint64_t i = r.begin; i < r.end; ++i) ++done[i];
      });
      ASSERT_EQ(done, std::vector<int>(n, 1)) << n;
    }
}

INSTANTIATE_TEST_SUITE_P(Threads, Pool, testing::Values(1, 2, 3, 5));

TEST(PoolOptions, a_senseless_number_of_threads_is_refused) {
  EXPECT_FALSE(ThreadPool::make(-1));
  EXPECT_FALSE(ThreadPool::make(1000000));
}

TEST(FpEnv, is_set_for_a_scope_and_given_back) {
  const uint64_t before = fp_control();
  const uint64_t other = before ^ (fp_control_bn1 == 0 ? uint64_t{1} << 24 : 0x8000);
  set_fp_control(other);
  {
    FpEnv env;
    EXPECT_TRUE(fp_env_is_bn1());
  }
  EXPECT_EQ(fp_control(), other);
  set_fp_control(before);
}

TEST(Share, covers_everything_once_in_order) {
  for (int n = 1; n < 9; ++n)
    for (uint64_t items : {0u, 1u, 7u, 64u}) {
      uint64_t next = 0;
      for (int t = 0; t < n; ++t) {
        const Range r = share(items, t, n);
        EXPECT_EQ(r.begin, next);
        next = r.end;
      }
      EXPECT_EQ(next, items);
    }
}

TEST(Arena, is_aligned_zeroed_and_an_impossible_size_is_an_error) {
  auto a = Arena::make("test", 5000);
  ASSERT_TRUE(a) << a.error().what;
  EXPECT_EQ(reinterpret_cast<uintptr_t>(a->data()) % (2u << 20), 0u);
  EXPECT_EQ(a->size(), 8192u);
  for (uint64_t i = 0; i < a->size(); ++i) ASSERT_EQ(a->data()[i], std::byte{0});
  auto big = Arena::make("test", uint64_t{1} << 62);
  ASSERT_FALSE(big);
  EXPECT_NE(big.error().what.find("test"), std::string::npos);
}

TEST(Arena, is_resident_to_its_last_page_whoever_touched_it) {
  for (const int n_threads : {0, 1, 3, 5}) {
    for (const uint64_t bytes : {uint64_t{4096}, uint64_t{2} << 20, (uint64_t{9} << 20) + 4097}) {
      std::unique_ptr<ThreadPool> pool;
      if (n_threads > 0) {
        auto made = ThreadPool::make(n_threads);
        ASSERT_TRUE(made) << made.error().what;
        pool = std::move(*made);
      }
      const auto a = Arena::make("test", bytes, pool.get());
      ASSERT_TRUE(a) << a.error().what;
      std::vector<unsigned char> resident(a->size() / 4096);
      ASSERT_EQ(::mincore(a->data(), a->size(), resident.data()), 0);
      for (size_t i = 0; i < resident.size(); ++i)
        ASSERT_EQ(resident[i] & 1, 1) << "page " << i << " of " << bytes << ", " << n_threads << " threads";
    }
  }
}

}  // namespace
