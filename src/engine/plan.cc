#include "engine/plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/arena.h"
#include "base/host.h"
#include "kernels/kernels.h"
#include "model/rope.h"

namespace bw::engine {
namespace {

using model::LinearRef;
using model::NormRef;

// The operations of model/layer.h on sizes. A Vec is its width.
struct Plan {
  struct Vec {
    uint64_t width = 0;
  };
  struct Kv {};
  using X = uint32_t;

  const model::Spec& s;
  Layout& out;
  Kv one_kv{};
  uint64_t live = 0;

  Status status() const { return {}; }
  Kv& kv(size_t) { return one_kv; }

  void place(const gguf::TensorInfo& t, bool packed) {
    if (out.at.count(&t)) return;  // tied output: one copy
    const quant::TypeInfo* type = quant::find(t.ggml_type);
    const uint64_t panels = (t.n_rows() + kernels::panel_rows - 1) / kernels::panel_rows;
    const uint64_t bytes = packed ? panels * kernels::panel_bytes(type->type, static_cast<uint32_t>(t.ne[0]))
                                  : t.n_elements() * sizeof(float);
    out.at[&t] = out.weight_bytes;
    out.weights.push_back({&t, type, packed, out.weight_bytes, bytes});
    out.weight_bytes += aligned(bytes);
  }
  void norm(const NormRef& n) {
    if (!n.weight) return;
    place(*n.weight, false);
    out.bytes_read_per_token += n.weight->n_elements() * sizeof(float);
  }
  Vec linear(const LinearRef& w) {
    place(*w.weight, true);
    if (w.bias) place(*w.bias, false);
    const uint32_t k = w.k();
    out.macs_per_token += uint64_t{k} * w.n_out();
    const uint64_t panels = (w.n_out() + kernels::panel_rows - 1) / kernels::panel_rows;
    out.bytes_read_per_token += panels * kernels::panel_bytes(w.type->type, k);
    if (w.bias) out.bytes_read_per_token += w.bias->n_elements() * sizeof(float);
    uint32_t& form = out.all.of(w.type->family);
    form = std::max(form, k);
    out.k_most = std::max(out.k_most, k);
    return {w.n_out()};
  }
  Vec keep(Vec v) {  // results lie one after another until the next norm_linear starts over
    live += aligned(v.width * sizeof(float)) / sizeof(float);
    out.live_width = std::max(out.live_width, live);
    return v;
  }

