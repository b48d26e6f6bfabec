// The Plan op: walks the one graph with sizes instead of numbers, and says where every weight and buffer
// goes. In: a file's tensor table. Out: Layout, which load.cc packs by and context.cc allocates by, so that
// what is planned cannot drift from what runs.
#pragma once
#include <algorithm>
#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "engine/engine.h"
#include "model/tensors.h"

namespace bw::engine {

// Where things lie in an arena; every part starts at a multiple of 64 bytes.
inline uint64_t aligned(uint64_t n_bytes) {
  return (n_bytes + 63) & ~uint64_t{63};
}

// Weights in the order the graph meets them, which is the order decoding streams them.
struct Placement {
  const gguf::TensorInfo* tensor = nullptr;
  const quant::TypeInfo* type = nullptr;
  bool packed = false;  // R16K4 panels; otherwise one row widened to f32 (norms, biases)
  uint64_t at = 0;      // in the weight arena
  uint64_t n_bytes = 0;
};

struct Layout {
  std::vector<Placement> weights;
  std::unordered_map<const gguf::TensorInfo*, uint64_t> at;
  uint64_t weight_bytes = 0;
  // Products of one token, with its head.
  uint64_t macs_per_token = 0, bytes_read_per_token = 0;
  // Widest input of a product by the form its weights multiply; 0: no such weights.
  struct Forms {
    uint32_t f = 0, b32 = 0, b256 = 0;
    uint32_t& of(quant::Family family) {
      return family == quant::Family::f ? f : family == quant::Family::b32 ? b32 : b256;
    }
  };
  Forms all, glu;           // of all products; of those that multiply act(gate) * up
  uint32_t k_most = 0;      // of all
  uint64_t live_width = 0;  // widest set of op results alive together, values a row; gate and up are apart
  uint32_t glu_width = 0;   // rows of gate, and of up
};
Layout lay_out(const model::Spec& spec, const model::TensorTable& tensors);

// Decoding rows are so few that every thread prepares them for itself, which saves a barrier.
inline constexpr uint32_t redundant_rows = 4;

// Attention gives every thread a few tasks: fewer (row, KV head) pairs than that are cut by chunks too.
inline constexpr uint64_t tasks_a_thread = 4;
inline uint64_t split_pairs(int n_threads) {
  return tasks_a_thread * static_cast<uint64_t>(n_threads);
}

// Byte offsets of a Context's buffers in its work arena. Shapes: n = n_batch rows, row-major.
struct ActsAt {  // one set of quantised activations, for n rows
  uint64_t f32, q_32, d_32, sums_32, q_256, d_256, sums_256;
};
// gate and up of many rows are multiplied strip by strip, so that what they give stays in the second cache
// until it is formed: at most this many of their rows, and this many bytes of both.
inline constexpr uint32_t glu_strip_rows = 512;
inline constexpr uint64_t glu_strip_bytes = uint64_t{1} << 20;
inline constexpr uint32_t glu_unit = 256;  // rows a strip is a multiple of: a whole block of any form
// Of a pass of n rows.
inline uint32_t glu_strip(uint64_t n) {
  const uint64_t fit = glu_strip_bytes / (2 * sizeof(float) * n) / glu_unit * glu_unit;
  return static_cast<uint32_t>(std::clamp<uint64_t>(fit, glu_unit, glu_strip_rows));
}

struct WorkLayout {
  uint32_t n_batch = 0, n_logits = 0;
  uint64_t x = 0;                 // residual [n, n_embd]
  uint64_t y = 0;                 // a product to be added to x, or normed rows [n, n_embd]
  uint64_t live = 0;              // op results [n, live_width]
  uint64_t logits = 0;            // [n_logits, n_vocab]
  ActsAt shared{}, glu{};         // of the rows of a pass: of any product, of act(gate) * up
  uint64_t pair = 0;              // gate and up of few rows [2, redundant_rows, glu_width]
  std::vector<uint64_t> strip;    // per thread: gate and up of many rows [2, n, glu_strip(n)]
  std::vector<ActsAt> own;        // per thread, redundant_rows rows
  std::vector<uint64_t> scratch;  // per thread: row [k_most] f32, then attention's
  // Attention cut by chunks: parts_a_pair parts of kernels/attend.h for each (row, KV head) pair.
  uint64_t parts = 0, parts_a_pair = 0;
  uint64_t n_bytes = 0;
};
// options are valid (context.cc checks them).
WorkLayout lay_out_work(const model::Spec& spec, const Layout& layout, const ContextOptions& options,
                        int n_threads);

// Error (bad_input) naming the option out of range.
Status check(const ContextOptions& options);
// One page: kv_chunk positions, all layers, keys and values.
uint64_t kv_page_bytes(const model::Spec& spec, KvType type);
uint64_t n_kv_pages(const ContextOptions& options);
uint64_t rope_table_bytes(const model::Spec& spec, const ContextOptions& options);

}  // namespace bw::engine
