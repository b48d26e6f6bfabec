// For tests: one tiny file for each thing an architecture may declare, random weights from a fixed generator.
// In: a folder. Out: GGUF files written by our own writer, the same bytes on every machine; what another
// program makes of them lies in data/vectors/architectures.
#pragma once
#include <ostream>
#include <string>
#include <vector>

#include "base/result.h"
#include "gguf/file.h"

namespace bw::engine::variants {

inline constexpr uint32_t n_vocab = 96, n_tokens = 300;  // past one attention chunk of 256

struct Variant {
  std::string name, architecture;
  uint32_t n_layer, n_embd, n_ff, n_head, n_head_kv, head_dim;
  bool tied, biases, qk_norm, post_norms, freq_factors;
  std::vector<std::pair<std::string, gguf::Value>>
      keys;  // beyond the sizes, without the architecture's prefix
};
inline void PrintTo(const Variant& v, std::ostream* out) {
  *out << v.name;
}  // for gtest
const std::vector<Variant>& all();

// Writes `v` as folder/NAME.gguf (F32 weights) and returns the path.
Result<std::string> write(const Variant& v, const std::string& folder);
// Ids to run it on, n_tokens of them.
std::vector<int32_t> tokens();

}  // namespace bw::engine::variants