  X embed(const LinearRef& w) {
    place(*w.weight, true);
    out.bytes_read_per_token += quant::row_bytes(*w.type, w.k());
    return w.k();
  }
  template <class... L>
  std::array<Vec, sizeof...(L)> norm_linear(X, const NormRef& n, const L&... w) {
    norm(n);
    live = 0;
    return {keep(linear(w))...};
  }
  void qk_norm_rope_store(Vec, Vec, Vec, const NormRef& q, const NormRef& k, const LinearRef&, Kv&) {
    norm(q);
    norm(k);
  }
  void keep_wanted(X, Vec) {}  // at most all rows
  Vec attend(Vec, Kv&) { return keep({s.n_q()}); }
  Vec norm_glu(X, const NormRef& n, const LinearRef& gate, const LinearRef& up, const LinearRef& down) {
    norm(n);
    linear(gate);
    linear(up);
    out.glu_width = std::max(out.glu_width, gate.n_out());
    uint32_t& form = out.glu.of(down.type->family);
    form = std::max(form, down.k());
    return {gate.n_out()};
  }
  void add_linear(X, Vec, const LinearRef& w, const NormRef& post) {
    linear(w);
    norm(post);
  }
  void head(X, const NormRef& n, const LinearRef& w) {
    norm(n);
    linear(w);
  }
};

struct Bump {
  uint64_t at = 0;
  uint64_t take(uint64_t n_bytes) {
    const uint64_t here = at;
    at += aligned(n_bytes);
    return here;
  }
};

ActsAt acts(Bump& b, const Layout::Forms& k, uint64_t n) {
  ActsAt a{};
  a.f32 = b.take(n * k.f * sizeof(float));
  a.q_32 = b.take(n * k.b32);
  a.d_32 = b.take(n * (k.b32 / 32) * sizeof(float));
  a.sums_32 = b.take(n * (k.b32 / 32) * sizeof(int32_t));
  a.q_256 = b.take(n * k.b256);
  a.d_256 = b.take(n * (k.b256 / 256) * sizeof(float));
  a.sums_256 = b.take(n * (k.b256 / 16) * sizeof(int32_t));
  return a;
}

}  // namespace

Layout lay_out(const model::Spec& spec, const model::TensorTable& tensors) {
  Layout out;
  Plan op{spec, out};
  // Plan::status() has no error to give.
  [[maybe_unused]] const Status never = model::resident(op, tensors, [](const std::string&, uint32_t) {});
  return out;
}

WorkLayout lay_out_work(const model::Spec& s, const Layout& l, const ContextOptions& o, int n_threads) {
  WorkLayout w;
  w.n_batch = o.n_batch;
  w.n_logits = std::min(o.n_logits, o.n_batch);
  Bump b;
  const uint64_t n = o.n_batch, row = s.n_embd * sizeof(float);
  w.x = b.take(n * row);
  w.y = b.take(n * row);
  w.live = b.take(n * l.live_width * sizeof(float));
  w.logits = b.take(uint64_t{w.n_logits} * s.n_vocab * sizeof(float));
  w.shared = acts(b, l.all, n);
  w.glu = acts(b, l.glu, n);
  w.pair = b.take(2 * redundant_rows * uint64_t{l.glu_width} * sizeof(float));
  for (int t = 0; t < n_threads; ++t) {
    w.own.push_back(acts(b, l.all, redundant_rows));
    w.strip.push_back(b.take(2 * n * glu_strip(n) * sizeof(float)));
    w.scratch.push_back(b.take(l.k_most * sizeof(float)));
    b.take(kernels::attend_scratch(s.n_rep(), s.head_dim) * sizeof(float));
  }
  w.parts_a_pair = (uint64_t{o.n_ctx} + kernels::kv_chunk - 1) / kernels::kv_chunk;
  const uint64_t pairs = std::min(n * s.n_head_kv, split_pairs(n_threads));
  w.parts = b.take(pairs * w.parts_a_pair * kernels::attend_part(s.n_rep(), s.head_dim) * sizeof(float));
  w.n_bytes = b.at;
  return w;
}

Status check(const ContextOptions& o) {
  const auto range = [](const char* name, uint64_t v, uint64_t most) -> Status {
    if (v >= 1 && v <= most) return {};
    return bad_input(fmt::format("{}: expected 1 to {}, found {}", name, most, v));
  };
  BW_CHECK(range("n_ctx", o.n_ctx, model::rope_max_position));
  BW_CHECK(range("n_seq", o.n_seq, 4096));  // a bound against typing errors, far above what a pass can use
  BW_CHECK(range("n_batch", o.n_batch, 4096));
  BW_CHECK(range("n_logits", o.n_logits, 4096));
  return {};
}

uint64_t kv_page_bytes(const model::Spec& s, KvType type) {
  return uint64_t{s.n_layer} * 2 * s.n_head_kv * kernels::kv_chunk_bytes(type, s.head_dim);
}
uint64_t n_kv_pages(const ContextOptions& o) {
  const auto pages = [](uint64_t n) { return (n + kernels::kv_chunk - 1) / kernels::kv_chunk; };
  return o.n_kv > 0 ? pages(o.n_kv) : pages(o.n_ctx) * o.n_seq;
}
uint64_t rope_table_bytes(const model::Spec& s, const ContextOptions& o) {
  return uint64_t{s.n_rope_tables()} * o.n_ctx * (s.n_rot / 2) * 2 * sizeof(float);
}

Result<MemoryPlan> plan(const gguf::File& file, const ContextOptions& options, int n_threads) {
  BW_CHECK(check(options));
  BW_TRY(const model::Spec s, model::spec(file));
  BW_TRY(const model::TensorTable t, model::tensors(file, s));
  const Layout l = lay_out(s, t);
  const WorkLayout w = lay_out_work(s, l, options, n_threads > 0 ? n_threads : host().n_usable);
  MemoryPlan p;
  p.weights = Arena::rounded(l.weight_bytes);
  p.kv = Arena::rounded(n_kv_pages(options) * kv_page_bytes(s, options.kv_type));
  p.work = Arena::rounded(w.n_bytes);
  p.tables = Arena::rounded(rope_table_bytes(s, options));
  p.macs_per_token = l.macs_per_token;
  p.bytes_read_per_token = l.bytes_read_per_token;
  return p;
}

}  // namespace bw::engine
