// A llama file of Llama-7B's shape with random weights, for memory and speed: what it says means nothing.
// In: random_model OUT q4_0|q4_k_m [LAYERS], LAYERS (32) fewer for a try. Out: OUT, the same bytes everywhere
// (SplitMix64, a seed a tensor), written as it is made. Types are those llama-quantize gives the two names:
// output is Q6_K in both; in q4_k_m also attn_v and ffn_down of the first and last eighth of the layers and
// of every third between.
#include <charconv>
#include <cmath>
#include <cstdio>
#include <cstring>

#include "gguf/writer.h"
#include "quant/half.h"
#include "stats/random.h"

namespace {
using namespace bw;
using quant::Type;

constexpr uint64_t n_embd = 4096, n_ff = 11008, n_vocab = 32000;
constexpr uint32_t n_head = 32, n_ctx_train = 4096, most_layers = 32;

struct Tensor {
  std::string name;
  uint64_t n_in, n_out;  // n_out 0: a vector of ones
  Type type;
};

std::vector<Tensor> tensors(bool k_quants, uint32_t n_layer) {
  const Type body = k_quants ? Type::Q4_K : Type::Q4_0;
  std::vector<Tensor> out = {{"token_embd.weight", n_embd, n_vocab, body}};
  for (uint32_t i = 0; i < n_layer; ++i) {
    const uint32_t eighth = n_layer / 8;
    const bool more = k_quants && (i < eighth || i >= 7 * n_layer / 8 || (i - eighth) % 3 == 2);
    const Type better = more ? Type::Q6_K : body;
    const std::string b = "blk." + std::to_string(i) + ".";
    out.push_back({b + "attn_norm.weight", n_embd, 0, Type::F32});
    out.push_back({b + "attn_q.weight", n_embd, n_embd, body});
    out.push_back({b + "attn_k.weight", n_embd, n_embd, body});
    out.push_back({b + "attn_v.weight", n_embd, n_embd, better});
    out.push_back({b + "attn_output.weight", n_embd, n_embd, body});
    out.push_back({b + "ffn_norm.weight", n_embd, 0, Type::F32});
    out.push_back({b + "ffn_gate.weight", n_embd, n_ff, body});
    out.push_back({b + "ffn_up.weight", n_embd, n_ff, body});
    out.push_back({b + "ffn_down.weight", n_ff, n_embd, better});
  }
  out.push_back({"output_norm.weight", n_embd, 0, Type::F32});
  out.push_back({"output.weight", n_embd, n_vocab, Type::Q6_K});
  return out;
}

std::vector<std::pair<std::string, gguf::Value>> keys(bool k_quants, uint32_t n_layer) {
  const auto f32 = [](double v) { return gguf::Value{gguf::ValueType::f32, gguf::ValueType::u32, v}; };
  const auto u32 = [](uint64_t v) { return gguf::u32_value(static_cast<uint32_t>(v)); };
  return {{"general.architecture", gguf::string_value("llama")},
          {"general.name", gguf::string_value("random weights of Llama-7B's shape")},
          {"general.file_type", u32(k_quants ? 15 : 2)},  // enum llama_ftype, llama.h
          {"tokenizer.ggml.model", gguf::string_value("none")},
          {"llama.vocab_size", u32(n_vocab)},
          {"llama.context_length", u32(n_ctx_train)},
          {"llama.embedding_length", u32(n_embd)},
          {"llama.block_count", u32(n_layer)},
          {"llama.feed_forward_length", u32(n_ff)},
          {"llama.attention.head_count", u32(n_head)},
          {"llama.attention.head_count_kv", u32(n_head)},
          {"llama.attention.layer_norm_rms_epsilon", f32(1e-5f)},
          {"llama.rope.dimension_count", u32(n_embd / n_head)}};
}

void put_half(std::byte* at, double v) {
  const uint16_t h = quant::float_to_half(static_cast<float>(v));
  std::memcpy(at, &h, sizeof h);
}

// A block of random bits is a block of random integers; only its scales must be chosen. Weights get a mean of
// zero and a deviation of 1 / sqrt(n_in), so that a product keeps the size of its input and nothing
// overflows. Layouts: src/quant/q4_0.cc, q4_k.cc, q6_k.cc.
void set_scales(Type type, std::byte* block, double deviation) {
  constexpr double levels = 4.61;  // deviation of 16 levels, equally often
  if (type == Type::Q4_0) {
    put_half(block, deviation / levels);
  } else if (type == Type::Q4_K) {
    // The minimum of each sub-block is its scale, and dmin 7.5 d: the levels lie about zero. 36.4: root mean
    // square of a scale in 0 .. 63.
    const double d = deviation / (levels * 36.4);
    put_half(block, d);
    put_half(block + 2, 7.5 * d);
    std::byte* packed = block + 4;
    for (int i = 0; i < 4; ++i) {
      packed[4 + i] = packed[i];
      packed[8 + i] = (packed[8 + i] & std::byte{15}) | (packed[8 + i] << 4);
    }
  } else {
    put_half(block + 208, deviation / (18.5 * 73.9));  // 64 levels; scales in -128 .. 127
  }
}

Status append(gguf::Writer& out, const Tensor& t, uint64_t seed) {
  if (t.n_out == 0) {
    const std::vector<float> ones(t.n_in, 1.0f);
    return out.append(std::as_bytes(std::span(ones)));
  }
  const quant::TypeInfo& type = quant::info(t.type);
  const double deviation = 1 / std::sqrt(static_cast<double>(t.n_in));
  stats::SplitMix64 random(seed);
  const size_t row_bytes = t.n_in / type.block * type.bytes;
  std::vector<uint64_t> words((row_bytes * 64 + 7) / 8);  // n_out is a multiple of 64
  for (uint64_t row = 0; row < t.n_out; row += 64) {
    for (uint64_t& w : words) w = random.next();
    const auto bytes = std::as_writable_bytes(std::span(words)).first(row_bytes * 64);
    for (size_t at = 0; at < bytes.size(); at += type.bytes) set_scales(t.type, &bytes[at], deviation);
    BW_CHECK(out.append(bytes));
  }
  return {};
}

Status write(const std::string& path, bool k_quants, uint32_t n_layer) {
  const auto list = tensors(k_quants, n_layer);
  std::vector<gguf::TensorDecl> decls;
  for (const Tensor& t : list)
    decls.push_back({t.name, t.n_out ? 2u : 1u, {t.n_in, std::max<uint64_t>(t.n_out, 1), 1, 1}, t.type});
  BW_TRY(gguf::Writer out, gguf::Writer::create(path, keys(k_quants, n_layer), decls));
  for (size_t i = 0; i < list.size(); ++i) BW_CHECK(append(out, list[i], i));
  return out.commit();
}

}  // namespace

int main(int argc, char** argv) {
  const std::string_view recipe = argc > 2 ? argv[2] : "";
  uint32_t n_layer = most_layers;
  bool good = (argc == 3 || argc == 4) && (recipe == "q4_0" || recipe == "q4_k_m");
  if (argc == 4) {
    const char* end = argv[3] + std::strlen(argv[3]);
    const auto r = std::from_chars(argv[3], end, n_layer);
    good = good && r.ec == std::errc{} && r.ptr == end && n_layer >= 1 && n_layer <= most_layers;
  }
  if (!good) {
    std::fprintf(stderr, "usage: random_model OUT q4_0|q4_k_m [LAYERS, 1 to %u]\n", most_layers);
    return 2;
  }
  if (const Status s = write(argv[1], recipe == "q4_k_m", n_layer); !s) {
    std::fprintf(stderr, "random_model: %s\n", s.error().what.c_str());
    return 1;
  }
}
