#include "model/spec.h"

#include <fmt/format.h>

#include <cmath>

#include "model/tensors.h"

namespace bw::model {
namespace {

// One line an architecture: which parts of the graph (model/layer.h) it has. Mistral's files say "llama".
struct Architecture {
  std::string_view name;
  RopePairs rope_pairs;
  Activation activation;
  bool freq_factors;  // rope_freqs.weight may stand in the file (Llama 3)
  bool qk_norm;
  bool gemma;  // post norms, scaled embedding, windows, softcap of logits
};
constexpr Architecture architectures[] = {
    {"llama", RopePairs::normal, Activation::silu, true, false, false},
    {"qwen2", RopePairs::neox, Activation::silu, false, false, false},
    {"qwen3", RopePairs::neox, Activation::silu, false, true, false},
    {"gemma3", RopePairs::neox, Activation::gelu, false, true, true},
};

// Sizes beyond these are a broken file: products of two of them still fit 64 bits with room.
constexpr uint64_t most_layers = 4096, most_width = 1u << 24;

struct Keys {
  const gguf::File& file;
  std::string prefix;
  std::string key(std::string_view tail) const { return fmt::format("{}.{}", prefix, tail); }
  bool has(std::string_view tail) const { return file.find(key(tail)) != nullptr; }

