// Attention over the KV cache (BN1 section 7): the chunks a cache is made of, and the functions that write
// and read them, one set a cache type. In: query rows after RoPE and the chunks of their KV head. Out:
// exactly the bits of docs/bn1.md, whoever split the rows and the chunks over threads, and however.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace bw::kernels {

inline constexpr uint32_t kv_chunk = 256;  // positions in a chunk

enum class KvType { f16, q8 };
inline constexpr KvType kv_types[] = {KvType::f16, KvType::q8};
constexpr std::string_view name(KvType t) {
  return t == KvType::f16 ? "f16" : "q8";
}

// Largest head_dim of a q8 cache: a head is rotated in a buffer on the stack.
inline constexpr uint32_t q8_head_dim_most = 1024;

// A chunk holds the keys, or the values, of one KV head at kv_chunk positions; chunk c of a sequence starts
// at position kv_chunk * c. Only the functions below read or write inside; whoever copies part of a page
// copies whole chunks. Bytes of one chunk, of keys or of values; a multiple of 64, which is also its
// alignment.
//   f16  keys [kv_chunk / 16][head_dim][16], 16 positions interleaved so that 16 dot products run side by
//        side; values [kv_chunk][head_dim]
//   q8   kv_q8.h
size_t kv_chunk_bytes(KvType type, uint32_t head_dim);

// The attention of n_rows rows at consecutive positions of one sequence, for the n_rep query heads that share
// one KV head.
struct Attend {
  const float* q = nullptr;  // row r: [n_rep, head_dim] at q + r * ld, after RoPE
  float* out = nullptr;      // row r: [n_rep, head_dim] at out + r * ld
  size_t ld = 0;             // floats
  uint32_t n_rows = 1;       // at most attend_rows(n_rep)
  uint32_t n_rep = 1, head_dim = 0;
  const std::byte* const* k_chunks = nullptr;  // by chunk of the sequence
  const std::byte* const* v_chunks = nullptr;
  uint32_t n_valid = 0;         // keys of row 0 end here (its own position + 1), row r's at n_valid + r
  uint32_t window = no_window;  // a row attends the last `window` of its keys; masked ones may hold anything,
  float scale = 0;              // and chunks without a valid key are not read
  float* scratch = nullptr;     // attend_scratch(n_rep, head_dim) floats, 64-byte aligned

  static constexpr uint32_t no_window = UINT32_MAX;
  uint32_t end(uint32_t row) const { return n_valid + row; }
  uint32_t first(uint32_t row) const { return end(row) > window ? end(row) - window : 0; }
};
// Rows worth giving at once: a chunk is widened once for all of them.
constexpr uint32_t attend_rows(uint32_t n_rep) {
  return n_rep > 8 ? 32 : 64;
}
size_t attend_scratch(uint32_t n_rep, uint32_t head_dim);  // floats, for attend_rows rows
inline constexpr uint32_t attend_tile_most = 16;  // query rows any table takes through a chunk together
// Floats of one chunk's part: for each of the n_rep heads o [head_dim, rounded up to 16], m, l, 14 unused.
size_t attend_part(uint32_t n_rep, uint32_t head_dim);

struct KvKernels {
  // The row x [head_dim] of position `pos` (0 .. kv_chunk-1, within the chunk) into the chunk. False when a
  // value is not finite for this cache (f16: |x| >= 65520; q8: after the rotation); the position then may
  // hold anything.
  bool (*store_k)(const float* x, uint32_t head_dim, uint32_t pos, std::byte* chunk);
  bool (*store_v)(const float* x, uint32_t head_dim, uint32_t pos, std::byte* chunk);
  // All chunks of every row. False when a score (q8: or a rotated query) is not finite; out is then
  // unspecified.
  bool (*attend)(const Attend& a);
  // The same for one row (n_rows = 1), cut between threads: chunks chunk0 .. chunk1-1, each into its part at
  // parts + (c - chunk0) * attend_part. `out` is not touched.
  bool (*attend_parts)(const Attend& a, uint32_t chunk0, uint32_t chunk1, float* parts);
  // Parts of all chunks from the first with a valid key on, in ascending order -> out.
  void (*merge_parts)(const Attend& a, const float* parts);
};

}  // namespace bw::kernels
