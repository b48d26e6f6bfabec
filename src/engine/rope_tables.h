// Cosines and sines of every position a context may hold, one table for layers that see every position and
// one for local layers where the Spec has any. In: a Spec, n_ctx. Out: tables in memory the caller owns
// (plan.h's rope_table_bytes), read by position.
#pragma once
#include <array>
#include <cstdint>
#include <vector>

#include "base/result.h"
#include "engine/weights.h"

namespace bw::engine {

struct RopeTable {
  const float *cos = nullptr, *sin = nullptr;  // [n_ctx, n_rot/2]
};
using RopeTables = std::array<RopeTable, 2>;  // [Spec::is_local]; [1] is empty where no layer is local

// Where they lie in `memory`: of each table all cosines, then all sines.
RopeTables rope_tables(const model::Spec& s, uint32_t n_ctx, const float* memory);
// What a Q8 cache takes off a key, as factors of the key's bias [head_dim] (BN1 section 7): the magnitude of
// RoPE in the dimensions it hardly turns, 1 in those it does not turn, 0 elsewhere.
Result<std::vector<float>> resting(const model::Spec& s, bool is_local);
// Computes them there, positions shared among the model's threads.
Status fill_rope_tables(PackedModel& m, uint32_t n_ctx, float* memory);

}  // namespace bw::engine
