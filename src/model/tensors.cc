#include "model/tensors.h"

#include <fmt/format.h>

#include <unordered_set>

namespace bw::model {
namespace {

// The graph's tensor names. `linear(site, member, n_out, k)`, `norm(site, member, n)`.
template <class F, class G>
Status each_of_layer(const Spec& s, const std::string& prefix, Layer<NormRef, LinearRef>& w, F&& linear,
                     G&& norm) {
  BW_CHECK(norm(prefix + "attn_norm", w.attn_norm, s.n_embd));
  BW_CHECK(linear(prefix + "attn_q", w.q, s.n_q(), s.n_embd));
  BW_CHECK(linear(prefix + "attn_k", w.k, s.n_kv(), s.n_embd));
  BW_CHECK(linear(prefix + "attn_v", w.v, s.n_kv(), s.n_embd));
  if (s.qk_norm) {
    BW_CHECK(norm(prefix + "attn_q_norm", w.q_norm, s.head_dim));
    BW_CHECK(norm(prefix + "attn_k_norm", w.k_norm, s.head_dim));
  }
  BW_CHECK(linear(prefix + "attn_output", w.o, s.n_embd, s.n_q()));
  if (s.post_norms) {
    BW_CHECK(norm(prefix + "post_attention_norm", w.post_attn_norm, s.n_embd));
    BW_CHECK(norm(prefix + "post_ffw_norm", w.post_ffn_norm, s.n_embd));
  }
  BW_CHECK(norm(prefix + "ffn_norm", w.ffn_norm, s.n_embd));
  BW_CHECK(linear(prefix + "ffn_gate", w.gate, s.n_ff, s.n_embd));
  BW_CHECK(linear(prefix + "ffn_up", w.up, s.n_ff, s.n_embd));
  return linear(prefix + "ffn_down", w.down, s.n_embd, s.n_ff);
}

Status shape(const gguf::File& file, const gguf::TensorInfo& t, uint64_t ne0, uint64_t ne1) {
  if (t.ne[0] == ne0 && t.ne[1] == ne1 && t.ne[2] == 1 && t.ne[3] == 1) return {};
  return bad_input(
      fmt::format("{}: {}: expected shape [{}, {}] from the declared sizes, found [{}, {}, {}, {}]",
                  file.path, t.name, ne0, ne1, t.ne[0], t.ne[1], t.ne[2], t.ne[3]));
}

struct Finder {
  const gguf::File& file;
  std::unordered_set<std::string> named;  // tensors the graph names

  Result<const gguf::TensorInfo*> need(const std::string& name, uint64_t ne0, uint64_t ne1) {
    const gguf::TensorInfo* t = file.tensor(name);
    if (!t) return bad_input(fmt::format("{}: {}: expected this tensor, found none", file.path, name));
    BW_CHECK(shape(file, *t, ne0, ne1));
    named.insert(name);
    return t;
  }
  Status linear(const std::string& site, LinearRef& out, uint32_t n_out, uint32_t k) {
    out.site = site;
    BW_TRY(out.weight, need(site + ".weight", k, n_out));
    out.type = quant::find(out.weight->ggml_type);
    if (file.tensor(site + ".bias")) {
      BW_TRY(out.bias, need(site + ".bias", n_out, 1));
    }
    return {};
  }
  Status norm(const std::string& site, uint32_t n, NormRef& out) {
    out.site = site;
    BW_TRY(out.weight, need(site + ".weight", n, 1));
    return {};
  }
};

Result<TensorTable> find_all(const gguf::File& file, const Spec& s, Finder& f) {
  TensorTable t;
  BW_CHECK(f.linear("token_embd", t.token_embd, s.n_vocab, s.n_embd));
  if (t.token_embd.bias)
    return unsupported(
        fmt::format("{}: token_embd.bias: an embedding's bias is not in the graph", file.path));
  t.layers.resize(s.n_layer);
  for (uint32_t l = 0; l < s.n_layer; ++l)
    BW_CHECK(each_of_layer(
        s, fmt::format("blk.{}.", l), t.layers[l],
        [&](const std::string& site, LinearRef& m, uint32_t n, uint32_t k) {
          return f.linear(site, m, n, k);
        },
        [&](const std::string& site, NormRef& m, uint32_t n) { return f.norm(site, n, m); }));
  BW_CHECK(f.norm("output_norm", s.n_embd, t.output_norm));
  if (s.tied_output) {
    t.output = t.token_embd;
    t.output.site = "output";
  } else {
    BW_CHECK(f.linear("output", t.output, s.n_vocab, s.n_embd));
  }
  return t;
}

Status float_type(const gguf::File& file, const gguf::TensorInfo& t) {
  const quant::TypeInfo* type = quant::find(t.ggml_type);
  if (type && type->family == quant::Family::f) return {};
  return unsupported(fmt::format("{}: {}: expected F32, F16 or BF16 for a norm or bias, found {}", file.path,
                                 t.name, quant::known(t.ggml_type).name));
}

Status computable(const gguf::File& file, const LinearRef& l) {
  if (!l.type) {
    std::string built;
    for (const quant::TypeInfo& t : quant::all_types())
      built += fmt::format("{}{}", built.empty() ? "" : ", ", t.name);
    const std::string_view name = quant::known(l.weight->ggml_type).name;
    return unsupported(
        fmt::format("{}: {}: block type {} is not built", file.path, l.weight->name,
                    name.empty() ? fmt::format("number {}", l.weight->ggml_type) : std::string(name)),
        fmt::format("built are: {}", built));
  }
  if (l.weight->ne[0] % l.type->block != 0)
    return bad_input(fmt::format("{}: {}: expected rows of a multiple of {} values for {}, found {}",
                                 file.path, l.weight->name, l.type->block, l.type->name, l.weight->ne[0]));
  if (l.bias) return float_type(file, *l.bias);
  return {};
}

}  // namespace

Status check_tensors(const gguf::File& file, const Spec& s) {
  Finder f{file, {}};
  BW_TRY([[maybe_unused]] const TensorTable t, find_all(file, s, f));
  if (!s.rope.freq_factors.empty()) f.named.insert("rope_freqs.weight");  // spec() has read it
  for (const gguf::TensorInfo& tensor : file.tensors)
    if (!f.named.count(tensor.name))
      return bad_input(fmt::format("{}: {}: this tensor has no place in the graph of \"{}\"", file.path,
                                   tensor.name, s.architecture),
                       "a file with more tensors than the graph would be computed wrongly, so it is refused");
  return {};
}

Result<TensorTable> tensors(const gguf::File& file, const Spec& s) {
  Finder f{file, {}};
  BW_TRY(TensorTable t, find_all(file, s, f));
  BW_CHECK(computable(file, t.token_embd));
  for (Layer<NormRef, LinearRef>& w : t.layers)
    BW_CHECK(each_of_layer(
        s, "", w, [&](const std::string&, LinearRef& m, uint32_t, uint32_t) { return computable(file, m); },
        [&](const std::string&, NormRef& m, uint32_t) { return float_type(file, *m.weight); }));
  BW_CHECK(float_type(file, *t.output_norm.weight));
  BW_CHECK(computable(file, t.output));
  return t;
}

}  // namespace bw::model
