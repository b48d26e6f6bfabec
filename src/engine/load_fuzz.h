// What the fuzzer does with one input, and the replay test with each file of fuzz/corpus/load: from a file's
// bytes to logits. Opened, planned, packed and run over two passes, with both caches, on the scalar table and
// on the best one. In: bytes. Out: true where logits came; a crash, a sanitizer's report or a broken promise
// (trap) is the finding. The promises: what runs was planned, to the byte; the two tables give one answer,
// bit for bit, or one and the same error; logits are finite.
#pragma once
#include <bit>
#include <cmath>
#include <string_view>
#include <vector>

#include "engine/engine.h"
#include "gguf/testing.h"
#include "kernels/kernels.h"

namespace bw::engine::testing {

inline void promise(bool kept) {
  if (!kept) __builtin_trap();
}

struct Ran {
  Status status;
  std::vector<uint32_t> bits;  // of all logits
};

inline Ran run_tokens(const std::shared_ptr<Model>& model, const ContextOptions& options,
                      const MemoryPlan& planned) {
  Ran r;
  auto context = make_context(model, options);
  if (!context) return {context.error(), {}};
  promise((*context)->kv_bytes() == planned.kv);
  promise((*context)->work_bytes() == planned.work + planned.tables);
  const auto sequence = (*context)->new_sequence();
  promise(bool(sequence));
  const uint32_t n_vocab = model->spec().n_vocab;
  std::vector<Row> rows;
  for (uint32_t i = 0; i < options.n_ctx; ++i)
    rows.push_back({*sequence, Token(i * 7 % n_vocab), i % 3 != 0});
  r.status = (*context)->forward(rows, [&](size_t, std::span<const float> logits) {
    promise(logits.size() == n_vocab);
    for (const float v : logits) {
      promise(std::isfinite(v));
      r.bits.push_back(std::bit_cast<uint32_t>(v));
    }
    return Status{};
  });
  promise((*context)->length(*sequence) == (r.status ? options.n_ctx : 0));
  return r;
}

inline bool load_one(std::string_view bytes) {
  const gguf::testing::MemoryFile memory(bytes);
  if (!memory.good()) return false;
  const auto file = gguf::open(memory.path());
  if (!file) return false;
  ContextOptions options;
  options.n_ctx = 7;
  options.n_batch = 4;
  const auto bounded = plan(*file, options, 1);
  if (!bounded || bounded->total() > (uint64_t{256} << 20))
    return false;  // a sound file may ask for more than we have
  const auto scalar = load(*file, LoadOptions{1, "scalar", {}});
  const auto best = load(*file, LoadOptions{1, std::string((*kernels::choose())->name), {}});
  promise(bool(scalar) == bool(best));
  if (!scalar) {
    promise(scalar.error().what == best.error().what);
    return false;
  }
  bool all = true;
  for (const KvType kv : kernels::kv_types) {
    options.kv_type = kv;
    const auto planned = plan(*file, options, 1);
    promise(bool(planned));
    promise((*scalar)->weight_bytes() == planned->weights && (*best)->weight_bytes() == planned->weights);
    const Ran a = run_tokens(*scalar, options, *planned), b = run_tokens(*best, options, *planned);
    promise(bool(a.status) == bool(b.status));
    if (!a.status) promise(a.status.error().what == b.status.error().what);
    promise(a.bits == b.bits);
    all = all && a.status;
  }
  return all;
}

}  // namespace bw::engine::testing
