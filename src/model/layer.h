// The forward pass, once: a layer is a function of (residual, weights, KV) over a vocabulary of operations.
// In: an Op (Cpu, Scalar, Plan, ...), a layer's weights in that Op's form. Out: the residual after the layer.
// docs/bn1.md section 6 is this graph; docs of each operation stand at the Op. Loops over layers:
// model/driver.h.
#pragma once
#include <cstdint>

#include "model/spec.h"

namespace bw::model {

// Weights of one layer in an Op's form: N a norm's, L a linear's (with its bias and the name of its site).
template <class N, class L>
struct Layer {
  N attn_norm;
  L q, k, v;
  N q_norm, k_norm;  // absent where the Spec has no qk_norm
  L o;
  N post_attn_norm;  // these two are absent where it has no post_norms
  N ffn_norm;
  L gate, up, down;
  N post_ffn_norm;
};

// What an Op offers. x is the residual [rows, n_embd]; a Vec is a result an Op keeps until the next
// operation; an operation that failed makes the following ones do nothing (Op::status() tells the driver).
// clang-format off
//   norm_linear(x, N, L...) -> [Vec...]           linear(rms_norm(x)) + bias for each L; the norm is computed once
//   qk_norm_rope_store(q, k, v, Nq, Nk, Lk, kv)   q and k norm by head where present, RoPE, then K and V to the cache
//   keep_wanted(x, q)                             rows whose logits nobody wants end here: of x and q the others stay
//   attend(q, kv) -> Vec                          softmax(q K^T) V over the stored positions, a local layer's window
//   norm_glu(x, N, gate, up, down) -> Vec         act(gate(rms_norm(x))) * up(rms_norm(x)), in down's form
//   add_linear(x, Vec, L, N)                      x = x + linear(Vec), or x + rms_norm(linear(Vec)) where N is present
// clang-format on
// last: the layer after which the head reads x.
template <class Op, class N, class L>
void layer(Op& op, const Layer<N, L>& w, typename Op::Kv& kv, typename Op::X x, bool last) {
  auto [q, k, v] = op.norm_linear(x, w.attn_norm, w.q, w.k, w.v);
  op.qk_norm_rope_store(q, k, v, w.q_norm, w.k_norm, w.k, kv);
  if (last) op.keep_wanted(x, q);
  op.add_linear(x, op.attend(q, kv), w.o, w.post_attn_norm);
  op.add_linear(x, op.norm_glu(x, w.ffn_norm, w.gate, w.up, w.down), w.down, w.post_ffn_norm);
}

}  // namespace bw::model
