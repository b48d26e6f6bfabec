// Every thing an architecture may declare, on tiny files with random weights (variants.h): the reference
// gives llama.cpp's logits within what rounding the cache to F16 explains, no longer when one declared number
// is changed, and the engine gives the reference's bits. How the logits were made:
// data/vectors/architectures.
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>

#include "engine/engine.h"
#include "engine/reference.h"
#include "engine/variants.h"
#include "engine/vectors.h"
#include "gguf/writer.h"
#include "kernels/kernels.h"

namespace {
using namespace bw;
using engine::variants::Variant;
using engine::vectors::Gather;
const std::string data = BITWORTH_SOURCE_DIR "/data/vectors/architectures/";
constexpr size_t row_step = 7;  // rows 0, 7, 14, ... are kept

std::vector<float> oracle(const std::string& name) {
  std::ifstream in(data + name + ".f32", std::ios::binary | std::ios::ate);
  std::vector<float> x(static_cast<size_t>(std::max<std::streamoff>(in.tellg(), 0)) / sizeof(float));
  in.seekg(0);
  in.read(reinterpret_cast<char*>(x.data()), static_cast<std::streamsize>(x.size() * sizeof(float)));
  return x;
}

gguf::File written(const Variant& v) {
  const auto path = engine::variants::write(v, testing::TempDir());
  if (!path) throw std::runtime_error(path.error().what);
  auto f = gguf::open(*path);
  if (!f) throw std::runtime_error(f.error().what);
  std::remove(path->c_str());  // open all the same
  return std::move(*f);
}

std::vector<float> reference_logits(const gguf::File& file, engine::KvType kv = engine::KvType::f16) {
  std::vector<float> all;
  const Status s = engine::run_reference(
      file, engine::variants::tokens(), {},
      [&](size_t row, std::span<const float> x) {
        if (row % row_step == 0) all.insert(all.end(), x.begin(), x.end());
        return Status{};
      },
      kv);
  if (!s) throw std::runtime_error(s.error().what);
  return all;
}

// Mean over rows of the root mean square of the difference, in standard deviations of the row.
double distance(const std::vector<float>& a, const std::vector<float>& b) {
  constexpr size_t n = engine::variants::n_vocab;
  double all = 0;
  for (size_t at = 0; at < a.size(); at += n) {
    double mean = 0, var = 0, diff = 0;
    for (size_t i = 0; i < n; ++i) mean += a[at + i] / n;
    for (size_t i = 0; i < n; ++i) {
      var += (a[at + i] - mean) * (a[at + i] - mean);
      diff += (double(a[at + i]) - b[at + i]) * (double(a[at + i]) - b[at + i]);
    }
    all += std::sqrt(diff / var);
  }
  return all / double(a.size() / n);
}

// llama.cpp ran with an F32 cache. BN1 rounds keys and values to F16, an error of 2^-11 a value, independent
// in each layer; 4: keys and values, and what softmax and GLU make of them.
double bound(const Variant& v) {
  return 4 * 0x1p-11 * std::sqrt(double(v.n_layer));
}

class Architecture : public testing::TestWithParam<Variant> {};

TEST_P(Architecture, is_the_file_the_logits_were_made_from) {
  const Variant& v = GetParam();
  const char* keep = std::getenv("BITWORTH_VARIANTS");  // a folder to leave the files in, for another program
  const auto path = engine::variants::write(v, keep ? keep : testing::TempDir());
  ASSERT_TRUE(path) << path.error().what;
  std::ifstream in(*path, std::ios::binary);
  const std::string bytes(std::istreambuf_iterator<char>(in), {});
  Sha256 sha;
  sha.add(bytes.data(), bytes.size());
  if (keep) {
    std::ofstream ids(std::string(keep) + "/tokens.txt");
    for (const int32_t id : engine::variants::tokens()) ids << id << "\n";
  } else {
    std::remove(path->c_str());
  }
  std::ifstream list(data + "sha256.txt");
  for (std::string name, hex; list >> name >> hex;)
    if (name == v.name) {
      EXPECT_EQ(sha.hex(), hex);
      return;
    }
  FAIL() << data << "sha256.txt has no line for " << v.name << " " << sha.hex();
}

TEST_P(Architecture, has_the_logits_of_llama_cpp_in_the_reference) {
  const auto want = oracle(GetParam().name), got = reference_logits(written(GetParam()));
  ASSERT_EQ(want.size(), (engine::variants::n_tokens + row_step - 1) / row_step * engine::variants::n_vocab);
  ASSERT_EQ(want.size(), got.size());
  EXPECT_LT(distance(want, got), bound(GetParam()));
}

TEST_P(Architecture, has_the_bits_of_the_reference_in_the_engine) {
  const gguf::File file = written(GetParam());
  const auto tokens = engine::variants::tokens();
  Gather g;
  std::map<std::string, std::string> expected[2];
  for (const engine::KvType kv : kernels::kv_types) {
    ASSERT_TRUE(engine::run_reference(file, tokens, g.stages(), g.logits(), kv));
    expected[kv == engine::KvType::q8] = g.take();
  }
  for (const kernels::Table* t : kernels::tables()) {
    if (!t->available()) continue;
    for (const auto& [threads, batch, kv] :
         {std::tuple{2, 7u, engine::KvType::f16}, std::tuple{3, 256u, engine::KvType::f16},
          std::tuple{1, 1u, engine::KvType::f16}, std::tuple{2, 7u, engine::KvType::q8},
          std::tuple{3, 256u, engine::KvType::q8}}) {
      if (t->name == "scalar" && batch != 256) continue;  // slow
      const auto m = engine::load(file, {threads, std::string(t->name), {}});
      ASSERT_TRUE(m) << m.error().what;
      engine::ContextOptions o;
      o.n_ctx = engine::variants::n_tokens;
      o.n_batch = batch;
      o.kv_type = kv;
      const auto c = engine::make_context(*m, o);
      ASSERT_TRUE(c) << c.error().what;
      std::vector<engine::Row> rows;
      const int seq = *(*c)->new_sequence();
      for (const int32_t id : tokens) rows.push_back({seq, id, true});
      (*c)->on_stage(g.stages());
      const Status s = (*c)->forward(rows, g.logits());
      ASSERT_TRUE(s) << s.error().what;
      EXPECT_EQ(g.take(), expected[kv == engine::KvType::q8])
          << t->name << ", " << kernels::name(kv) << ", " << threads << " threads, batch " << batch;
    }
  }
}

TEST_P(Architecture, is_planned_to_the_byte) {
  const gguf::File file = written(GetParam());
  const auto m = engine::load(file, {2, "", {}});
  ASSERT_TRUE(m) << m.error().what;
  engine::ContextOptions o;
  o.n_ctx = 777;
  const auto c = engine::make_context(*m, o);
  const auto p = engine::plan(file, o, 2);
  ASSERT_TRUE(c && p);
  EXPECT_EQ(p->weights, (*m)->weight_bytes());
  EXPECT_EQ(p->kv, (*c)->kv_bytes());
  EXPECT_EQ(p->work + p->tables, (*c)->work_bytes());
}

INSTANTIATE_TEST_SUITE_P(Bn1, Architecture, testing::ValuesIn(engine::variants::all()), [](const auto& p) {
  std::string s = p.param.name;
  for (char& c : s)
    if (c == '-') c = '_';
  return s;
});

// qwen2-yarn with 30 added to the bias of the keys in dimension 5, whose pair turns 4e-4 radians over the
// run.
TEST(Architectures, a_large_bias_of_keys_that_hardly_turn_costs_a_q8_cache_no_more_than_a_small_one) {
  for (const Variant& v : engine::variants::all()) {
    if (v.name != "qwen2-yarn") continue;
    const gguf::File plain = written(v);
    const auto path = engine::variants::write(v, testing::TempDir());
    ASSERT_TRUE(path) << path.error().what;
    for (uint32_t l = 0; l < v.n_layer; ++l) {
      const auto* bias = plain.tensor("blk." + std::to_string(l) + ".attn_k.bias");
      ASSERT_NE(bias, nullptr);
      std::fstream file(*path, std::ios::binary | std::ios::in | std::ios::out);
      for (uint32_t h = 0; h < v.n_head_kv; ++h) {
        const float large = 30;
        file.seekp(static_cast<std::streamoff>(bias->offset + (size_t{h} * v.head_dim + 5) * sizeof(float)));
        file.write(reinterpret_cast<const char*>(&large), sizeof large);
      }
    }
    const auto biased = gguf::open(*path);
    ASSERT_TRUE(biased) << biased.error().what;
    const auto noise = [](const gguf::File& file) {
      return distance(reference_logits(file), reference_logits(file, engine::KvType::q8));
    };
    EXPECT_GT(distance(reference_logits(plain), reference_logits(*biased)), 0);
    EXPECT_LT(noise(*biased), 1.5 * noise(plain));
    std::remove(path->c_str());
  }
}

// The logits tell a declared number from its neighbour: with one key changed they are far from llama.cpp's.
TEST(Architectures, one_declared_number_changed_moves_the_logits_beyond_the_bound) {
  const auto u32 = gguf::u32_value;
  const auto f32 = [](float x) { return gguf::Value{gguf::ValueType::f32, gguf::ValueType::u32, double(x)}; };
  const auto text = gguf::string_value;
  struct Change {
    const char *variant, *key;
    gguf::Value value;
  };
  for (const Change& change :
       {Change{"llama3", "rope.freq_base", f32(400000)},
        Change{"llama-linear", "rope.scaling.factor", f32(4.1f)},
        Change{"llama-linear", "rope.scaling.type", text("none")},
        Change{"mistral-yarn", "rope.scaling.type", text("linear")},
        Change{"mistral-yarn", "rope.scaling.original_context_length", u32(400)},
        Change{"mistral-yarn", "rope.scaling.attn_factor", f32(1.05f)},
        Change{"qwen2-yarn", "rope.scaling.factor", f32(7)}, Change{"qwen3", "rope.freq_base", f32(10000)},
        Change{"gemma3", "attention.sliding_window", u32(36)},
        Change{"gemma3", "attention.sliding_window", u32(38)},
        Change{"gemma3", "attention.sliding_window_pattern", u32(7)},
        Change{"gemma3", "rope.scaling.factor", f32(4)}, Change{"gemma3", "rope.freq_base_swa", f32(1000000)},
        Change{"gemma3-softcap", "final_logit_softcapping", f32(1.02f)}}) {
    for (Variant v : engine::variants::all()) {
      if (v.name != change.variant) continue;
      v.name += "-changed";
      std::erase_if(v.keys, [&](const auto& kv) { return kv.first == change.key; });
      v.keys.emplace_back(change.key, change.value);
      EXPECT_GT(distance(oracle(change.variant), reference_logits(written(v))), 2 * bound(v))
          << change.variant << " " << change.key;
    }
  }
}

}  // namespace
