// Read this beside docs/bn1.md; "(n)" is its section. Order of operations is the content: nothing here is
// fast.
#include "engine/reference.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>

#include "base/fp_env.h"
#include "engine/faults.h"
#include "engine/reference_attention.h"
#include "engine/reference_math.h"
#include "model/rope.h"
#include "model/tensors.h"
#include "quant/half.h"

namespace bw::engine {
namespace {

using model::LinearRef;
using model::NormRef;
using model::Spec;
using reference::all_finite;
using reference::exp_bn1;
using reference::finite;
using reference::fma;
using reference::rint32;
using reference::sqrt32;
using reference::tree;

// ---- (5) activations.
float silu(float x) {
  return x / (1.0f + exp_bn1(-x));
}
float gelu(float x) {
  const float u = 0x1.988454p-1f * fma(0x1.6e4e26p-5f * (x * x), x, x);
  return x / (1.0f + exp_bn1(-(u + u)));
}
float tanh_bn1(float x) {
  return 1.0f - 2.0f / (exp_bn1(x + x) + 1.0f);
}

// ---- (2) weights: one GGUF row as the integers and scales its type means (quant reads the bits).
struct WeightRow {
  std::vector<float> f;             // float types
  std::vector<int> q;               // signed, after the type's offset
  std::vector<int> scale, minimum;  // 256-blocks, one a sub-block
  std::vector<float> d, m;          // one a block: scale; Q4_1, Q5_1: +m; 256-blocks: dmin
};
struct Form {
  uint32_t block = 1, sub = 0;  // values per block; per sub-block of 256-blocks
  bool has_min = false;
};
Form form(const quant::TypeInfo& t) {
  return {t.block, t.family == quant::Family::b256 ? t.sub : 0, t.has_min};
}
Status read_row(const gguf::File& file, const LinearRef& w, uint64_t r, WeightRow& out) {
  const uint32_t k = w.k();
  const uint64_t bytes = quant::row_bytes(*w.type, k);
  std::vector<uint8_t> raw(bytes);
  BW_CHECK(file.read(*w.weight, r * bytes, std::as_writable_bytes(std::span(raw))));
  const auto refuse = [&] {
    return bad_input(
        fmt::format("{}: {}: row {}: a scale or weight is not finite", file.path, w.weight->name, r));
  };
  if (w.type->family == quant::Family::f) {
    out.f.resize(k);
    w.type->decode(reinterpret_cast<const std::byte*>(raw.data()), k, out.f.data());
    if (!all_finite(out.f.data(), k)) return refuse();
    return {};
  }
  const Form form_ = form(*w.type);
  const uint32_t n = k / form_.block, subs = form_.sub ? form_.block / form_.sub : 0;
  out.q.resize(k), out.d.resize(n), out.m.assign(n, 0);
  out.scale.resize(size_t{n} * subs), out.minimum.resize(size_t{n} * subs);
  quant::Integers block{};
  for (uint32_t b = 0; b < n; ++b) {
    w.type->integers(reinterpret_cast<const std::byte*>(raw.data()) + size_t{b} * w.type->bytes, block);
    std::copy_n(block.q, form_.block, out.q.begin() + size_t{b} * form_.block);
    std::copy_n(block.scale, subs, out.scale.begin() + size_t{b} * subs);
    if (form_.has_min) std::copy_n(block.min, subs, out.minimum.begin() + size_t{b} * subs);
    out.d[b] = block.d;
    if (form_.has_min) out.m[b] = block.m;
  }
  if (!all_finite(out.d.data(), n) || !all_finite(out.m.data(), n)) return refuse();
  return {};
}
// (2) a dequantised row, for the embedding.
void dequantise(const WeightRow& w, const Form& f, uint32_t k, float* out) {
  for (uint32_t i = 0; i < k; ++i) {
    if (f.block == 1) {
      out[i] = w.f[i];
    } else if (f.block == 32) {
      const float v = w.d[i / 32] * float(w.q[i]);
      out[i] = f.has_min ? v + w.m[i / 32] : v;
    } else {
      const float v = w.d[i / 256] * float(w.scale[i / f.sub]) * float(w.q[i]);
      out[i] = f.has_min ? v - w.m[i / 256] * float(w.minimum[i / f.sub]) : v;
    }
  }
}

// ---- (2) activations A32 and A256: one scale a block, integers in [-127, 127].
struct Quantised {
  std::vector<int> q;
  std::vector<float> d;
};
Quantised quantise(const float* x, uint32_t k, uint32_t block) {
  Quantised a{std::vector<int>(k), std::vector<float>(k / block)};
  for (uint32_t b = 0; b < k / block; ++b) {
    float amax = 0;
    for (uint32_t i = 0; i < block; ++i) amax = std::max(amax, std::fabs(x[b * block + i]));
    if (amax < 0x1p-100f) continue;
    a.d[b] = amax / 127.0f;
    const float id = 127.0f / amax;
    for (uint32_t i = b * block; i < (b + 1) * block; ++i) a.q[i] = int(rint32(x[i] * id));
  }
  return a;
}

// ---- (3) one output of a product.
float dot(const WeightRow& w, const Form& f, const float* x, const Quantised& a, uint32_t k) {
  float y = 0;
  if (f.block == 1) {
    for (uint32_t c = 0; c < k; c += 256) {
      float chunk = 0;
      for (uint32_t i = c; i < std::min(c + 256, k); ++i) chunk = fma(w.f[i], x[i], chunk);
      y = y + chunk;
    }
    return y;
  }
  const uint32_t sub = f.sub ? f.sub : f.block;
  for (uint32_t b = 0; b < k / f.block; ++b) {
    int isum = 0, msum = 0;  // 32-blocks: msum = asum
    for (uint32_t s = b * f.block; s < (b + 1) * f.block; s += sub) {
      int qa = 0, asum = 0;
      for (uint32_t i = s; i < s + sub; ++i) qa += w.q[i] * a.q[i], asum += a.q[i];
      isum += f.sub ? w.scale[s / sub] * qa : qa;
      msum += f.sub ? w.minimum[s / sub] * asum : asum;
    }
    y = fma(w.d[b] * a.d[b], float(isum), y);
    if (!f.has_min) continue;
    y = f.sub ? fma(-(w.m[b] * a.d[b]), float(msum), y) : fma(w.m[b], a.d[b] * float(msum), y);
  }
  return y;
}

// ---- The operations of model/layer.h, all rows of the one sequence; row i is position i.
struct Scalar {
  struct Vec {
    std::vector<float> v;  // [rows, width]
    uint32_t width = 0;
  };
  struct Kv {
    reference::Held k, v;  // [rows, n_head_kv, head_dim]
  };
  using X = std::vector<float>&;

