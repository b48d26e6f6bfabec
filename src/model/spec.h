// What an architecture is: sizes, norms, rope and windows as a file declares them, and where its tensors are.
// In: gguf::File. Out: Spec, validated against the shapes of the tensors present. No loop over layers lives
// here. An architecture = one line in spec.cc: rope pairing, activation, and which parts of the one graph it
// has.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "gguf/file.h"
#include "model/rope.h"

namespace bw::model {

enum class RopePairs { normal /* (2i, 2i+1) */, neox /* (i, i + n_rot/2) */ };
enum class Activation { silu, gelu };

struct Spec {
  std::string architecture;  // "llama", "qwen2", "qwen3", "gemma3"
  uint32_t n_layer = 0, n_embd = 0, n_ff = 0, n_head = 0, n_head_kv = 0, head_dim = 0, n_vocab = 0;
  uint32_t n_ctx_train = 0;
  uint32_t n_rot = 0;
  float rms_eps = 0;
  Rope rope;        // of a layer that sees every position
  Rope rope_local;  // of a layer with a window
  RopePairs rope_pairs = RopePairs::normal;
  Activation activation = Activation::silu;
  bool qk_norm = false;          // RMSNorm over head_dim of every query and key, before RoPE
  bool post_norms = false;       // RMSNorm of what attention and feed-forward add to the residual
  bool scale_embedding = false;  // embedding rows times sqrt(n_embd)
  uint32_t score_width = 0;      // scores are scaled by 1 / sqrt of it: head_dim, mostly
  float final_softcap = 0;       // logits become c * tanh(logit / c); 0: they stay
  uint32_t window = 0;           // positions a local layer's row attends to, its own included
  std::vector<bool> local;       // [n_layer], empty where no layer has a window
  bool tied_output = false;      // no output.weight: the head is token_embd

  bool is_local(uint32_t layer) const { return !local.empty() && local[layer]; }
  // RoPE tables: [0] for layers that see every position, [1] for local ones where there are any.
  uint32_t n_rope_tables() const { return local.empty() ? 1 : 2; }
  uint32_t n_q() const { return n_head * head_dim; }      // width of all query heads
  uint32_t n_kv() const { return n_head_kv * head_dim; }  // width of all key (or value) heads
  uint32_t n_rep() const { return n_head / n_head_kv; }   // query heads that share a key head
  // Bytes of keys and values a position takes in all layers, F16 cache.
  uint64_t kv_bytes_per_position() const { return uint64_t{n_layer} * 2 * n_kv() * 2; }
};

// Error (unsupported) for an architecture not built, listing those that are; Error (bad_input) naming key and
// tensor where sizes disagree, a required tensor is missing, or a tensor the graph does not name is present.
// Block types are not judged here (model/tensors.h does): a file nobody can run yet still has its sizes.
Result<Spec> spec(const gguf::File& file);
// Architectures spec() knows, comma separated.
std::string known_architectures();

}  // namespace bw::model
