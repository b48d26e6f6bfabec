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

Result<std::vector<float>> resting(const model::Spec& s, bool is_local) {
  BW_TRY(const model::RopeFrequencies f, model::rope_frequencies(is_local ? s.rope_local : s.rope, s.n_rot));
  std::vector<float> factors(s.head_dim, 1.0f);
  const uint32_t half = s.n_rot / 2;
  const bool neox = s.rope_pairs == model::RopePairs::neox;
  for (uint32_t i = 0; i < half; ++i) {
    const bool rests = f.inv[i] < 0x1p-14;  // a radian in 2^14 positions
    factors[neox ? i : 2 * i] = factors[neox ? i + half : 2 * i + 1] = rests ? float(f.magnitude) : 0.0f;
  }
  return factors;
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