  const gguf::File& file;
  const Spec& s;
  std::span<const Token> tokens;
  const StageSink& stage;
  const LogitsSink& logits;
  const KvType kv_type;
  std::vector<Kv> cache;
  struct Angles {
    std::vector<float> cos, sin;  // [rows, n_rot/2]
    model::RopeFrequencies frequencies;
  };
  std::vector<float> x;
  Angles angles[2];  // [1]: of local layers
  Status first_error{};
  size_t n_rows() const { return tokens.size(); }
  bool ok() const { return static_cast<bool>(first_error); }
  Status status() const { return first_error; }
  void fail(Error e) {
    if (ok()) first_error = std::move(e);
  }
  Kv& kv(size_t l) { return cache[l]; }

  Result<std::vector<float>> floats(const gguf::TensorInfo& t) {
    std::vector<float> v(t.ne[0]);
    BW_CHECK(file.read_rows_f32(t, 0, 1, v.data()));
    if (!all_finite(v.data(), v.size()))
      return bad_input(fmt::format("{}: {}: a weight is not finite", file.path, t.name));
    return v;
  }

  X embed(const LinearRef& w) {  // (6)
    x.resize(n_rows() * s.n_embd);
    WeightRow row;
    for (size_t i = 0; i < n_rows(); ++i) {
      if (Status r = read_row(file, w, static_cast<uint64_t>(tokens[i]), row); !r) return fail(r.error()), x;
      dequantise(row, form(*w.type), s.n_embd, &x[i * s.n_embd]);
    }
    if (s.scale_embedding)
      for (float& v : x) v = v * sqrt32(float(s.n_embd));
    return x;
  }

  // (4) over each n values in turn: rows of n_embd, or heads.
  void norm(const std::vector<float>& in, const NormRef& norm_, uint32_t n, Fault fault,
            std::vector<float>& out) {
    const auto w = floats(*norm_.weight);
    if (!w) return fail(w.error());
    out.resize(in.size());
    for (size_t at = 0; at < in.size() && ok(); at += n) {
      std::array<float, 32> lane{};
      for (uint32_t i = 0; i < n; ++i) lane[i % 32] = fma(in[at + i], in[at + i], lane[i % 32]);
      const float ss = tree(lane);
      if (!finite(ss)) fail(non_finite(fault, norm_.site));
      const float r = 1.0f / sqrt32(ss / float(n) + s.rms_eps);
      for (uint32_t i = 0; i < n; ++i) out[at + i] = in[at + i] * r * (*w)[i];
    }
  }
  Vec norm(const std::vector<float>& in, const NormRef& n) {
    Vec out{{}, s.n_embd};
    norm(in, n, s.n_embd, Fault::norm, out.v);
    return out;
  }

