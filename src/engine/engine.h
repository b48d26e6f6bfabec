// The engine as the layers above see it: load a file, keep sequences, push rows, get logits. BN1
// (docs/bn1.md) defines every bit: the answer does not depend on threads, batch, neighbours, prefix sharing
// or instruction set. In: a gguf::File, token rows. Out: logits [n_vocab] per wanted row, in order.
#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "gguf/file.h"
#include "kernels/attend.h"
#include "model/spec.h"
#include "text/tokenizer.h"

namespace bw::engine {

using kernels::KvType;
using text::Token;

struct LoadOptions {
  int n_threads = 0;  // 0: every processor this process may use
  std::string isa;    // "" = BITWORTH_ISA or the best the machine has; an absent one is an error
  std::function<void(uint64_t done, uint64_t total)> progress;  // bytes; may be empty
};

// Weights, packed for the chosen kernels, and the thread pool that runs them.
class Model {
 public:
  virtual ~Model() = default;
  virtual const model::Spec& spec() const = 0;
  virtual std::string_view isa() const = 0;  // of the kernel table in use
  virtual int n_threads() const = 0;
  virtual uint64_t weight_bytes() const = 0;  // resident bytes of the packed weights
};
Result<std::shared_ptr<Model>> load(const gguf::File& file, const LoadOptions& options);

struct ContextOptions {
  uint32_t n_ctx = 4096;   // most positions a sequence may hold
  uint32_t n_seq = 1;      // sequences alive at once
  uint32_t n_batch = 256;  // rows per pass of the graph; changes no bit
  uint32_t n_logits =
      16;  // rows of logits held at once, a pass over the head each; at most n_batch; changes no bit
  // KV positions in all sequences together (pages are shared between forks). 0: n_ctx * n_seq.
  uint64_t n_kv = 0;
  KvType kv_type = KvType::f16;  // of the cache; changes bits (BN1 section 7)
};

struct Row {
  int seq = 0;
  Token token = 0;
  bool wants_logits = false;
};
// Called in row order: `row` indexes the span given to forward(); logits [n_vocab] live for the call only. An
// error ends the forward(). A sink may use another Context, of this Model too, but not its own.
using LogitsSink = std::function<Status(size_t row, std::span<const float> logits)>;
// Stages of the graph, for digests: "embd", "layer0", ..., "norm"; x [n_rows, n_embd].
using StageSink = std::function<void(std::string_view stage, std::span<const float> x)>;

// Positions of a KV page, which is a chunk of attention (BN1 section 7).
inline constexpr uint32_t page_positions = 256;

class Context {
 public:
  virtual ~Context() = default;
  virtual Result<int> new_sequence() = 0;             // Error when n_seq are alive
  virtual Result<int> fork(int seq, uint32_t n) = 0;  // a new sequence holding the first n positions of seq
  virtual void truncate(int seq, uint32_t n) = 0;     // forgets positions from n on
  virtual void drop(int seq) = 0;
  virtual uint32_t length(int seq) const = 0;  // positions held
  // Appends each row's token to its sequence, at the next position, in order. Rows of several sequences may
  // mix. On any error every sequence is as it was before the call: a full context, an id outside the
  // vocabulary, no KV pages left (refused before any work), a value that is not finite (named by layer and
  // site), the sink's own. Contexts of one Model take turns.
  virtual Status forward(std::span<const Row> rows, const LogitsSink& sink) = 0;
  virtual void on_stage(StageSink sink) = 0;
  virtual uint64_t kv_bytes() const = 0;    // allocated for the cache
  virtual uint64_t work_bytes() const = 0;  // buffers of a pass

  // Pages, for whoever keeps prefixes beyond the sequences that wrote them (scheduler.h). A sequence's page i
  // holds its positions from page_positions * i on. A page is free when no sequence contains it and nobody
  // holds it; a sequence copies a page with other holders before it writes to it.
  virtual uint64_t n_pages() const = 0;
  virtual uint64_t free_pages() const = 0;
  virtual std::span<const uint32_t> pages(int seq) const = 0;  // until the next call that changes seq
  virtual void hold_page(uint32_t page) = 0;                   // of a sequence that is alive
  virtual void release_page(uint32_t page) = 0;                // undoes one hold_page()
  virtual uint32_t page_holders(uint32_t page) const = 0;      // sequences and holds
  // A new sequence of the first n positions of pages that are not free. Error as for new_sequence().
  virtual Result<int> adopt(std::span<const uint32_t> pages, uint32_t n) = 0;
  // Page i of seq becomes `page`, which must hold the same tokens at the same positions (then BN1 makes the
  // bits equal), so that they are kept once.
  virtual void replace_page(int seq, size_t i, uint32_t page) = 0;
};
Result<std::unique_ptr<Context>> make_context(std::shared_ptr<Model> model, const ContextOptions& options);

// Exact bytes the two calls above will hold, from the Plan op over the same graph; nothing is loaded.
struct MemoryPlan {
  uint64_t weights = 0, kv = 0, work = 0, tables = 0;
  uint64_t total() const { return weights + kv + work + tables; }
  uint64_t macs_per_token = 0;        // multiply-adds of the products, one token, without attention
  uint64_t bytes_read_per_token = 0;  // weight bytes a decode step reads
};
Result<MemoryPlan> plan(const gguf::File& file, const ContextOptions& options, int n_threads);

}  // namespace bw::engine
