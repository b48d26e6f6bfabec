// One case a kernel table: the engine on it, one thread, gives BN1's golden digests of every tiny file, with
// either cache. So a
// table can be checked alone, also where a processor is emulated and threads would only wait for one another.
#include <gtest/gtest.h>

#include "engine/engine.h"
#include "engine/vectors.h"
#include "kernels/kernels.h"

namespace {
using namespace bw;
const std::string tiny = BITWORTH_SOURCE_DIR "/data/vectors/bn1/";

std::vector<std::string> isas() {
  std::vector<std::string> names;
  for (const kernels::Table* t : kernels::tables())
    if (t->available()) names.emplace_back(t->name);
  return names;
}

class EngineIsa : public testing::TestWithParam<std::string> {};

TEST_P(EngineIsa, gives_every_golden_digest) {
  for (const std::string name : {"baby-F16", "baby-Q4_0", "baby-Q5_1", "baby-Q8_0", "rand-Q4_K_S",
                                 "rand-Q6_K", "rand-Q2_K", "rand-IQ4_NL"}) {
    const auto file = gguf::open(tiny + name + ".gguf");
    ASSERT_TRUE(file) << file.error().what;
    const auto model = engine::load(*file, engine::LoadOptions{1, GetParam(), {}});
    ASSERT_TRUE(model) << model.error().what;
    const auto tokens = engine::vectors::ids(tiny + (name[0] == 'b' ? "tokens-baby.txt" : "tokens-rand.txt"));
    for (const engine::KvType kv : kernels::kv_types) {
      const auto expected = engine::vectors::digests(tiny + "digests.txt", name, kv);
      ASSERT_GE(expected.size(), 5u);
      engine::ContextOptions options;
      options.n_ctx = 512;
      options.n_batch = 64;
      options.kv_type = kv;
      const auto context = engine::make_context(*model, options);
      ASSERT_TRUE(context) << context.error().what;
      const auto sequence = (*context)->new_sequence();
      ASSERT_TRUE(sequence) << sequence.error().what;
      std::vector<engine::Row> rows;
      for (const engine::Token t : tokens) rows.push_back({*sequence, t, true});
      engine::vectors::Gather gather;
      (*context)->on_stage(gather.stages());
      const Status status = (*context)->forward(rows, gather.logits());
      ASSERT_TRUE(status) << status.error().what;
      EXPECT_EQ(gather.take(), expected) << name << ", cache " << kernels::name(kv);
    }
  }
}
INSTANTIATE_TEST_SUITE_P(Tables, EngineIsa, testing::ValuesIn(isas()), [](const auto& p) { return p.param; });

}  // namespace