  Vec linear(const Vec& in, const LinearRef& w) {  // (3), bias after the whole chain
    Vec out{std::vector<float>(n_rows() * w.n_out()), w.n_out()};
    if (!ok()) return out;
    if (!all_finite(in.v.data(), in.v.size())) return fail(non_finite(Fault::input, w.site)), out;
    const Form f = form(*w.type);
    const uint32_t k = w.k();
    std::vector<Quantised> a(n_rows());
    if (f.block > 1)
      for (size_t row = 0; row < n_rows(); ++row) a[row] = quantise(&in.v[row * k], k, f.block);
    std::vector<float> bias;
    if (w.bias) {
      auto b = floats(*w.bias);
      if (!b) return fail(b.error()), out;
      bias = *std::move(b);
    }
    WeightRow weights;
    for (uint32_t r = 0; r < w.n_out(); ++r) {
      if (Status read = read_row(file, w, r, weights); !read) return fail(read.error()), out;
      for (size_t row = 0; row < n_rows(); ++row) {
        const float y = dot(weights, f, &in.v[row * k], a[row], k);
        out.v[row * w.n_out() + r] = bias.empty() ? y : y + bias[r];
      }
    }
    return out;
  }

  template <class... L>
  std::array<Vec, sizeof...(L)> norm_linear(X in, const NormRef& n, const L&... w) {
    const Vec normed = norm(in, n);
    return {linear(normed, w)...};
  }

  void rotate(float* head, size_t row, const Angles& at) const {  // (6), row = position
    const uint32_t half = s.n_rot / 2;
    for (uint32_t i = 0; i < half; ++i) {
      const bool neox = s.rope_pairs == model::RopePairs::neox;
      float& x0 = head[neox ? i : 2 * i];
      float& x1 = head[neox ? i + half : 2 * i + 1];
      const float c = at.cos[row * half + i], sn = at.sin[row * half + i], a = x0, b = x1;
      x0 = fma(a, c, -(b * sn));
      x1 = fma(b, c, a * sn);
    }
  }
  uint32_t layer_of(const Kv& kv) const { return uint32_t(&kv - cache.data()); }
  // (7) the bias of a key, in the dimensions that turn less than a radian in 2^14 positions, leaves each key.
  void take_bias_off(Vec& k, const gguf::TensorInfo* tensor, uint32_t layer) {
    if (kv_type != KvType::q8 || tensor == nullptr || s.qk_norm) return;
    auto bias = floats(*tensor);
    if (!bias) {
      fail(bias.error());
      return;
    }
    const model::RopeFrequencies& f = angles[s.is_local(layer)].frequencies;
    for (size_t row = 0; row < n_rows(); ++row)
      for (uint32_t i = 0; i < s.n_kv(); ++i) {
        const uint32_t dim = i % s.head_dim;
        float factor = 1;
        if (dim < s.n_rot) {
          const uint32_t pair = s.rope_pairs == model::RopePairs::neox ? dim % (s.n_rot / 2) : dim / 2;
          factor = f.inv[pair] < 1.0 / 16384 ? float(f.magnitude) : 0;
        }
        k.v[row * s.n_kv() + i] = k.v[row * s.n_kv() + i] - (*bias)[i] * factor;
      }
  }
  void qk_norm_rope_store(Vec& q, Vec& k, Vec& v, const NormRef& q_norm, const NormRef& k_norm,
                          const LinearRef& k_of, Kv& kv) {  // (6), (7)
    if (ok() && s.qk_norm) norm(q.v, q_norm, s.head_dim, Fault::query_norm, q.v);
    if (ok() && s.qk_norm) norm(k.v, k_norm, s.head_dim, Fault::key_norm, k.v);
    if (!ok()) return;
    const Angles& at = angles[s.is_local(layer_of(kv))];
    for (size_t row = 0; row < n_rows(); ++row) {
      for (uint32_t h = 0; h < s.n_head; ++h) rotate(&q.v[row * s.n_q() + h * s.head_dim], row, at);
      for (uint32_t h = 0; h < s.n_head_kv; ++h) rotate(&k.v[row * s.n_kv() + h * s.head_dim], row, at);
    }
    take_bias_off(k, k_of.bias, layer_of(kv));
    if (!ok()) return;
    if (!reference::hold(kv_type, k.v, s.head_dim, false, kv.k))
      fail(non_finite(Fault::key, fmt::format("blk.{}.attn_k", layer_of(kv))));
    if (!reference::hold(kv_type, v.v, s.head_dim, true, kv.v))
      fail(non_finite(Fault::value, fmt::format("blk.{}.attn_v", layer_of(kv))));
  }

