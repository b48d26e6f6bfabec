// Weights as the Cpu op multiplies them: packed panels in one arena, norms and biases widened to f32 beside
// them. In: a gguf::File. Out: PackedModel, the Model every Context of this file shares.
#pragma once
#include <mutex>
#include <string>

#include "base/arena.h"
#include "base/thread_pool.h"
#include "engine/engine.h"
#include "engine/plan.h"
#include "kernels/kernels.h"
#include "model/driver.h"

namespace bw::engine {

struct CpuNorm {
  std::string site;
  const float* w = nullptr;  // [n_embd], of q and k [head_dim]; nullptr: the architecture has none
};
struct CpuLinear {
  std::string site;
  kernels::Packed w;
  const float* bias = nullptr;  // [n_out] or nullptr
  quant::Family family = quant::Family::f;
};
using CpuWeights = model::Weights<CpuNorm, CpuLinear, CpuLinear>;

class PackedModel : public Model {
 public:
  PackedModel(model::Spec s, Layout l, const kernels::Table* t, std::unique_ptr<ThreadPool> p)
      : spec_(std::move(s)), layout(std::move(l)), table(t), pool(std::move(p)) {}
  const model::Spec& spec() const override { return spec_; }
  std::string_view isa() const override { return table->name; }
  int n_threads() const override { return pool->size(); }
  uint64_t weight_bytes() const override { return arena.size(); }

 private:
  const model::Spec spec_;

 public:
  const Layout layout;  // its TensorInfo pointers are not followed after load()
  const kernels::Table* const table;
  const std::unique_ptr<ThreadPool> pool;
  std::recursive_mutex running;  // one forward() at a time; a sink may run another context of this model
  Arena arena;
  CpuWeights weights;
};

}  // namespace bw::engine
