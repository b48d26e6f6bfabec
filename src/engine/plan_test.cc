// What plan() says without loading is what the engine then holds: by its own count to the byte, by the
// kernel's within 1 %. Products and bytes read are counted here from the header alone, another way.
#include <gtest/gtest.h>
#if defined(__GLIBC__)
#include <malloc.h>
#endif

#include <filesystem>

#include "base/host.h"
#include "engine/engine.h"

namespace {
using namespace bw;
const std::string tiny = BITWORTH_SOURCE_DIR "/data/vectors/bn1/";

engine::ContextOptions options(uint32_t n_ctx, uint32_t n_seq, uint32_t n_batch, uint32_t n_logits) {
  engine::ContextOptions o;
  o.n_ctx = n_ctx, o.n_seq = n_seq, o.n_batch = n_batch, o.n_logits = n_logits;
  return o;
}

TEST(Plan, is_to_the_byte_what_the_engine_says_it_holds) {
  for (const char* name : {"baby-F16", "baby-Q4_0", "rand-Q6_K"}) {
    const auto f = gguf::open(tiny + name + ".gguf");
    ASSERT_TRUE(f) << f.error().what;
    for (const int threads : {1, 3}) {
      const auto m = engine::load(*f, {threads, "", {}});
      ASSERT_TRUE(m) << m.error().what;
      for (auto o : {options(512, 1, 256, 16), options(100, 3, 7, 4), options(1000, 2, 64, 500)}) {
        if (o.n_batch == 7) o.kv_type = engine::KvType::q8;
        const auto p = engine::plan(*f, o, threads);
        ASSERT_TRUE(p) << p.error().what;
        const auto c = engine::make_context(*m, o);
        ASSERT_TRUE(c) << c.error().what;
        EXPECT_EQ(p->weights, (*m)->weight_bytes());
        EXPECT_EQ(p->kv, (*c)->kv_bytes());
        EXPECT_EQ(p->work + p->tables, (*c)->work_bytes());
      }
    }
  }
}

TEST(Plan, a_q8_cache_takes_a_byte_a_value_and_a_float_a_group_of_64) {
  const auto f = gguf::open(tiny + "baby-F16.gguf");
  ASSERT_TRUE(f) << f.error().what;
  const auto n_pages = [](uint64_t bytes, uint64_t page) { return (bytes + page - 1) / page; };
  uint64_t kv[2];
  for (const engine::KvType type : kernels::kv_types) {
    auto o = options(4096, 16, 64, 1);  // far above the 2 MiB an arena is rounded to
    o.kv_type = type;
    const auto p = engine::plan(*f, o, 1);
    ASSERT_TRUE(p) << p.error().what;
    kv[type == engine::KvType::q8] = p->kv;
  }
  // 5 layers, keys and values, 4 KV heads of 16: 16 halves, or 16 bytes and one float.
  const uint64_t rows = 4096 * 16 * 5 * 2 * 4, arena = 2 << 20;
  EXPECT_EQ(n_pages(kv[0], arena), n_pages(rows * 32, arena));
  EXPECT_EQ(n_pages(kv[1], arena), n_pages(rows * 20, arena));
}

TEST(Plan, counts_the_products_of_a_token_and_the_bytes_they_read) {
  const auto f = gguf::open(tiny + "baby-Q8_0.gguf");
  ASSERT_TRUE(f);
  const auto p = engine::plan(*f, options(256, 1, 64, 1), 1);
  ASSERT_TRUE(p) << p.error().what;
  uint64_t macs = 0, bytes = 0;
  for (const gguf::TensorInfo& t : f->tensors) {
    if (t.name == "token_embd.weight") {
      bytes += t.n_bytes / t.ne[1];  // one row of it
    } else {
      bytes += t.n_bytes;
      if (t.ne[1] > 1) macs += t.n_elements();
    }
  }
  EXPECT_EQ(p->macs_per_token, macs);
  // Panels pad the last rows (105 of 112 in the head) and odd counts of blocks share a header line.
  EXPECT_GE(p->bytes_read_per_token, bytes);
  EXPECT_LE(double(p->bytes_read_per_token), double(bytes) * 1.03);
}

TEST(Plan, is_within_one_percent_of_what_the_kernel_counts_as_resident) {
#if defined(__SANITIZE_ADDRESS__)
  GTEST_SKIP() << "a sanitizer's shadow memory is resident too: build without BITWORTH_SANITIZE";
#endif
  const std::string at = cache_dir() + "/models/smollm2-135m.gguf";
  if (!std::filesystem::exists(at)) GTEST_SKIP() << at << " is not there: `./dev model smollm2` fetches it";
  const auto f = gguf::open(at);
  ASSERT_TRUE(f) << f.error().what;
  const auto o = options(2048, 1, 256, 16);
  const auto p = engine::plan(*f, o, 2);
  ASSERT_TRUE(p) << p.error().what;
#if defined(__GLIBC__)
  ::malloc_trim(0);  // loading does, and would give back what earlier tests held
#endif
  const auto before = process_memory();
  const auto m = engine::load(*f, {2, "", {}});
  ASSERT_TRUE(m) << m.error().what;
  const auto c = engine::make_context(*m, o);
  ASSERT_TRUE(c) << c.error().what;
  const int seq = *(*c)->new_sequence();
  std::vector<engine::Row> rows;
  for (int i = 0; i < 300; ++i) rows.push_back({seq, 100 + i, i >= 280});
  ASSERT_TRUE((*c)->forward(rows, [](size_t, std::span<const float>) { return Status{}; }));
  const auto after = process_memory();
  if (!before || !after) GTEST_SKIP() << "this system does not tell a process its memory (/proc/self/status)";
  const double grown = double(after->rss) - double(before->rss), planned = double(p->total());
  EXPECT_NEAR(grown / planned, 1.0, 0.01) << grown << " bytes resident, " << planned << " planned";
  // Loading needs no more than what stays: the peak is the plan and the read buffers of two threads. (A
  // larger model loaded earlier in this process would hide it.)
  if (before->peak < before->rss + (8u << 20)) {
    EXPECT_LE(double(after->peak) - double(before->rss), planned * 1.02);
  }
}

}  // namespace
