// Files broken on purpose: what is not finite is refused at load, or ends the request by layer and site, as
// the reference says it, and the sequence is as it was before.
#include "engine/faults.h"

#include <gtest/gtest.h>

#include <cstring>
#include <fstream>

#include "engine/engine.h"
#include "engine/reference.h"
#include "engine/variants.h"
#include "engine/vectors.h"
#include "gguf/writer.h"
#include "kernels/kernels.h"

namespace {
using namespace bw;
const std::string tiny = BITWORTH_SOURCE_DIR "/data/vectors/bn1/";

// A file, baby-Q4_0 if no other is named, with some tensors changed in place.
class Broken {
 public:
  explicit Broken(const std::string& from = tiny + "baby-Q4_0.gguf")
      : path_(testing::TempDir() + "broken.gguf") {
    std::ifstream in(from, std::ios::binary);
    bytes_.assign(std::istreambuf_iterator<char>(in), {});
    auto f = gguf::open(from);
    if (f) info_ = std::move(f->tensors);
  }
  ~Broken() { std::remove(path_.c_str()); }
  Broken& floats(const std::string& tensor, float v) {
    const gguf::TensorInfo& t = find(tensor);
    for (uint64_t i = 0; i < t.n_elements(); ++i) std::memcpy(&bytes_[t.offset + 4 * i], &v, 4);
    return *this;
  }
  Broken& scales(const std::string& tensor, uint16_t half, uint64_t from = 0, uint64_t to = UINT64_MAX) {
    const gguf::TensorInfo& t = find(tensor);
    for (uint64_t b = from; b < std::min(to, t.n_elements() / 32); ++b)
      std::memcpy(&bytes_[t.offset + 18 * b], &half, 2);
    return *this;
  }
  gguf::File open() const {
    std::ofstream(path_, std::ios::binary).write(bytes_.data(), static_cast<std::streamsize>(bytes_.size()));
    auto f = gguf::open(path_);
    if (!f) throw std::runtime_error(f.error().what);
    return std::move(*f);
  }