  Result<uint32_t> size(std::string_view tail, uint64_t most) const {
    BW_TRY(const uint64_t v, file.get_uint(key(tail)));
    if (v == 0 || v > most)
      return bad_input(fmt::format("{}: {}: expected 1 to {}, found {}", file.path, key(tail), most, v));
    return static_cast<uint32_t>(v);
  }
  Result<uint32_t> size_or(std::string_view tail, uint64_t most, uint32_t otherwise) const {
    if (!has(tail)) return otherwise;
    return size(tail, most);
  }
  Result<float> positive(std::string_view tail) const {
    BW_TRY(const double v, file.get_float(key(tail)));
    const auto f = static_cast<float>(v);
    if (!(f > 0) || !std::isfinite(f))
      return bad_input(
          fmt::format("{}: {}: expected a positive finite number, found {}", file.path, key(tail), v));
    return f;
  }
  // Refused where the key is there and says anything but `neutral`.
  Status only(std::string_view tail, double neutral) const {
    const gguf::Value* v = file.find(key(tail));
    if (!v) return {};
    const bool same = std::visit(
        [&](const auto& x) {
          if constexpr (std::is_arithmetic_v<std::decay_t<decltype(x)>>)
            return static_cast<double>(x) == neutral;
          return false;
        },
        v->data);
    if (same) return {};
    return unsupported(
        fmt::format("{}: {}: what it asks for is not built for \"{}\"", file.path, key(tail), prefix),
        fmt::format("only {} (or no such key) can be computed", neutral));
  }
};

// The factors of Llama 3's RoPE, [n_rot/2].
Status freq_factors(const gguf::File& file, const Spec& s, Rope& r) {
  const gguf::TensorInfo* t = file.tensor("rope_freqs.weight");
  if (!t) return {};
  if (t->ne[0] != s.n_rot / 2 || t->n_elements() != s.n_rot / 2)
    return bad_input(
        fmt::format("{}: {}: expected shape [{}], half of {} dimensions, found {} values in rows of {}",
                    file.path, t->name, s.n_rot / 2, s.n_rot, t->n_elements(), t->ne[0]));
  r.freq_factors.resize(s.n_rot / 2);
  BW_CHECK(file.read_rows_f32(*t, 0, 1, r.freq_factors.data()));
  for (const float f : r.freq_factors)
    if (!(f > 0) || !std::isfinite(f))
      return bad_input(
          fmt::format("{}: {}: expected positive finite numbers, found {}", file.path, t->name, f));
  return {};
}

// Peng et al. 2023. Keys that change its formula in ways not built are refused unless they say nothing new.
Status yarn(const Keys& keys, const Spec& s, Rope& r) {
  BW_TRY(r.factor, keys.positive("rope.scaling.factor"));
  BW_TRY(r.n_ctx_orig, keys.size_or("rope.scaling.original_context_length", UINT32_MAX, s.n_ctx_train));
  for (const auto& [tail, to] : {std::pair{"rope.scaling.yarn_beta_fast", &r.beta_fast},
                                 std::pair{"rope.scaling.yarn_beta_slow", &r.beta_slow},
                                 std::pair{"rope.scaling.attn_factor", &r.attn_factor}})
    if (keys.has(tail)) {
      BW_TRY(*to, keys.positive(tail));
    }
  if (!(r.base > 1))
    return bad_input(fmt::format("{}: {} = {}: expected more than 1 for YaRN", keys.file.path,
                                 keys.key("rope.freq_base"), r.base));
  BW_CHECK(keys.only("rope.scaling.yarn_ext_factor", 1));
  BW_CHECK(keys.only("rope.scaling.yarn_attn_factor", 1));
  return keys.only("rope.scaling.yarn_log_multiplier", 0);
}

Status rope(const Keys& keys, bool may_have_factors, Spec& s) {
  Rope& r = s.rope;
  if (keys.has("rope.freq_base")) {
    BW_TRY(r.base, keys.positive("rope.freq_base"));
  }
  BW_TRY(s.n_rot, keys.size_or("rope.dimension_count", s.head_dim, s.head_dim));
  if (s.n_rot % 2 != 0)
    return bad_input(fmt::format("{}: {}: expected an even number, found {}", keys.file.path,
                                 keys.key("rope.dimension_count"), s.n_rot));
  std::string kind = "none";
  if (keys.has("rope.scaling.type")) {
    BW_TRY(kind, keys.file.get_string(keys.key("rope.scaling.type")));
  }
  if (kind == "linear") {
    r.scaling = RopeScaling::linear;
    BW_TRY(r.factor, keys.positive("rope.scaling.factor"));
  } else if (kind == "yarn") {
    r.scaling = RopeScaling::yarn;
    BW_CHECK(yarn(keys, s, r));
  } else if (kind != "none") {
    return unsupported(fmt::format("{}: {}: rope scaling \"{}\" is not built", keys.file.path,
                                   keys.key("rope.scaling.type"), kind),
                       "built are: none, linear, yarn, and the factors of a tensor rope_freqs.weight");
  } else if (keys.has("rope.scale_linear")) {  // the older spelling
    r.scaling = RopeScaling::linear;
    BW_TRY(r.factor, keys.positive("rope.scale_linear"));
  }
  if (r.scaling != RopeScaling::yarn) BW_CHECK(keys.only("rope.scaling.attn_factor", 1));
  if (may_have_factors) BW_CHECK(freq_factors(keys.file, s, r));
  return {};
}

// Which layers see a window only: every one but each P-th, or as an array of flags says.
Status pattern(const Keys& keys, Spec& s) {
  const gguf::Value* v = keys.file.find(keys.key("attention.sliding_window_pattern"));
  s.local.assign(s.n_layer, false);
  const auto flags = [&](const auto& array) -> Status {
    if (array.size() != s.n_layer)
      return bad_input(fmt::format("{}: {}: expected {} flags, one a layer, found {}", keys.file.path,
                                   keys.key("attention.sliding_window_pattern"), s.n_layer, array.size()));
    for (uint32_t l = 0; l < s.n_layer; ++l) s.local[l] = array[l] != 0;
    return {};
  };
  if (v) {
    if (const auto* a = std::get_if<std::vector<bool>>(&v->data)) return flags(*a);
    if (const auto* a = std::get_if<std::vector<uint64_t>>(&v->data)) return flags(*a);
    if (const auto* a = std::get_if<std::vector<int64_t>>(&v->data)) return flags(*a);
  }
  BW_TRY(const uint32_t p, keys.size_or("attention.sliding_window_pattern", most_layers, 6));
  for (uint32_t l = 0; l < s.n_layer; ++l) s.local[l] = l % p != p - 1;
  return {};
}

Status gemma(const Keys& keys, Spec& s) {
  s.post_norms = s.scale_embedding = true;
  if (s.n_layer == 62) s.score_width = s.n_embd / s.n_head;  // the 27B model
  if (keys.has("final_logit_softcapping")) {
    BW_TRY(const double c, keys.file.get_float(keys.key("final_logit_softcapping")));
    if (c != 0) {
      BW_TRY(s.final_softcap, keys.positive("final_logit_softcapping"));
    }
  }
  if (!keys.has("attention.sliding_window")) return {};  // every layer sees every position
  BW_TRY(s.window, keys.size("attention.sliding_window", UINT32_MAX));
  BW_CHECK(pattern(keys, s));
  if (keys.has("rope.freq_base_swa")) {
    BW_TRY(s.rope_local.base, keys.positive("rope.freq_base_swa"));
  }
  return {};
}

// Keys by which a file asks for a graph that is not this one.
Status nothing_else(const Keys& keys, bool gemma) {
  BW_CHECK(keys.only("expert_count", 0));
  BW_CHECK(keys.only("attn_logit_softcapping", 0));
  BW_CHECK(keys.only("attention.temperature_scale", 0));
  BW_CHECK(keys.only("attention.scale", 0));
  BW_CHECK(keys.only("attention.causal", 1));
  if (gemma) return {};
  return keys.only("final_logit_softcapping", 0);
}

Status heads(const Keys& keys, Spec& s) {
  BW_TRY(s.n_head, keys.size("attention.head_count", most_width));
  BW_TRY(s.n_head_kv, keys.size_or("attention.head_count_kv", most_width, s.n_head));
  if (s.n_head % s.n_head_kv != 0)
    return bad_input(fmt::format("{}: {} = {}: expected a divisor of {} = {}", keys.file.path,
                                 keys.key("attention.head_count_kv"), s.n_head_kv,
                                 keys.key("attention.head_count"), s.n_head));
  if (!keys.has("attention.key_length") && s.n_embd % s.n_head != 0)
    return bad_input(fmt::format("{}: {} = {}: expected a divisor of {} = {}", keys.file.path,
                                 keys.key("attention.head_count"), s.n_head, keys.key("embedding_length"),
                                 s.n_embd));
  BW_TRY(s.head_dim, keys.size_or("attention.key_length", most_width / s.n_head, s.n_embd / s.n_head));
  BW_TRY(const uint32_t value_length, keys.size_or("attention.value_length", most_width, s.head_dim));
  if (value_length != s.head_dim)
    return unsupported(fmt::format("{}: {} = {}: values of another length than keys ({}) are not built",
                                   keys.file.path, keys.key("attention.value_length"), value_length,
                                   s.head_dim));
  s.score_width = s.head_dim;
  return {};
}

}  // namespace

std::string known_architectures() {
  std::string all;
  for (const Architecture& a : architectures) all += fmt::format("{}{}", all.empty() ? "" : ", ", a.name);
  return all;
}

Result<Spec> spec(const gguf::File& file) {
  BW_TRY(const std::string name, file.architecture());
  const Architecture* a = nullptr;
  for (const Architecture& known : architectures)
    if (known.name == name) a = &known;
  if (!a)
    return unsupported(fmt::format("{}: general.architecture: \"{}\" is not built", file.path, name),
                       fmt::format("built are: {}", known_architectures()));
  const Keys keys{file, name};
  Spec s;
  s.architecture = name;
  s.rope_pairs = a->rope_pairs;
  s.activation = a->activation;
  BW_TRY(s.n_layer, keys.size("block_count", most_layers));
  BW_TRY(s.n_embd, keys.size("embedding_length", most_width));
  BW_TRY(s.n_ff, keys.size("feed_forward_length", most_width));
  BW_TRY(s.n_ctx_train, keys.size("context_length", UINT32_MAX));
  BW_TRY(s.rms_eps, keys.positive("attention.layer_norm_rms_epsilon"));
  s.qk_norm = a->qk_norm;
  BW_CHECK(nothing_else(keys, a->gemma));
  BW_CHECK(heads(keys, s));
  BW_CHECK(rope(keys, a->freq_factors, s));
  if (a->gemma) BW_CHECK(gemma(keys, s));
  const gguf::TensorInfo* embd = file.tensor("token_embd.weight");
  if (!embd)
    return bad_input(fmt::format("{}: token_embd.weight: expected this tensor, found none", file.path));
  if (embd->ne[1] == 0 || embd->ne[1] > most_width)
    return bad_input(fmt::format("{}: token_embd.weight: expected 1 to {} rows, found {}", file.path,
                                 most_width, embd->ne[1]));
  BW_TRY(s.n_vocab, keys.size_or("vocab_size", most_width, static_cast<uint32_t>(embd->ne[1])));
  s.tied_output = file.tensor("output.weight") == nullptr;
  BW_CHECK(check_tensors(file, s));
  return s;
}

}  // namespace bw::model
