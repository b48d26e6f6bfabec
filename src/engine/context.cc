// A Context: sequences over the KV cache, and forward(), which cuts rows into passes and drives the graph
// through the Cpu op. In: rows. Out: logits to the sink; on any error every sequence is as it was before the
// call.
#include <fmt/format.h>

#include <map>

#include "base/fp_env.h"
#include "engine/cpu.h"
#include "engine/kv.h"
#include "engine/plan.h"
#include "engine/rope_tables.h"
#include "engine/weights.h"

namespace bw::engine {
namespace {

class CpuContext final : public Context {
 public:
  static Result<std::unique_ptr<Context>> make(std::shared_ptr<PackedModel> m, const ContextOptions& o) {
    const model::Spec& s = m->spec();
    BW_TRY(KvCache cache, KvCache::make(s, o.kv_type, n_kv_pages(o), o.n_ctx, o.n_seq));
    const WorkLayout layout = lay_out_work(s, m->layout, o, m->n_threads());
    BW_TRY(Arena work, Arena::make("work buffers", layout.n_bytes));
    BW_TRY(Arena tables, Arena::make("RoPE tables", rope_table_bytes(s, o)));
    BW_CHECK(fill_rope_tables(*m, o.n_ctx, reinterpret_cast<float*>(tables.data())));
    std::array<std::vector<float>, 2> rests;
    for (uint32_t i = 0; i < s.n_rope_tables(); ++i) {
      BW_TRY(rests[i], resting(s, i == 1));
    }
    return std::unique_ptr<Context>(new CpuContext(std::move(m), o, std::move(cache), layout, std::move(work),
                                                   std::move(tables), std::move(rests)));
  }

  Result<int> new_sequence() override { return cache_.new_sequence(); }
  Result<int> fork(int seq, uint32_t n) override { return cache_.fork(seq, n); }
  void truncate(int seq, uint32_t n) override { cache_.truncate(seq, n); }
  void drop(int seq) override { cache_.drop(seq); }
  uint32_t length(int seq) const override { return cache_.length(seq); }
  void on_stage(StageSink sink) override { stage_ = std::move(sink); }
  uint64_t kv_bytes() const override { return cache_.n_bytes(); }
  uint64_t work_bytes() const override { return work_.size() + tables_.size(); }
  uint64_t n_pages() const override { return cache_.n_pages(); }
  uint64_t free_pages() const override { return cache_.free_pages(); }
  std::span<const uint32_t> pages(int seq) const override {
    return cache_.alive(seq) ? cache_.pages(seq) : std::span<const uint32_t>{};
  }
  void hold_page(uint32_t page) override { cache_.hold(page); }
  void release_page(uint32_t page) override { cache_.release(page); }
  uint32_t page_holders(uint32_t page) const override { return cache_.holders(page); }
  Result<int> adopt(std::span<const uint32_t> pages, uint32_t n) override { return cache_.adopt(pages, n); }
  void replace_page(int seq, size_t i, uint32_t page) override { cache_.replace(seq, i, page); }

  Status forward(std::span<const Row> rows, const LogitsSink& sink) override {
    if (running_) return bad_input("forward() was called from its own sink", "use another context there");
    std::map<int, uint32_t> before;  // lengths
    std::vector<KvCache::Growth> growth;
    for (const Row& r : rows) {
      if (!cache_.alive(r.seq)) return bad_input(fmt::format("sequence {} is not alive", r.seq));
      if (r.token < 0 || static_cast<uint32_t>(r.token) >= model_->spec().n_vocab)
        return bad_input(
            fmt::format("token {}: expected an id from 0 to {}", r.token, model_->spec().n_vocab - 1));
      if (r.wants_logits && !sink) return bad_input("logits are wanted but there is no sink for them");
      before.try_emplace(r.seq, cache_.length(r.seq));
    }
    for (const auto& [seq, length] : before) {
      uint32_t n = 0;
      for (const Row& r : rows) n += r.seq == seq;
      growth.push_back({seq, n});
    }
    BW_CHECK(cache_.grow(growth));
    std::map<int, uint32_t> next = before;
    Status result;
    running_ = true;
    for (size_t at = 0; at < rows.size() && result; at += options_.n_batch)
      result = pass(rows, at, std::min(rows.size(), at + options_.n_batch), next, sink);
    running_ = false;
    if (!result)
      for (const auto& [seq, length] : before) cache_.truncate(seq, length);
    return result;
  }

 private:
  CpuContext(std::shared_ptr<PackedModel> m, const ContextOptions& o, KvCache cache, WorkLayout layout,
             Arena work, Arena tables, std::array<std::vector<float>, 2> rests)
      : model_(std::move(m)),
        options_(o),
        cache_(std::move(cache)),
        layout_(std::move(layout)),
        work_(std::move(work)),
        tables_(std::move(tables)),
        op_(*model_, cache_, layout_, work_.data(),
            rope_tables(model_->spec(), o.n_ctx, reinterpret_cast<const float*>(tables_.data())),
            std::move(rests)) {}

  Status pass(std::span<const Row> rows, size_t begin, size_t end, std::map<int, uint32_t>& next,
              const LogitsSink& sink) {
    pass_rows_.clear();
    for (size_t i = begin; i < end; ++i)
      pass_rows_.push_back({rows[i].seq, rows[i].token, next.at(rows[i].seq)++, rows[i].wants_logits, i});
    const FpEnv env;
    const std::lock_guard lock(model_->running);
    op_.begin(pass_rows_, sink, stage_);
    const size_t n_x = pass_rows_.size() * model_->spec().n_embd;
    BW_CHECK(model::resident(op_, model_->weights, [&](const std::string& name, const float* x) {
      if (stage_) stage_(name, {x, n_x});
    }));
    if (!model_->pool->fp_env_held() || !fp_env_is_bn1())
      return failed("a thread's floating-point control register was changed while it computed",
                    "a library loaded into this process does that; the results of this call are not BN1's");
    return {};
  }

  const std::shared_ptr<PackedModel> model_;
  const ContextOptions options_;
  KvCache cache_;
  const WorkLayout layout_;
  Arena work_, tables_;
  Cpu op_;
  StageSink stage_;
  std::vector<PassRow> pass_rows_;
  bool running_ = false;
};

}  // namespace

Result<std::unique_ptr<Context>> make_context(std::shared_ptr<Model> model, const ContextOptions& options) {
  BW_CHECK(check(options));
  auto packed = std::dynamic_pointer_cast<PackedModel>(std::move(model));
  if (!packed) return bad_input("make_context: expected a model that engine::load() gave");
  return CpuContext::make(std::move(packed), options);
}

}  // namespace bw::engine
