// The Cpu op: the operations of model/layer.h by the chosen kernel table, split over the thread pool.
// Products are split by panels (never K), attention by (row, KV head); who computes what changes no bit. In:
// the rows of one pass, with their pages. Out: the residual, logits to a sink, or the first fault by graph
// order.
#pragma once
#include <array>
#include <atomic>
#include <span>
#include <string>
#include <vector>

#include "engine/engine.h"
#include "engine/faults.h"
#include "engine/kv.h"
#include "engine/rope_tables.h"
#include "engine/weights.h"

namespace bw::engine {

struct PassRow {
  int seq = 0;
  Token token = 0;
  uint32_t position = 0;
  bool wants_logits = false;
  size_t index = 0;  // in the span given to forward()
};

class Cpu {
 public:
  struct Vec {  // an op's result [rows, width], row-major
    float* data = nullptr;
    uint32_t width = 0;
  };
  // What a product's input rows are made from; formed, tested and quantised where the product begins.
  struct Input {
    // formed: by norm_glu, and already in the form that the product multiplies.
    enum class Kind { normed, glu, as_is, formed } kind = Kind::as_is;
    const float* a = nullptr;  // [rows, width]
    const float* b = nullptr;  // glu: up
    uint32_t width = 0;
    const CpuNorm* norm = nullptr;
  };
  struct Kv {
    uint32_t layer = 0;
  };
  using X = float*;

  // work: WorkLayout's arena.
  Cpu(PackedModel& model, KvCache& cache, const WorkLayout& layout, std::byte* work, const RopeTables& rope,
      std::array<std::vector<float>, 2> resting);  // of rope_tables.h, [Spec::is_local]

  // Begins a pass of at most n_batch rows. `stage` may be empty.
  void begin(std::span<const PassRow> rows, const LogitsSink& sink, const StageSink& stage);

  X embed(const CpuLinear& w);
  template <class... L>
  std::array<Vec, sizeof...(L)> norm_linear(X x, const CpuNorm& n, const L&... w) {
    live_ = 0;
    const std::array<const CpuLinear*, sizeof...(L)> linears{&w...};
    std::array<Vec, sizeof...(L)> out;
    for (size_t i = 0; i < linears.size(); ++i) out[i] = keep(linears[i]->w.n_out);
    products({Input::Kind::normed, x, nullptr, linears[0]->w.k, &n}, linears, out.data(), Then::nothing);
    return out;
  }
  void qk_norm_rope_store(Vec q, Vec k, Vec v, const CpuNorm& q_norm, const CpuNorm& k_norm,
                          const CpuLinear& k_of, Kv& kv);
  void keep_wanted(X x, Vec q);
  Input attend(Vec q, Kv& kv);
  Input norm_glu(X x, const CpuNorm& n, const CpuLinear& gate, const CpuLinear& up, const CpuLinear& down);
  void add_linear(X x, Input in, const CpuLinear& w, const CpuNorm& post);
  void head(X x, const CpuNorm& n, const CpuLinear& w);
  Kv& kv(size_t layer) { return kvs_[layer]; }
  Status status() const { return status_; }

 private:
  struct ActsBuffers {
    float* f32;
    int8_t *q_32, *q_256;
    float *d_32, *d_256;
    int32_t *sums_32, *sums_256;
    kernels::Acts form(quant::Family family, uint32_t n, uint32_t k) const;
  };
  bool ok() const { return static_cast<bool>(status_); }
  size_t n_rows() const { return rows_.size(); }
  Vec keep(uint32_t width);
  ActsBuffers buffers(const ActsAt& at) const;
  // Row `row` of the input, formed, tested, and put as row `to` of `acts`. False: a fault, which is noted.
  bool prepare(const Input& in, size_t row, size_t to, const ActsBuffers& acts, int thread, bool f, bool b32,
               bool b256);
  enum class Then { nothing, add_to_residual, logits };  // logits: tested, then softcapped where declared
  // out[i] = linears[i](in) + bias for the rows `picked` (empty: all of the pass), then what `then` says.
  void products(const Input& in, std::span<const CpuLinear* const> linears, const Vec* out, Then then,
                float* residual = nullptr, std::span<const size_t> picked = {});
  void run_panels(const CpuLinear& w, const ActsBuffers& acts, uint32_t n, Range panels, float* y, Then then,
                  float* residual);
  // act(gate) * up (cpu_glu.cc).
  kernels::Glu activation() const {
    return s_.activation == model::Activation::silu ? kernels::Glu::silu : kernels::Glu::gelu;
  }
  void glu_strip_of(const CpuLinear& gate, const CpuLinear& up, quant::Family down, const ActsBuffers& in,
                    Range rows, uint32_t ld, int thread);
  // Attention (cpu_attend.cc).
  struct Block {  // rows of the pass
    uint32_t row, n;
  };
  void cut_blocks();
  kernels::Attend attend_of(const float* q, float* out, uint32_t layer, Block block, uint32_t head,
                            int thread);
  void attend_blocks(const float* q, float* out, uint32_t layer);
  void attend_chunks(const float* q, float* out, uint32_t layer);
  // f(row) for every row of the pass, on several threads where that is worth it.
  template <class F>
  void each_row(F&& f);
  void softcap(float* x, size_t n) const;
  void rope_store_row(size_t row, Vec q, Vec k, Vec v, const CpuNorm& q_norm, const CpuNorm& k_norm,
                      const float* k_bias, uint32_t layer);
  void note(Fault fault) {
    for (int seen = fault_.load();
         static_cast<int>(fault) < seen && !fault_.compare_exchange_weak(seen, static_cast<int>(fault));) {
    }
  }
  // Ends an operation: turns a noted fault into status_.
  void settle(const std::string& norm_site, const std::string& input_site, uint32_t layer);

  PackedModel& m_;
  const model::Spec& s_;
  const kernels::Table& t_;
  const kernels::KvKernels& kv_;
  ThreadPool& pool_;
  KvCache& cache_;
  const WorkLayout& at_;
  std::byte* const work_;
  const RopeTables rope_;
  const std::array<std::vector<float>, 2> resting_;
  std::vector<Kv> kvs_;

  std::span<const PassRow> rows_;  // those still computed
  std::vector<PassRow> wanted_;
  const LogitsSink* sink_ = nullptr;
  const StageSink* stage_ = nullptr;
  uint64_t live_ = 0;
  Status status_;
  static constexpr int no_fault = 1 << 20;
  std::atomic<int> fault_{no_fault};
  WorkShares shares_;
  std::vector<std::vector<const std::byte*>> chunk_pointers_;  // per thread
  std::vector<Block> blocks_;
  bool split_chunks_ = false;
  std::vector<std::atomic<uint32_t>> left_;  // chunks of a (row, KV head) pair not yet done
};

}  // namespace bw::engine
