// Where things lie in a chunk of the q8 cache (BN1 section 7), the same for every instruction set.
//   keys    [kv_chunk / 16][k_words][16 positions][4 dimensions] bytes: a line is one word of 16 keys, for
//           16 dot products side by side. A byte is k + 128: vpdpbusd's unsigned operand.
//   values  [kv_chunk / 4][v_width][4 positions] bytes, signed: a word is one dimension of 4 positions, so
//   that
//           dimensions stand side by side and integer sums run over positions.
//   scales  f32 [n_groups][kv_chunk], behind either.
#pragma once
#include <cstddef>
#include <cstdint>

#include "kernels/attend.h"

namespace bw::kernels {

inline constexpr uint32_t q8_group = 64;  // dimensions that share a scale; also keys that share one of P.V

struct Q8Chunk {
  uint32_t head_dim;
  constexpr uint32_t n_groups() const { return (head_dim + q8_group - 1) / q8_group; }
  constexpr uint32_t k_words() const { return (head_dim + 3) / 4; }
  constexpr uint32_t v_width() const { return (head_dim + 15) / 16 * 16; }
  constexpr size_t values() const { return size_t(kv_chunk) * v_width(); }  // of keys no more than that
  constexpr size_t n_bytes() const { return values() + size_t(n_groups()) * kv_chunk * sizeof(float); }
  constexpr uint32_t group_width(uint32_t g) const {
    return head_dim - g * q8_group < q8_group ? head_dim - g * q8_group : q8_group;
  }

  constexpr size_t k_at(uint32_t pos, uint32_t dim) const {
    return ((size_t(pos / 16) * k_words() + dim / 4) * 16 + pos % 16) * 4 + dim % 4;
  }
  constexpr size_t v_at(uint32_t pos, uint32_t dim) const {
    return (size_t(pos / 4) * v_width() + dim) * 4 + pos % 4;
  }
  const float* scales(const std::byte* chunk, uint32_t group) const {
    return reinterpret_cast<const float*>(chunk + values()) + size_t(group) * kv_chunk;
  }
  float* scales(std::byte* chunk, uint32_t group) const {
    return reinterpret_cast<float*>(chunk + values()) + size_t(group) * kv_chunk;
  }
  // Values of one rotated block: the largest power of two dividing head_dim; for V at most 64.
  constexpr uint32_t k_block() const { return head_dim & (~head_dim + 1); }
  constexpr uint32_t v_block() const { return k_block() < 64 ? k_block() : 64; }
};

}  // namespace bw::kernels
