#include "engine/rope_tables.h"

#include <vector>

#include "base/fp_env.h"
#include "model/rope.h"

namespace bw::engine {

RopeTables rope_tables(const model::Spec& s, uint32_t n_ctx, const float* memory) {
  const uint64_t half = uint64_t{n_ctx} * (s.n_rot / 2);
  RopeTables t;
  for (uint32_t i = 0; i < s.n_rope_tables(); ++i)
    t[i] = {memory + i * 2 * half, memory + (i * 2 + 1) * half};
  return t;
}

Status fill_rope_tables(PackedModel& m, uint32_t n_ctx, float* memory) {
  const model::Spec& s = m.spec();
  const uint64_t half = s.n_rot / 2;
  for (uint32_t i = 0; i < s.n_rope_tables(); ++i) {
    BW_TRY(const model::RopeFrequencies f, model::rope_frequencies(i == 0 ? s.rope : s.rope_local, s.n_rot));
    float* const cos = memory + i * 2 * n_ctx * half;
    float* const sin = cos + n_ctx * half;
    std::vector<Status> failed(static_cast<size_t>(m.n_threads()));
    const FpEnv env;
    const std::lock_guard lock(m.running);
    m.pool->run([&](int thread) {
      const Range mine = share(n_ctx, thread, m.n_threads());
      Status& status = failed[static_cast<size_t>(thread)];
      for (uint64_t p = mine.begin; p < mine.end && status; ++p)
        status = model::rope_row(f, static_cast<uint32_t>(p), cos + p * half, sin + p * half);
    });
    for (const Status& status : failed) BW_CHECK(status);
  }
  return {};
}

}  // namespace bw::engine
