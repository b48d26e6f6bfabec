// Loading: bands of rows are read by pread, packed into panels at the place the plan gave them, and forgotten
// by the page cache, so that the peak is about the file's size. No mmap: its pages would be counted twice
// while packing.
#include <fmt/format.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif

#include <atomic>
#include <cmath>

#include "engine/weights.h"

namespace bw::engine {
namespace {

constexpr uint64_t band_bytes = 512 << 10;  // of file read at once by a thread; measured flat from 256 KiB on

// A run of panels of one tensor, small enough for one read.
struct Band {
  const Placement* p;
  uint64_t row, n_rows;
  uint64_t row_bytes() const { return quant::row_bytes(*p->type, p->tensor->ne[0]); }
};

std::vector<Band> bands(const Layout& layout) {
  std::vector<Band> all;
  for (const Placement& p : layout.weights) {
    const uint64_t row_bytes = quant::row_bytes(*p.type, p.tensor->ne[0]), rows = p.tensor->n_rows();
    const uint64_t panels = std::max<uint64_t>(1, band_bytes / (row_bytes * kernels::panel_rows));
    for (uint64_t r = 0; r < rows; r += panels * kernels::panel_rows)
      all.push_back({&p, r, std::min(panels * kernels::panel_rows, rows - r)});
  }
  return all;
}

Status load_band(const gguf::File& file, const Band& b, std::byte* buffer, std::byte* arena) {
  const gguf::TensorInfo& t = *b.p->tensor;
  const uint64_t bytes = b.row_bytes();
  const auto k = static_cast<uint32_t>(t.ne[0]);
  const auto named = [&](uint64_t row, Error e) {
    e.what = fmt::format("{}: {}: rows from {}: {}", file.path, t.name, row, e.what);
    return e;
  };
  BW_CHECK(file.read(t, b.row * bytes, {buffer, b.n_rows * bytes}));
  file.shards[t.shard].forget(t.offset + b.row * bytes, b.n_rows * bytes);
  if (!b.p->packed) {
    auto* out = reinterpret_cast<float*>(arena + b.p->at) + b.row * k;
    b.p->type->decode(buffer, b.n_rows * k, out);
    for (uint64_t i = 0; i < b.n_rows * k; ++i)
      if (!std::isfinite(out[i])) return named(b.row, bad_input(fmt::format("value {} is not finite", i)));
    return {};
  }
  const uint64_t panel = kernels::panel_bytes(b.p->type->type, k);
  for (uint64_t r = 0; r < b.n_rows; r += kernels::panel_rows) {
    const auto n = static_cast<uint32_t>(std::min<uint64_t>(kernels::panel_rows, b.n_rows - r));
    std::byte* dst = arena + b.p->at + (b.row + r) / kernels::panel_rows * panel;
    if (Status s = kernels::pack_panel(b.p->type->type, buffer + r * bytes, n, k, dst); !s)
      return named(b.row + r, s.error());
  }
  return {};
}

Status load_all(const gguf::File& file, PackedModel& m, const LoadOptions& options) {
  const std::vector<Band> all = bands(m.layout);
  uint64_t total = 0, largest = 0;
  for (const Band& b : all) {
    total += b.n_rows * b.row_bytes();
    largest = std::max(largest, b.n_rows * b.row_bytes());
  }
#ifdef __GLIBC__
  // Holes that reading the header left would stay beside the weights: 2 MiB at 150,000 tokens.
  ::malloc_trim(0);
#endif
  // Not from the heap, which would keep them: what stays after loading is the plan.
  std::vector<Arena> buffers;
  for (int t = 0; t < m.n_threads(); ++t) {
    BW_TRY(Arena one, Arena::make("read buffer", largest));
    buffers.push_back(std::move(one));
  }
  std::atomic<size_t> next{0}, failed_at{all.size()};
  std::atomic<uint64_t> done{0};
  std::vector<Status> result(all.size());
  m.pool->run([&](int thread) {
    std::byte* buffer = buffers[static_cast<size_t>(thread)].data();
    for (size_t i; (i = next.fetch_add(1)) < all.size() && i < failed_at.load();) {
      result[i] = load_band(file, all[i], buffer, m.arena.data());
      if (!result[i]) {
        for (size_t seen = failed_at.load(); i < seen && !failed_at.compare_exchange_weak(seen, i);) {
        }
      }
      const uint64_t so_far =
          done.fetch_add(all[i].n_rows * all[i].row_bytes()) + all[i].n_rows * all[i].row_bytes();
      if (thread == 0 && options.progress) options.progress(so_far, total);
    }
  });
  if (const size_t i = failed_at.load(); i < all.size()) return result[i].error();  // the first in file order
  if (options.progress) options.progress(total, total);
  return {};
}

CpuWeights in_arena(const model::TensorTable& t, const Layout& l, const std::byte* arena) {
  const auto floats = [&](const gguf::TensorInfo* w) {
    return w ? reinterpret_cast<const float*>(arena + l.at.at(w)) : nullptr;
  };
  const auto norm = [&](const model::NormRef& n) { return CpuNorm{n.site, floats(n.weight)}; };
  const auto linear = [&](const model::LinearRef& w) {
    return CpuLinear{
        w.site, {w.type->type, w.n_out(), w.k(), arena + l.at.at(w.weight)}, floats(w.bias), w.type->family};
  };
  CpuWeights out{linear(t.token_embd), {}, norm(t.output_norm), linear(t.output)};
  for (const auto& w : t.layers)
    out.layers.push_back({norm(w.attn_norm), linear(w.q), linear(w.k), linear(w.v), norm(w.q_norm),
                          norm(w.k_norm), linear(w.o), norm(w.post_attn_norm), norm(w.ffn_norm),
                          linear(w.gate), linear(w.up), linear(w.down), norm(w.post_ffn_norm)});
  return out;
}

}  // namespace

Result<std::shared_ptr<Model>> load(const gguf::File& file, const LoadOptions& options) {
  BW_TRY(const kernels::Table* table, kernels::choose(options.isa));
  BW_TRY(model::Spec spec, model::spec(file));
  BW_TRY(const model::TensorTable tensors, model::tensors(file, spec));
  BW_TRY(std::unique_ptr<ThreadPool> pool, ThreadPool::make(options.n_threads));
  Layout layout = lay_out(spec, tensors);
  auto m = std::make_shared<PackedModel>(std::move(spec), std::move(layout), table, std::move(pool));
  BW_TRY(m->arena, Arena::make("weights", m->layout.weight_bytes, m->pool.get()));
  BW_CHECK(load_all(file, *m, options));
  m->weights = in_arena(tensors, m->layout, m->arena.data());
  return std::shared_ptr<Model>(std::move(m));
}

}  // namespace bw::engine
