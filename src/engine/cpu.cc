#include "engine/cpu.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "kernels/fma.h"

namespace bw::engine {
namespace {

// Fewer rows than this are not worth waking a thread for.
constexpr size_t serial_rows = 2;

constexpr uint64_t panel_grain = 2;  // kernels take panels in pairs

}  // namespace

Cpu::Cpu(PackedModel& model, KvCache& cache, const WorkLayout& layout, std::byte* work,
         const RopeTables& rope, std::array<std::vector<float>, 2> resting)
    : m_(model),
      s_(model.spec()),
      t_(*model.table),
      kv_(model.table->kv(cache.type())),
      pool_(*model.pool),
      cache_(cache),
      at_(layout),
      work_(work),
      rope_(rope),
      resting_(std::move(resting)),
      shares_(model.n_threads()),
      chunk_pointers_(static_cast<size_t>(model.n_threads())),
      left_(split_pairs(model.n_threads())) {
  for (uint32_t l = 0; l < s_.n_layer; ++l) kvs_.push_back({l});
}

void Cpu::begin(std::span<const PassRow> rows, const LogitsSink& sink, const StageSink& stage) {
  rows_ = rows;
  sink_ = &sink;
  stage_ = &stage;
  status_ = {};
  fault_ = no_fault;
  cut_blocks();
}

Cpu::Vec Cpu::keep(uint32_t width) {
  float* base = reinterpret_cast<float*>(work_ + at_.live);
  Vec v{base + live_ * at_.n_batch, width};
  live_ += aligned(width * sizeof(float)) / sizeof(float);  // as Plan::keep counts
  return v;
}

Cpu::ActsBuffers Cpu::buffers(const ActsAt& a) const {
  const auto p = [&]<class T>(uint64_t at, T*) { return reinterpret_cast<T*>(work_ + at); };
  return {p(a.f32, static_cast<float*>(nullptr)),       p(a.q_32, static_cast<int8_t*>(nullptr)),
          p(a.q_256, static_cast<int8_t*>(nullptr)),    p(a.d_32, static_cast<float*>(nullptr)),
          p(a.d_256, static_cast<float*>(nullptr)),     p(a.sums_32, static_cast<int32_t*>(nullptr)),
          p(a.sums_256, static_cast<int32_t*>(nullptr))};
}

kernels::Acts Cpu::ActsBuffers::form(quant::Family family, uint32_t n, uint32_t k) const {
  switch (family) {
    case quant::Family::f:
      return {n, k, f32, nullptr, nullptr, nullptr};
    case quant::Family::b32:
      return {n, k, nullptr, q_32, d_32, sums_32};
    case quant::Family::b256:
      return {n, k, nullptr, q_256, d_256, sums_256};
  }
  return {};
}

void Cpu::settle(const std::string& norm_site, const std::string& input_site, uint32_t layer) {
  const int f = fault_.load(std::memory_order_relaxed);
  if (f == no_fault || !ok()) return;
  const auto fault = static_cast<Fault>(f);
  switch (fault) {
    case Fault::norm:
      status_ = non_finite(fault, norm_site);
      break;
    case Fault::query_norm:
      status_ = non_finite(fault, fmt::format("blk.{}.attn_q_norm", layer));
      break;
    case Fault::key_norm:
      status_ = non_finite(fault, fmt::format("blk.{}.attn_k_norm", layer));
      break;
    case Fault::input:
    case Fault::logit:
      status_ = non_finite(fault, input_site);
      break;
    case Fault::key:
      status_ = non_finite(fault, fmt::format("blk.{}.attn_k", layer));
      break;
    case Fault::value:
      status_ = non_finite(fault, fmt::format("blk.{}.attn_v", layer));
      break;
    case Fault::score:
      status_ = non_finite(fault, fmt::format("blk.{}.attention", layer));
      break;
  }
}

template <class F>
void Cpu::each_row(F&& f) {
  if (n_rows() <= serial_rows) {
    for (size_t r = 0; r < n_rows(); ++r) f(r);
    return;
  }
  shares_.reset(n_rows(), 1);
  pool_.run_some([&](int thread) {
    for (Range run; shares_.take(thread, run);)
      for (uint64_t r = run.begin; r < run.end; ++r) f(r);
  });
}

Cpu::X Cpu::embed(const CpuLinear& w) {
  float* x = reinterpret_cast<float*>(work_ + at_.x);
  const size_t panel = kernels::panel_bytes(w.w.type, w.w.k);
  const float by = kernels::sqrt_exact(static_cast<float>(s_.n_embd));
  each_row([&](size_t r) {
    const auto id = static_cast<uint32_t>(rows_[r].token);
    float* row = x + r * s_.n_embd;
    kernels::unpack_row(w.w.type, w.w.data + id / kernels::panel_rows * panel, id % kernels::panel_rows,
                        w.w.k, row);
    if (s_.scale_embedding)
      for (uint32_t i = 0; i < s_.n_embd; ++i) row[i] *= by;
  });
  return x;
}

// c tanh(s / c), tanh(t) = 1 - 2 / (e^2t + 1); x is finite.
void Cpu::softcap(float* x, size_t n) const {
  const float c = s_.final_softcap;
  for (size_t i = 0; i < n; ++i) {
    const float t = x[i] / c;
    x[i] = t + t;
  }
  t_.exp(x, n, x);
  for (size_t i = 0; i < n; ++i) x[i] = c * (1.0f - 2.0f / (x[i] + 1.0f));
}

bool Cpu::prepare(const Input& in, size_t row, size_t to, const ActsBuffers& acts, int thread, bool f,
                  bool b32, bool b256) {
  const uint32_t k = in.width;
  const float* a = in.a + row * k;
  float* made =
      f ? acts.f32 + to * k : reinterpret_cast<float*>(work_ + at_.scratch[static_cast<size_t>(thread)]);
  const float* v = made;
  switch (in.kind) {
    case Input::Kind::normed:
      if (!t_.rms_norm(a, in.norm->w, k, s_.rms_eps, made)) return note(Fault::norm), false;
      break;
    case Input::Kind::glu:
      t_.glu(activation(), a, in.b + row * k, k, made);
      break;
    case Input::Kind::formed:
      return true;
    case Input::Kind::as_is:
      if (f) std::memcpy(made, a, k * sizeof(float));
      v = a;
      break;
  }
  if (t_.non_finite(v, k)) return note(Fault::input), false;
  if (b32) t_.act32(v, k, acts.q_32 + to * k, acts.d_32 + to * (k / 32), acts.sums_32 + to * (k / 32));
  if (b256) t_.act256(v, k, acts.q_256 + to * k, acts.d_256 + to * (k / 256), acts.sums_256 + to * (k / 16));
  return true;
}

void Cpu::run_panels(const CpuLinear& w, const ActsBuffers& acts, uint32_t n, Range panels, float* y,
                     Then then, float* residual) {
  const size_t ldy = w.w.n_out;
  t_.product(w.w, static_cast<uint32_t>(panels.begin), static_cast<uint32_t>(panels.end),
             acts.form(w.family, n, w.w.k), y, ldy);
  if (!w.bias && then == Then::nothing) return;
  const size_t r0 = panels.begin * kernels::panel_rows,
               r1 = std::min<size_t>(panels.end * kernels::panel_rows, ldy);
  for (size_t c = 0; c < n; ++c) {
    float* column = y + c * ldy + r0;
    if (w.bias) t_.add(column, w.bias + r0, r1 - r0);
    if (then == Then::add_to_residual) t_.add(residual + c * ldy + r0, column, r1 - r0);
    if (then != Then::logits) continue;
    if (t_.non_finite(column, r1 - r0)) {
      note(Fault::logit);
    } else if (s_.final_softcap > 0) {
      softcap(column, r1 - r0);
    }
  }
}

void Cpu::products(const Input& in, std::span<const CpuLinear* const> linears, const Vec* out, Then then,
                   float* residual, std::span<const size_t> picked) {
  if (!ok() || n_rows() == 0) return;
  bool f = false, b32 = false, b256 = false;
  uint64_t n_panels = 0;
  for (const CpuLinear* w : linears) {
    f |= w->family == quant::Family::f;
    b32 |= w->family == quant::Family::b32;
    b256 |= w->family == quant::Family::b256;
    n_panels += w->w.n_panels();
  }
  const size_t n = picked.empty() ? n_rows() : picked.size();
  const auto prepare_rows = [&](Range rows, const ActsBuffers& acts, int thread) {
    for (size_t r = rows.begin; r < rows.end; ++r)
      if (!prepare(in, picked.empty() ? r : picked[r], r, acts, thread, f, b32, b256)) return false;
    return true;
  };
  const auto multiply = [&](const ActsBuffers& acts, int thread) {
    for (Range run; shares_.take(thread, run);) {
      uint64_t first = 0;  // panel of this linear in the list of all
      for (size_t i = 0; i < linears.size(); ++i) {
        const uint64_t end = first + linears[i]->w.n_panels();
        const Range here{std::max(run.begin, first), std::min(run.end, end)};
        if (here.begin < here.end)
          run_panels(*linears[i], acts, static_cast<uint32_t>(n), {here.begin - first, here.end - first},
                     out[i].data, then, residual);
        first = end;
      }
    }
  };
  shares_.reset(n_panels, panel_grain);
  if (in.kind == Input::Kind::formed) {
    pool_.run_some([&](int thread) { multiply(buffers(at_.glu), thread); });
  } else if (n <= redundant_rows) {
    pool_.run_some([&](int thread) {
      const ActsBuffers acts = buffers(at_.own[static_cast<size_t>(thread)]);
      if (prepare_rows({0, n}, acts, thread)) multiply(acts, thread);
    });
  } else {
    pool_.run([&](int thread) {
      const ActsBuffers acts = buffers(at_.shared);
      prepare_rows(share(n, thread, pool_.size()), acts, thread);
      pool_.barrier();
      if (fault_.load(std::memory_order_relaxed) == no_fault) multiply(acts, thread);
    });
  }
  settle(in.norm ? in.norm->site : std::string(), linears[0]->site, 0);
}

void Cpu::add_linear(X x, Input in, const CpuLinear& w, const CpuNorm& post) {
  const Vec y{reinterpret_cast<float*>(work_ + at_.y), w.w.n_out};
  const CpuLinear* one = &w;
  products(in, {&one, 1}, &y, post.w ? Then::nothing : Then::add_to_residual, x);
  if (!post.w || !ok()) return;
  each_row([&](size_t r) {
    float* row = y.data + r * y.width;
    if (!t_.rms_norm(row, post.w, y.width, s_.rms_eps, row)) return note(Fault::norm);
    t_.add(x + r * y.width, row, y.width);
  });
  settle(post.site, {}, 0);
}

void Cpu::rope_store_row(size_t row, Vec q, Vec k, Vec v, const CpuNorm& q_norm, const CpuNorm& k_norm,
                         const float* k_bias, uint32_t layer) {
  const PassRow& r = rows_[row];
  const uint32_t half = s_.n_rot / 2, hd = s_.head_dim, in_page = r.position % kernels::kv_chunk;
  const uint32_t page = cache_.pages(r.seq)[r.position / kernels::kv_chunk];
  const RopeTable& table = rope_[s_.is_local(layer)];
  const float *c = table.cos + size_t{r.position} * half, *sn = table.sin + size_t{r.position} * half;
  const bool neox = s_.rope_pairs == model::RopePairs::neox;
  // A constant of all keys, which a softmax does not see and a Q8 cache would spend its bits on.
  const float* bias = cache_.type() == KvType::q8 && !k_norm.w ? k_bias : nullptr;
  const std::vector<float>& rests = resting_[s_.is_local(layer)];
  for (uint32_t h = 0; h < s_.n_head; ++h) {
    float* query = q.data + row * q.width + size_t{h} * hd;
    if (q_norm.w && !t_.rms_norm(query, q_norm.w, hd, s_.rms_eps, query)) note(Fault::query_norm);
    t_.rope(query, c, sn, s_.n_rot, neox);
  }
  for (uint32_t h = 0; h < s_.n_head_kv; ++h) {
    float* key = k.data + row * k.width + size_t{h} * hd;
    if (k_norm.w && !t_.rms_norm(key, k_norm.w, hd, s_.rms_eps, key)) note(Fault::key_norm);
    t_.rope(key, c, sn, s_.n_rot, neox);
    for (uint32_t i = 0; bias && i < hd; ++i) key[i] = key[i] - bias[size_t{h} * hd + i] * rests[i];
    if (!kv_.store_k(key, hd, in_page, cache_.chunk(page, layer, false, h))) note(Fault::key);
    if (!kv_.store_v(v.data + row * v.width + size_t{h} * hd, hd, in_page,
                     cache_.chunk(page, layer, true, h)))
      note(Fault::value);
  }
}

void Cpu::qk_norm_rope_store(Vec q, Vec k, Vec v, const CpuNorm& q_norm, const CpuNorm& k_norm,
                             const CpuLinear& k_of, Kv& kv) {
  if (!ok()) return;
  each_row([&](size_t r) { rope_store_row(r, q, k, v, q_norm, k_norm, k_of.bias, kv.layer); });
  settle({}, {}, kv.layer);
}

void Cpu::keep_wanted(X x, Vec q) {
  if (!ok() || *stage_) return;  // a stage is all rows
  wanted_.clear();
  for (size_t r = 0; r < n_rows(); ++r) {
    if (!rows_[r].wants_logits) continue;
    const size_t to = wanted_.size();
    if (to < r) {
      std::memcpy(x + to * s_.n_embd, x + r * s_.n_embd, s_.n_embd * sizeof(float));
      std::memcpy(q.data + to * q.width, q.data + r * q.width, q.width * sizeof(float));
    }
    wanted_.push_back(rows_[r]);
  }
  if (wanted_.size() == n_rows()) return;
  rows_ = wanted_;
  cut_blocks();
}

void Cpu::head(X x, const CpuNorm& norm, const CpuLinear& w) {
  if (*stage_) {  // the normed rows are wanted as such
    float* y = reinterpret_cast<float*>(work_ + at_.y);
    for (size_t r = 0; r < n_rows(); ++r)
      if (!t_.rms_norm(x + r * s_.n_embd, norm.w, s_.n_embd, s_.rms_eps, y + r * s_.n_embd))
        note(Fault::norm);
    settle(norm.site, {}, 0);
    if (!ok()) return;
    (*stage_)("norm", {y, n_rows() * s_.n_embd});
  }
  const Input in{Input::Kind::normed, x, nullptr, s_.n_embd, &norm};
  float* logits = reinterpret_cast<float*>(work_ + at_.logits);
  std::vector<size_t> picked;
  for (size_t r = 0; r < n_rows() && ok(); ++r) {
    if (rows_[r].wants_logits) picked.push_back(r);
    if (picked.empty() || (r + 1 < n_rows() && picked.size() < at_.n_logits)) continue;
    const Vec out{logits, s_.n_vocab};
    const CpuLinear* one = &w;
    products(in, {&one, 1}, &out, Then::logits, nullptr, picked);
    for (size_t i = 0; i < picked.size() && ok(); ++i)
      status_ = (*sink_)(rows_[picked[i]].index, {logits + i * s_.n_vocab, s_.n_vocab});
    picked.clear();
  }
}

}  // namespace bw::engine
