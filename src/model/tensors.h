// Where each weight of the graph lies in a file: one table of tensor names, used to check, plan and load.
// In: gguf::File and its Spec. Out: TensorTable, pointers into the File, shapes and block types checked.
#pragma once
#include <string>
#include <vector>

#include "gguf/file.h"
#include "model/driver.h"
#include "model/spec.h"

namespace bw::model {

// A linear as the file holds it. `site` names it in errors and reports: "blk.3.attn_q".
struct LinearRef {
  std::string site;
  const gguf::TensorInfo* weight = nullptr;  // ne = [k, n_out]
  const gguf::TensorInfo* bias = nullptr;    // [n_out], float type; nullptr: none
  const quant::TypeInfo* type = nullptr;     // of weight
  uint32_t k() const { return static_cast<uint32_t>(weight->ne[0]); }
  uint32_t n_out() const { return static_cast<uint32_t>(weight->ne[1]); }
};
struct NormRef {
  std::string site;
  const gguf::TensorInfo* weight =
      nullptr;  // [n_embd], of q and k [head_dim]; float type; nullptr: the architecture has none
};

// token_embd: rows are looked up; with tied output it is the head's linear as well, `output` then names its
// weight.
using TensorTable = Weights<NormRef, LinearRef, LinearRef>;

// Error (unsupported) naming tensor and type for a block type not computed here. The File must outlive the
// table.
Result<TensorTable> tensors(const gguf::File& file, const Spec& spec);

// Used by spec(): every tensor of the graph is there with the right shape, and no tensor is beside the graph.
Status check_tensors(const gguf::File& file, const Spec& spec);

}  // namespace bw::model
