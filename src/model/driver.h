// Drivers: the loops the layer function has none of. Resident: all weights at hand, steps outside, layers
// inside. In: an Op holding the rows of one pass, weights in its form. Out: rows pushed through, logits by
// op.head().
#pragma once
#include <string>
#include <vector>

#include "base/result.h"
#include "model/layer.h"

namespace bw::model {

template <class N, class L, class E>
struct Weights {
  E token_embd;  // rows for the lookup
  std::vector<Layer<N, L>> layers;
  N output_norm;
  L output;
};

// One pass. `stage(name, x)` is told the residual after the embedding and after every layer (for digests).
//   op.embed(E)    -> X     embedding rows of this pass's tokens
//   op.kv(l)       -> Kv&   layer l's cache
//   op.head(x, N, L)        final norm, logits of the rows that want them, to their sink
//   op.status()             the first error, by the graph's order
template <class Op, class N, class L, class E, class Stage>
Status resident(Op& op, const Weights<N, L, E>& w, Stage&& stage) {
  typename Op::X x = op.embed(w.token_embd);
  BW_CHECK(op.status());
  stage("embd", x);
  for (size_t l = 0; l < w.layers.size(); ++l) {
    layer(op, w.layers[l], op.kv(l), x, l + 1 == w.layers.size());
    BW_CHECK(op.status());
    stage("layer" + std::to_string(l), x);
  }
  op.head(x, w.output_norm, w.output);
  return op.status();
}

}  // namespace bw::model