 private:
  const gguf::TensorInfo& find(const std::string& name) const {
    for (const gguf::TensorInfo& t : info_)
      if (t.name == name) return t;
    throw std::runtime_error(name);
  }
  std::string path_;
  std::vector<char> bytes_;
  std::vector<gguf::TensorInfo> info_;
};
constexpr uint16_t inf = 0x7C00, largest = 0x7BFF;

TEST(Faults, a_scale_or_norm_weight_that_is_not_finite_is_refused_at_load_by_tensor) {
  Broken a;
  a.scales("blk.3.ffn_up.weight", inf, 4 * 20, 4 * 20 + 1);  // one block of row 20
  for (const int threads : {1, 3}) {
    const auto m = engine::load(a.open(), {threads, "", {}});
    ASSERT_FALSE(m);
    EXPECT_EQ(m.error().code, Code::bad_input);
    EXPECT_NE(m.error().what.find("blk.3.ffn_up.weight"), std::string::npos) << m.error().what;
    EXPECT_NE(m.error().what.find("16"), std::string::npos) << "rows from: " << m.error().what;
  }
  Broken b;
  b.floats("blk.1.attn_norm.weight", std::numeric_limits<float>::quiet_NaN());
  const auto m = engine::load(b.open(), {1, "", {}});
  ASSERT_FALSE(m);
  EXPECT_NE(m.error().what.find("blk.1.attn_norm.weight"), std::string::npos) << m.error().what;
}

void expect_fault(const gguf::File& f, const std::string& word, const std::string& kind) {
  const std::vector<engine::Token> tokens{1, 2, 3, 4, 5, 6, 7};
  const auto ignore = [](size_t, std::span<const float>) { return Status{}; };
  const Status oracle = engine::run_reference(f, tokens, {}, ignore);
  ASSERT_FALSE(oracle);
  EXPECT_NE(oracle.error().what.find(word), std::string::npos) << oracle.error().what;
  EXPECT_NE(oracle.error().what.find(kind), std::string::npos) << oracle.error().what;
  for (const kernels::Table* table : kernels::tables()) {
    if (!table->available()) continue;
    for (const uint32_t batch : {64u, 2u}) {  // prepared together, and by every thread for itself
      auto m = engine::load(f, {2, std::string(table->name), {}});
      ASSERT_TRUE(m) << m.error().what;
      engine::ContextOptions o;
      o.n_ctx = 64, o.n_batch = batch;
      auto c = engine::make_context(*m, o);
      ASSERT_TRUE(c) << c.error().what;
      const int seq = *(*c)->new_sequence();
      std::vector<engine::Row> rows;
      for (const auto t : tokens) rows.push_back({seq, t, true});
      const Status s = (*c)->forward(rows, ignore);
      ASSERT_FALSE(s) << table->name;
      EXPECT_EQ(s.error().what, oracle.error().what) << table->name << " batch " << batch;
      EXPECT_EQ((*c)->length(seq), 0u);
    }
  }
}

TEST(Faults, an_overflow_ends_the_request_and_names_layer_and_site) {
  {
    Broken b;
    b.floats("blk.2.attn_norm.weight", 3e38f);
    expect_fault(b.open(), "layer 2, attn_q", "product's input");
  }
  {
    Broken b;
    b.floats("blk.1.ffn_norm.weight", 1e30f);
    expect_fault(b.open(), "layer 1, ffn_down", "product's input");
  }
  {
    Broken b;
    b.floats("blk.1.ffn_norm.weight", 1e9f).scales("blk.1.ffn_down.weight", largest);
    expect_fault(b.open(), "layer 2, attn_norm", "sum of squares");
  }
  {
    Broken b;
    b.scales("blk.4.attn_k.weight", largest);
    expect_fault(b.open(), "layer 4, attn_k", "key");
  }
  {
    Broken b;
    b.scales("blk.0.attn_v.weight", largest);
    expect_fault(b.open(), "layer 0, attn_v", "value");
  }
  {
    Broken b;
    b.floats("output_norm.weight", 1e34f).scales("output.weight", largest);
    expect_fault(b.open(), "output", "logit");
  }
}

TEST(Faults, an_overflow_in_the_parts_gemma_adds_names_layer_and_site) {
  const auto variant = [](const std::string& name) -> std::string {
    for (const auto& v : engine::variants::all())
      if (v.name == name) {
        const auto path = engine::variants::write(v, testing::TempDir());
        return path ? *path : path.error().what;
      }
    return "";
  };
  const std::string gemma = variant("gemma3"), capped = variant("gemma3-softcap");
  {
    Broken b(gemma);
    b.floats("blk.2.attn_q.weight", 1e25f);
    expect_fault(b.open(), "layer 2, attn_q_norm", "sum of squares");
  }
  {
    Broken b(gemma);
    b.floats("blk.5.attn_k.weight", 1e25f);
    expect_fault(b.open(), "layer 5, attn_k_norm", "sum of squares");
  }
  {
    Broken b(gemma);
    b.floats("blk.3.attn_output.weight", 1e25f);
    expect_fault(b.open(), "layer 3, post_attention_norm", "sum of squares");
  }
  {
    Broken b(gemma);
    b.floats("blk.6.ffn_down.weight", 1e30f);
    expect_fault(b.open(), "layer 6, post_ffw_norm", "sum of squares");
  }
  {
    Broken b(capped);  // a softcap would hide the infinity
    b.floats("token_embd.weight", 100).floats("output_norm.weight", 1e37f);
    expect_fault(b.open(), "output", "logit");
  }
  std::remove(gemma.c_str());
  std::remove(capped.c_str());
}

// baby-Q4_0 with a bias on the queries of layer 3, which is the one way to a score beyond binary32: keys
// are F16.
TEST(Faults, a_score_that_overflows_ends_the_request_and_names_the_layer) {
  const std::string path = testing::TempDir() + "biased.gguf";
  const auto from = gguf::open(tiny + "baby-Q4_0.gguf");
  ASSERT_TRUE(from) << from.error().what;
  std::vector<gguf::TensorDecl> decls;
  for (const gguf::TensorInfo& t : from->tensors)
    decls.push_back({t.name, t.n_dims, t.ne, quant::find(t.ggml_type)->type});
  decls.push_back({"blk.3.attn_q.bias", 1, {128, 1, 1, 1}, quant::Type::F32});
  auto out = gguf::Writer::create(path, from->kv, decls);
  ASSERT_TRUE(out) << out.error().what;
  for (const gguf::TensorInfo& t : from->tensors) {
    std::vector<std::byte> bytes(t.n_bytes);
    ASSERT_TRUE(from->read(t, 0, bytes));
    ASSERT_TRUE(out->append(bytes));
  }
  const std::vector<float> bias(128, 3e38f);
  ASSERT_TRUE(out->append(std::as_bytes(std::span(bias))));
  ASSERT_TRUE(out->commit());
  const auto f = gguf::open(path);
  ASSERT_TRUE(f) << f.error().what;
  expect_fault(*f, "layer 3, attention", "score");
  std::remove(path.c_str());
}

}  // namespace
