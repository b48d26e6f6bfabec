#include "model/spec.h"

#include <fmt/format.h>

#include <cmath>

#include "model/tensors.h"

namespace bw::model {
namespace {

// One line an architecture. Which tensors it has is the graph's (model/tensors.cc).
struct Architecture {
  std::string_view name;
  RopePairs rope_pairs;
  Activation activation;
};
constexpr Architecture architectures[] = {
    {"llama", RopePairs::normal, Activation::silu},
    {"qwen2", RopePairs::neox, Activation::silu},
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
};

Status rope(const Keys& keys, Spec& s) {
  if (keys.has("rope.freq_base")) {
    BW_TRY(s.rope_base, keys.positive("rope.freq_base"));
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
    BW_TRY(s.rope_scale_factor, keys.positive("rope.scaling.factor"));
  } else if (kind != "none") {
    return unsupported(fmt::format("{}: {}: rope scaling \"{}\" is not built", keys.file.path,
                                   keys.key("rope.scaling.type"), kind),
                       "built are: none, linear");
  } else if (keys.has("rope.scale_linear")) {  // the older spelling
    BW_TRY(s.rope_scale_factor, keys.positive("rope.scale_linear"));
  }
  return {};
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
  BW_CHECK(heads(keys, s));
  BW_CHECK(rope(keys, s));
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