  void keep_wanted(X, const Vec&) {}  // all rows' logits are given

  // (7) each row over the keys up to its own, in a local layer the last `window` of them.
  Vec attend(const Vec& q, const Kv& kv) {
    Vec out{std::vector<float>(q.v.size()), s.n_q()};
    const reference::Heads heads{kv_type, s.head_dim, s.n_head_kv, 1.0f / sqrt32(float(s.score_width))};
    for (size_t row = 0; row < n_rows() && ok(); ++row)
      for (uint32_t h = 0; h < s.n_head; ++h) {
        const size_t at = row * s.n_q() + h * s.head_dim;
        const size_t first = s.is_local(layer_of(kv)) && row + 1 > s.window ? row + 1 - s.window : 0;
        if (!reference::attend(heads, &q.v[at], kv.k, kv.v, h / s.n_rep(), first, row, &out.v[at]))
          return fail(non_finite(Fault::score, fmt::format("blk.{}.attention", layer_of(kv)))), out;
      }
    return out;
  }

  Vec glu(std::array<Vec, 2> pair) {  // (6)
    Vec out{std::move(pair[0].v), pair[0].width};
    for (size_t i = 0; i < out.v.size(); ++i)
      out.v[i] = (s.activation == model::Activation::silu ? silu(out.v[i]) : gelu(out.v[i])) * pair[1].v[i];
    return out;
  }
  Vec norm_glu(X in, const NormRef& n, const LinearRef& gate, const LinearRef& up, const LinearRef&) {
    return glu(norm_linear(in, n, gate, up));
  }
  void add_linear(X to, const Vec& in, const LinearRef& w, const NormRef& post) {
    Vec y = linear(in, w);
    if (ok() && s.post_norms) y = norm(y.v, post);
    for (size_t i = 0; i < to.size() && ok(); ++i) to[i] = to[i] + y.v[i];
  }

  void head(X in, const NormRef& n, const LinearRef& w) {
    const Vec normed = norm(in, n);
    if (!ok()) return;
    if (stage) stage("norm", normed.v);
    if (!logits) return;
    Vec y = linear(normed, w);
    if (ok() && !all_finite(y.v.data(), y.v.size())) fail(non_finite(Fault::logit, w.site));
    if (s.final_softcap != 0)
      for (float& v : y.v) v = s.final_softcap * tanh_bn1(v / s.final_softcap);
    for (size_t row = 0; row < n_rows() && ok(); ++row)
      if (Status sunk = logits(row, std::span(&y.v[row * s.n_vocab], s.n_vocab)); !sunk) fail(sunk.error());
  }
};

}  // namespace

Status run_reference(const gguf::File& file, std::span<const Token> tokens, const StageSink& stage,
                     const LogitsSink& logits, KvType kv_type) {
  const FpEnv env;
  BW_TRY(const Spec s, model::spec(file));
  BW_TRY(const model::TensorTable t, model::tensors(file, s));
  for (const Token id : tokens)
    if (id < 0 || uint32_t(id) >= s.n_vocab)
      return bad_input(fmt::format("token {}: expected an id below {}", id, s.n_vocab));
  Scalar op{file, s, tokens, stage, logits, kv_type, std::vector<Scalar::Kv>(s.n_layer), {}, {}};
  for (const bool local : {false, true}) {
    BW_TRY(const model::RopeFrequencies f, model::rope_frequencies(local ? s.rope_local : s.rope, s.n_rot));
    Scalar::Angles& to = op.angles[local];
    const size_t half = f.inv.size();
    to.frequencies = f;
    to.cos.resize(tokens.size() * half), to.sin.resize(to.cos.size());
    for (size_t pos = 0; pos < tokens.size(); ++pos)
      BW_CHECK(model::rope_row(f, uint32_t(pos), &to.cos[pos * half], &to.sin[pos * half]));
  }
  return model::resident(op, t, [&](std::string_view name, std::span<const float> x) {
    if (stage) stage(name, x);
  });
}

}  // namespace bw::engine
