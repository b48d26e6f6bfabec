// A Spec from real headers, and every way a header can disagree with the graph refused by name.
#include "model/spec.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "model/tensors.h"

namespace {
using namespace bw;

gguf::File open_tiny(const char* name) {
  auto f = gguf::open(std::string(BITWORTH_SOURCE_DIR "/data/vectors/bn1/") + name);
  EXPECT_TRUE(f) << f.error().what;
  return std::move(*f);
}
gguf::TensorInfo& tensor(gguf::File& f, const std::string& name) {
  for (gguf::TensorInfo& t : f.tensors)
    if (t.name == name) return t;
  ADD_FAILURE() << name;
  return f.tensors.front();
}
void set(gguf::File& f, const std::string& key, gguf::Value v) {
  for (auto& [k, old] : f.kv)
    if (k == key) {
      old = std::move(v);
      return;
    }
  f.kv.emplace_back(key, std::move(v));
}
gguf::Value u32(uint64_t v) {
  return {gguf::ValueType::u32, gguf::ValueType::u32, v};
}
gguf::Value text(std::string v) {
  return {gguf::ValueType::string, gguf::ValueType::u32, std::move(v)};
}
gguf::Value f32(double v) {
  return {gguf::ValueType::f32, gguf::ValueType::u32, v};
}

void expect_refused(const gguf::File& f, Code code, std::initializer_list<const char*> words) {
  const auto s = model::spec(f);
  ASSERT_FALSE(s);
  EXPECT_EQ(s.error().code, code) << s.error().what;
  for (const char* w : words)
    EXPECT_NE((s.error().what + s.error().next).find(w), std::string::npos)
        << s.error().what << " lacks " << w;
}

TEST(Spec, reads_the_sizes_a_llama_file_declares) {
  const gguf::File f = open_tiny("baby-Q4_0.gguf");
  const auto s = model::spec(f);
  ASSERT_TRUE(s) << s.error().what;
  // data/vectors/bn1/README.md and its origin: dim 128, ffn 352, 5 layers, 8 heads, 4 KV heads, vocabulary
  // 105.
  EXPECT_EQ(s->n_embd, 128u);
  EXPECT_EQ(s->n_ff, 352u);
  EXPECT_EQ(s->n_layer, 5u);
  EXPECT_EQ(s->n_head, 8u);
  EXPECT_EQ(s->n_head_kv, 4u);
  EXPECT_EQ(s->head_dim, 16u);
  EXPECT_EQ(s->n_vocab, 105u);
  EXPECT_EQ(s->n_ctx_train, 256u);
  EXPECT_EQ(s->rope_pairs, model::RopePairs::normal);
  EXPECT_FALSE(s->tied_output);
  EXPECT_EQ(s->kv_bytes_per_position(), 5u * 2 * 4 * 16 * 2);
}

TEST(Spec, the_real_qwen_file_is_neox_and_the_real_smollm_file_is_tied) {
  const std::string dir = cache_dir() + "/models/";
  for (const char* name : {"qwen2.5-coder-0.5b.gguf", "smollm2-135m.gguf"})
    if (!std::filesystem::exists(dir + name))
      GTEST_SKIP() << dir << name << " is not there: `./dev model` fetches it";
  const auto q = gguf::open(dir + "qwen2.5-coder-0.5b.gguf");
  ASSERT_TRUE(q) << q.error().what;
  const auto qs = model::spec(*q);
  ASSERT_TRUE(qs) << qs.error().what;
  EXPECT_EQ(qs->rope_pairs, model::RopePairs::neox);
  EXPECT_EQ(qs->n_head, 14u);
  EXPECT_EQ(qs->n_head_kv, 2u);
  EXPECT_EQ(qs->head_dim, 64u);
  EXPECT_EQ(qs->rope.base, 1e6f);
  const auto qt = model::tensors(*q, *qs);
  ASSERT_TRUE(qt) << qt.error().what;
  EXPECT_NE(qt->layers[3].q.bias, nullptr);
  const auto m = gguf::open(dir + "smollm2-135m.gguf");
  ASSERT_TRUE(m) << m.error().what;
  const auto ms = model::spec(*m);
  ASSERT_TRUE(ms) << ms.error().what;
  EXPECT_TRUE(ms->tied_output);
}

TEST(Spec, an_unknown_architecture_is_refused_and_the_known_ones_are_listed) {
  gguf::File f = open_tiny("baby-Q4_0.gguf");
  set(f, "general.architecture", text("mamba"));
  expect_refused(f, Code::unsupported, {"mamba", "llama", "qwen2", "qwen3", "gemma3"});
}

TEST(Spec, a_shape_that_disagrees_with_the_keys_is_refused_by_key_and_tensor) {
  gguf::File f = open_tiny("baby-Q4_0.gguf");
  set(f, "llama.feed_forward_length", u32(320));
  expect_refused(f, Code::bad_input, {"blk.0.ffn_gate.weight", "320", "352"});
  gguf::File g = open_tiny("baby-Q4_0.gguf");
  tensor(g, "blk.4.attn_norm.weight").ne[0] = 64;
  expect_refused(g, Code::bad_input, {"blk.4.attn_norm.weight", "128", "64"});
}

TEST(Spec, a_missing_tensor_and_a_tensor_beside_the_graph_are_refused_by_name) {
  gguf::File f = open_tiny("baby-Q4_0.gguf");
  tensor(f, "blk.2.attn_v.weight").name = "blk.2.attn_w.weight";
  expect_refused(f, Code::bad_input, {"blk.2.attn_v.weight"});
  gguf::File g = open_tiny("baby-Q4_0.gguf");
  g.tensors.push_back(g.tensor("blk.0.attn_norm.weight") ? *g.tensor("blk.0.attn_norm.weight")
                                                         : gguf::TensorInfo{});
  g.tensors.back().name = "blk.0.attn_q_norm.weight";
  expect_refused(g, Code::bad_input, {"blk.0.attn_q_norm.weight", "no place"});
}

TEST(Spec, rope_scaling_is_linear_yarn_or_none_and_any_other_kind_is_refused_by_name) {
  gguf::File f = open_tiny("baby-Q4_0.gguf");
  set(f, "llama.rope.scaling.type", text("longrope"));
  expect_refused(f, Code::unsupported, {"longrope", "linear", "yarn"});
  set(f, "llama.rope.scaling.type", text("linear"));
  set(f, "llama.rope.scaling.factor", f32(4));
  const auto s = model::spec(f);
  ASSERT_TRUE(s) << s.error().what;
  EXPECT_EQ(s->rope.scaling, model::RopeScaling::linear);
  EXPECT_EQ(s->rope.factor, 4);
}

TEST(Spec, yarn_is_read_with_its_defaults_and_a_part_not_built_is_refused_by_key) {
  gguf::File f = open_tiny("baby-Q4_0.gguf");
  set(f, "llama.rope.scaling.type", text("yarn"));
  expect_refused(f, Code::bad_input, {"llama.rope.scaling.factor"});
  set(f, "llama.rope.scaling.factor", f32(4));
  const auto s = model::spec(f);
  ASSERT_TRUE(s) << s.error().what;
  EXPECT_EQ(s->rope.scaling, model::RopeScaling::yarn);
  EXPECT_EQ(s->rope.n_ctx_orig, 256u);  // the context it was trained on, where no other is declared
  EXPECT_EQ(s->rope.beta_fast, 32);
  set(f, "llama.rope.scaling.original_context_length", u32(128));
  set(f, "llama.rope.scaling.attn_factor", f32(0.5));
  const auto t = model::spec(f);
  ASSERT_TRUE(t) << t.error().what;
  EXPECT_EQ(t->rope.n_ctx_orig, 128u);
  EXPECT_EQ(t->rope.attn_factor, 0.5f);
  set(f, "llama.rope.scaling.yarn_log_multiplier", f32(0.1));
  expect_refused(f, Code::unsupported, {"yarn_log_multiplier"});
}

// baby's header as another architecture's: the same sizes, and the tensors that one has beside.
gguf::File as(const std::string& architecture, const std::vector<std::pair<std::string, uint64_t>>& more) {
  gguf::File f = open_tiny("baby-Q4_0.gguf");
  set(f, "general.architecture", text(architecture));
  for (auto& [key, v] : f.kv)
    if (key.rfind("llama.", 0) == 0) key = architecture + key.substr(5);
  const gguf::TensorInfo norm = *f.tensor("output_norm.weight");
  for (int l = 0; l < 5; ++l)
    for (const auto& [name, n] : more) {
      f.tensors.push_back(norm);
      f.tensors.back().name = "blk." + std::to_string(l) + "." + name + ".weight";
      f.tensors.back().ne[0] = n;
    }
  return f;
}
const std::vector<std::pair<std::string, uint64_t>> qk = {{"attn_q_norm", 16}, {"attn_k_norm", 16}};
const std::vector<std::pair<std::string, uint64_t>> gemma = {
    {"attn_q_norm", 16}, {"attn_k_norm", 16}, {"post_attention_norm", 128}, {"post_ffw_norm", 128}};

TEST(Spec, qwen3_needs_its_norms_of_queries_and_keys_over_head_dim) {
  const auto s = model::spec(as("qwen3", qk));
  ASSERT_TRUE(s) << s.error().what;
  EXPECT_TRUE(s->qk_norm);
  EXPECT_FALSE(s->post_norms);
  EXPECT_EQ(s->rope_pairs, model::RopePairs::neox);
  expect_refused(as("qwen3", {}), Code::bad_input, {"blk.0.attn_q_norm.weight"});
  expect_refused(as("qwen3", {{"attn_q_norm", 16}, {"attn_k_norm", 128}}), Code::bad_input,
                 {"blk.0.attn_k_norm.weight", "16", "128"});
}

TEST(Spec, gemma3_has_windows_where_its_pattern_says_and_none_without_a_window) {
  const std::string window = "gemma3.attention.sliding_window", pattern = window + "_pattern";
  gguf::File f = as("gemma3", gemma);
  auto s = model::spec(f);
  ASSERT_TRUE(s) << s.error().what;
  EXPECT_TRUE(s->post_norms && s->qk_norm && s->scale_embedding);
  EXPECT_EQ(s->n_rope_tables(), 1u);
  EXPECT_FALSE(s->is_local(0));
  set(f, window, u32(512));
  s = model::spec(f);
  ASSERT_TRUE(s) << s.error().what;
  EXPECT_EQ(s->local, std::vector<bool>(5, true));  // every sixth layer sees all: none of five
  EXPECT_EQ(s->window, 512u);
  EXPECT_EQ(s->n_rope_tables(), 2u);
  EXPECT_EQ(s->rope_local.base, 10000);
  EXPECT_EQ(s->score_width, 16u);
  set(f, pattern, u32(2));
  set(f, "gemma3.rope.freq_base_swa", f32(5000));
  set(f, "gemma3.rope.scaling.type", text("linear"));
  set(f, "gemma3.rope.scaling.factor", f32(8));
  s = model::spec(f);
  ASSERT_TRUE(s) << s.error().what;
  EXPECT_EQ(s->local, (std::vector<bool>{true, false, true, false, true}));
  EXPECT_EQ(s->rope_local.base, 5000);
  EXPECT_EQ(s->rope_local.scaling, model::RopeScaling::none);
  EXPECT_EQ(s->rope.factor, 8);
  const std::vector<bool> flags = {false, true, true, false, false};
  set(f, pattern, {gguf::ValueType::array, gguf::ValueType::boolean, flags});
  s = model::spec(f);
  ASSERT_TRUE(s) << s.error().what;
  EXPECT_EQ(s->local, flags);
  set(f, pattern, {gguf::ValueType::array, gguf::ValueType::boolean, std::vector<bool>{true}});
  expect_refused(f, Code::bad_input, {"sliding_window_pattern", "5", "1"});
  set(f, pattern, u32(0));
  expect_refused(f, Code::bad_input, {"sliding_window_pattern"});
  set(f, pattern, u32(6));
  set(f, window, u32(0));
  expect_refused(f, Code::bad_input, {"sliding_window"});
}

TEST(Spec, rope_factors_are_read_for_llama_and_have_no_place_elsewhere) {
  const auto with = [](gguf::File f, uint64_t n) {
    f.tensors.push_back(*f.tensor("output_norm.weight"));  // 128 positive values
    f.tensors.back().name = "rope_freqs.weight";
    f.tensors.back().ne[0] = n;
    return f;
  };
  const auto s = model::spec(with(open_tiny("baby-Q4_0.gguf"), 8));
  ASSERT_TRUE(s) << s.error().what;
  EXPECT_EQ(s->rope.freq_factors.size(), 8u);
  expect_refused(with(open_tiny("baby-Q4_0.gguf"), 16), Code::bad_input, {"rope_freqs.weight", "8", "16"});
  expect_refused(with(as("qwen3", qk), 8), Code::bad_input, {"rope_freqs.weight", "no place"});
}

TEST(Spec, a_key_that_asks_for_another_graph_is_refused_by_name) {
  for (const auto& [key, value] :
       {std::pair<const char*, gguf::Value>{"llama.expert_count", u32(8)},
        {"llama.attn_logit_softcapping", f32(50)},
        {"llama.final_logit_softcapping", f32(30)},
        {"llama.attention.temperature_scale", f32(0.1)},
        {"llama.attention.scale", f32(0.1)},
        {"llama.rope.scaling.attn_factor", f32(2)},
        {"llama.attention.causal", gguf::Value{gguf::ValueType::boolean, gguf::ValueType::u32, false}}}) {
    gguf::File f = open_tiny("baby-Q4_0.gguf");
    set(f, key, value);
    expect_refused(f, Code::unsupported, {key});
  }
  gguf::File f = open_tiny("baby-Q4_0.gguf");
  set(f, "llama.expert_count", u32(0));
  set(f, "llama.attention.causal", gguf::Value{gguf::ValueType::boolean, gguf::ValueType::u32, true});
  EXPECT_TRUE(model::spec(f));
}

TEST(Spec, impossible_sizes_are_refused_by_key) {
  for (const auto& [key, value] : {std::pair<const char*, uint64_t>{"llama.attention.head_count_kv", 3},
                                   {"llama.block_count", 0},
                                   {"llama.block_count", 1u << 30},
                                   {"llama.rope.dimension_count", 15},
                                   {"llama.rope.dimension_count", 18},
                                   {"llama.vocab_size", 104}}) {
    gguf::File f = open_tiny("baby-Q4_0.gguf");
    set(f, key, u32(value));
    expect_refused(f, Code::bad_input, {std::string(key) == "llama.vocab_size" ? "token_embd.weight" : key});
  }
  gguf::File f = open_tiny("baby-Q4_0.gguf");
  set(f, "llama.attention.layer_norm_rms_epsilon", f32(std::numeric_limits<double>::quiet_NaN()));
  expect_refused(f, Code::bad_input, {"layer_norm_rms_epsilon"});
}

TEST(Tensors, a_block_type_not_built_is_refused_by_tensor_and_type_while_the_spec_still_answers) {
  gguf::File f = open_tiny("baby-Q4_0.gguf");
  tensor(f, "blk.1.ffn_up.weight").ggml_type = 16;  // IQ2_XXS
  const auto s = model::spec(f);
  ASSERT_TRUE(s) << s.error().what;
  const auto t = model::tensors(f, *s);
  ASSERT_FALSE(t);
  EXPECT_EQ(t.error().code, Code::unsupported);
  EXPECT_NE(t.error().what.find("blk.1.ffn_up.weight"), std::string::npos) << t.error().what;
  EXPECT_NE(t.error().what.find("IQ2_XXS"), std::string::npos) << t.error().what;
}

}  // namespace
