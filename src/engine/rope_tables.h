// Cosines and sines of every position a context may hold, one table for layers that see every position and
// one for local layers where the Spec has any. In: a Spec, n_ctx. Out: tables in memory the caller owns
// (plan.h's rope_table_bytes), read by position.
#pragma once
#include <array>
#include <cstdint>

#include "base/result.h"
#include "engine/weights.h"

namespace bw::engine {

struct RopeTable {
  const float *cos = nullptr, *sin = nullptr;  // [n_ctx, n_rot/2]
};
using RopeTables = std::array<RopeTable, 2>;  // [Spec::is_local]; [1] is empty where no layer is local

// Where they lie in `memory`: of each table all cosines, then all sines.
RopeTables rope_tables(const model::Spec& s, uint32_t n_ctx, const float* memory);
// Computes them there, positions shared among the model's threads.
Status fill_rope_tables(PackedModel& m, uint32_t n_ctx, float* memory);

}  // namespace bw::engine
