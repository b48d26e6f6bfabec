// The scalar reference gives the golden digests of BN1, stage by stage (two other implementations agree on
// them).
#include "engine/reference.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

#include "engine/vectors.h"

namespace {
using namespace bw;
using engine::vectors::Gather;
const std::string tiny = BITWORTH_SOURCE_DIR "/data/vectors/bn1/";

class Reference : public testing::TestWithParam<std::tuple<const char*, engine::KvType>> {};

TEST_P(Reference, gives_every_golden_digest_of_a_tiny_file) {
  const std::string name = std::get<0>(GetParam());
  const engine::KvType kv = std::get<1>(GetParam());
  const auto expected = engine::vectors::digests(tiny + "digests.txt", name, kv);
  ASSERT_GE(expected.size(), 5u);
  const auto tokens = engine::vectors::ids(tiny + (name[0] == 'b' ? "tokens-baby.txt" : "tokens-rand.txt"));
  ASSERT_EQ(tokens.size(), 300u);
  const auto file = gguf::open(tiny + name + ".gguf");
  ASSERT_TRUE(file) << file.error().what;
  Gather g;
  const Status s = engine::run_reference(*file, tokens, g.stages(), g.logits(), kv);
  ASSERT_TRUE(s) << s.error().what;
  EXPECT_EQ(g.take(), expected);
}

INSTANTIATE_TEST_SUITE_P(Bn1, Reference,
                         testing::Combine(testing::Values("baby-F16", "baby-Q4_0", "baby-Q5_1", "baby-Q8_0",
                                                          "rand-Q4_K_S", "rand-Q6_K", "rand-Q2_K",
                                                          "rand-IQ4_NL"),
                                          testing::ValuesIn(kernels::kv_types)),
                         [](const auto& p) {
                           std::string name = std::get<0>(p.param);
                           for (char& c : name)
                             if (c == '-') c = '_';
                           return name + "_" + std::string(kernels::name(std::get<1>(p.param)));
                         });

// A minute and more each, so only where asked for; the engine's own test covers these digests at speed.
TEST(ReferenceReal, gives_the_golden_digests_of_the_real_files) {
  if (!std::getenv("BITWORTH_LONG_TESTS")) GTEST_SKIP() << "long: set BITWORTH_LONG_TESTS=1";
  const std::string real = BITWORTH_SOURCE_DIR "/data/vectors/bn1_real/";
  for (const auto& [name, path] : {std::pair<const char*, const char*>{"smollm2", "smollm2-135m.gguf"},
                                   {"qwen05", "qwen2.5-coder-0.5b.gguf"}}) {
    const std::string at = cache_dir() + "/models/" + path;
    if (!std::filesystem::exists(at)) GTEST_SKIP() << at << " is not there: `./dev model` fetches it";
    const auto file = gguf::open(at);
    ASSERT_TRUE(file) << file.error().what;
    for (const engine::KvType kv : kernels::kv_types) {
      Gather g;
      const Status s = engine::run_reference(*file, engine::vectors::ids(real + "tokens-" + name + ".txt"),
                                             g.stages(), g.logits(), kv);
      ASSERT_TRUE(s) << s.error().what;
      const auto got = g.take();
      for (const auto& [stage, hex] : engine::vectors::digests(real + "digests.txt", name, kv))
        EXPECT_EQ(got.at(stage), hex) << name << " " << kernels::name(kv) << " " << stage;
    }
  }
}

}  // namespace
