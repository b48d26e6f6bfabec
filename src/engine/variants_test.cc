#include "engine/variants.h"

#include <cmath>

#include "gguf/writer.h"

namespace bw::engine::variants {
namespace {

gguf::Value f32(double v) {
  return {gguf::ValueType::f32, gguf::ValueType::u32, v};
}
gguf::Value u32(uint32_t v) {
  return gguf::u32_value(v);
}
gguf::Value text(const char* s) {
  return gguf::string_value(s);
}

// xorshift64*: the same numbers on every machine (std distributions are not).
struct Random {
  uint64_t state = 0x9E3779B97F4A7C15u;
  uint32_t next() {
    state ^= state >> 12;
    state ^= state << 25;
    state ^= state >> 27;
    return uint32_t(state * 0x2545F4914F6CDD1Du >> 32);
  }
  float unit() { return float(next() >> 8) * 0x1p-23f - 1.0f; }  // [-1, 1)
};

struct Tensor {
  gguf::TensorDecl decl;
  float middle, spread;  // values are middle + spread * [-1, 1)
};

std::vector<Tensor> tensors(const Variant& v) {
  std::vector<Tensor> all;
  // Outputs of about the size of the inputs, a little more for scores so that attention chooses.
  const auto linear = [&](std::string name, uint32_t n_out, uint32_t k, float gain, bool bias) {
    all.push_back(
        {{name + ".weight", 2, {k, n_out, 1, 1}, quant::Type::F32}, 0, gain * std::sqrt(3.0f / float(k))});
    if (bias) all.push_back({{name + ".bias", 1, {n_out, 1, 1, 1}, quant::Type::F32}, 0, 0.5f});
  };
  const auto vector = [&](std::string name, uint32_t n, float middle, float spread) {
    all.push_back({{std::move(name), 1, {n, 1, 1, 1}, quant::Type::F32}, middle, spread});
  };
  // Gemma's embedding is scaled by sqrt(n_embd) and its layers add normed rows: neither may drown the other.
  linear("token_embd", n_vocab, v.n_embd, v.post_norms ? 0.6f : 4, false);
  if (!v.tied) linear("output", n_vocab, v.n_embd, 2, false);
  vector("output_norm.weight", v.n_embd, 1, 0.3f);
  if (v.freq_factors) vector("rope_freqs.weight", v.head_dim / 2, 4.5f, 3.5f);  // 1 to 8, as Llama 3's
  for (uint32_t l = 0; l < v.n_layer; ++l) {
    const std::string b = "blk." + std::to_string(l) + ".";
    vector(b + "attn_norm.weight", v.n_embd, 1, 0.3f);
    linear(b + "attn_q", v.n_head * v.head_dim, v.n_embd, 1.5f, v.biases);
    linear(b + "attn_k", v.n_head_kv * v.head_dim, v.n_embd, 1.5f, v.biases);
    linear(b + "attn_v", v.n_head_kv * v.head_dim, v.n_embd, 1, v.biases);
    if (v.qk_norm) {
      vector(b + "attn_q_norm.weight", v.head_dim, 1.5f, 0.5f);
      vector(b + "attn_k_norm.weight", v.head_dim, 1.5f, 0.5f);
    }
    linear(b + "attn_output", v.n_embd, v.n_head * v.head_dim, 1, false);
    if (v.post_norms) vector(b + "post_attention_norm.weight", v.n_embd, 0.6f, 0.3f);
    vector(b + "ffn_norm.weight", v.n_embd, 1, 0.3f);
    linear(b + "ffn_gate", v.n_ff, v.n_embd, 1, false);
    linear(b + "ffn_up", v.n_ff, v.n_embd, 1, false);
    linear(b + "ffn_down", v.n_embd, v.n_ff, 1, false);
    if (v.post_norms) vector(b + "post_ffw_norm.weight", v.n_embd, 0.6f, 0.3f);
  }
  return all;
}

}  // namespace

const std::vector<Variant>& all() {
  static const std::vector<Variant> list = {
      {"llama3",
       "llama",
       3,
       48,
       80,
       4,
       2,
       12,
       true,
       false,
       false,
       false,
       true,
       {{"rope.freq_base", f32(500000)}}},
      {"llama-linear",
       "llama",
       3,
       48,
       80,
       4,
       2,
       12,
       false,
       false,
       false,
       false,
       false,
       {{"rope.scaling.type", text("linear")}, {"rope.scaling.factor", f32(4)}}},
      {"mistral-yarn",
       "llama",
       3,
       48,
       80,
       6,
       2,
       16,
       false,
       false,
       false,
       false,
       false,
       {{"rope.scaling.type", text("yarn")},
        {"rope.scaling.factor", f32(4)},
        {"rope.scaling.original_context_length", u32(64)}}},
      {"qwen2-yarn",
       "qwen2",
       3,
       48,
       80,
       4,
       2,
       12,
       false,
       true,
       false,
       false,
       false,
       {{"rope.freq_base", f32(1000000)},
        {"rope.scaling.type", text("yarn")},
        {"rope.scaling.factor", f32(8)},
        {"rope.scaling.original_context_length", u32(128)}}},
      {"qwen3",
       "qwen3",
       3,
       48,
       80,
       4,
       2,
       16,
       true,
       false,
       true,
       false,
       false,
       {{"rope.freq_base", f32(1000000)}}},
      {"gemma3",
       "gemma3",
       7,
       48,
       80,
       4,
       1,
       16,
       true,
       false,
       true,
       true,
       false,
       {{"rope.freq_base", f32(1000000)},
        {"rope.scaling.type", text("linear")},
        {"rope.scaling.factor", f32(8)},
        {"attention.sliding_window", u32(37)}}},
      // As gemma3's 27B: 62 layers, scores scaled by n_embd / n_head.
      {"gemma3-62",
       "gemma3",
       62,
       24,
       32,
       2,
       1,
       16,
       true,
       false,
       true,
       true,
       false,
       {{"rope.freq_base", f32(1000000)}, {"attention.sliding_window", u32(100)}}},
      // No window, logits softcapped.
      {"gemma3-softcap",
       "gemma3",
       3,
       48,
       80,
       4,
       2,
       16,
       true,
       false,
       true,
       true,
       false,
       {{"rope.freq_base", f32(1000000)}, {"final_logit_softcapping", f32(1)}}},
  };
  return list;
}

Result<std::string> write(const Variant& v, const std::string& folder) {
  const std::string path = folder + "/" + v.name + ".gguf", p = v.architecture + ".";
  std::vector<std::pair<std::string, gguf::Value>> kv = {
      {"general.architecture", text(v.architecture.c_str())},
      {"tokenizer.ggml.model", text("none")},
      {p + "vocab_size", u32(n_vocab)},
      {p + "context_length", u32(512)},
      {p + "embedding_length", u32(v.n_embd)},
      {p + "block_count", u32(v.n_layer)},
      {p + "feed_forward_length", u32(v.n_ff)},
      {p + "attention.head_count", u32(v.n_head)},
      {p + "attention.head_count_kv", u32(v.n_head_kv)},
      {p + "attention.key_length", u32(v.head_dim)},
      {p + "attention.value_length", u32(v.head_dim)},
      {p + "attention.layer_norm_rms_epsilon", f32(1e-5f)},
  };
  if (v.architecture == "llama") kv.emplace_back(p + "rope.dimension_count", u32(v.head_dim));
  for (const auto& [key, value] : v.keys) kv.emplace_back(p + key, value);
  const std::vector<Tensor> list = tensors(v);
  std::vector<gguf::TensorDecl> decls;
  for (const Tensor& t : list) decls.push_back(t.decl);
  BW_TRY(gguf::Writer out, gguf::Writer::create(path, kv, decls));
  Random random;
  for (const Tensor& t : list) {
    std::vector<float> values(t.decl.ne[0] * t.decl.ne[1]);
    for (float& x : values) x = t.middle + t.spread * random.unit();
    BW_CHECK(out.append(std::as_bytes(std::span(values))));
  }
  BW_CHECK(out.commit());
  return path;
}

std::vector<int32_t> tokens() {
  Random random;
  std::vector<int32_t> ids(n_tokens);
  for (int32_t& id : ids) id = static_cast<int32_t>(random.next() % n_vocab);
  return ids;
}

}  // namespace bw::engine::variants
