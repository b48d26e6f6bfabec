// Layout R16K4 of a packed panel: 16 rows interleaved, so that one 64-byte line is one vector register.
// In: a type and k. Out: where each part of a panel lies. pack.cc writes it, every instruction set reads it.
//
// A line holds one 4-byte word of each of 16 rows: row r has bytes 4r .. 4r+3. "Word w" of a block is its
// values 4w .. 4w+3. Scales and minima stand apart in front, as 16 f16 (32 bytes) a block.
//
//   b32, record of two blocks (the last record of an odd count holds one block after a full header):
//     [16 f16 d of block 0 | 16 f16 d of block 1]                  64 B
//     [16 f16 m of block 0 | 16 f16 m of block 1]                  64 B, Q4_1 and Q5_1 only
//     body of block 0, body of block 1, each:
//       [high line]                                                64 B, Q5_0 and Q5_1 only:
//                      bit w of byte 4r+b = bit 4 of value 4w+b of row r
//       Q4, Q5: 4 lines; low nibbles of line j = word j, high nibbles = word j + 4 (GGUF's own pairing)
//       Q8_0:   8 lines; line w = word w, int8
//   Q4_K, record of one block:
//     [16 f16 d | 16 f16 dmin]                                     64 B
//     3 lines: GGUF's 12 bytes of six-bit scales and minima as three words (scales_mins in quant terms):
//       byte j of line 0: scale j | high bits of scale j+4 << 6; of line 1: min j | high bits of min j+4 <<
//       6; of line 2: low nibble of scale j+4 | low nibble of min j+4 << 4;   j = 0..3
//     32 lines: line 8g+i: low nibbles = word i of sub-block 2g, high nibbles = word i of sub-block 2g+1
//   Q6_K, record of two blocks (odd count as above):
//     [16 f16 d of block 0 | 16 f16 d of block 1]                  64 B
//     body of block 0, body of block 1, each:
//       4 lines: byte b of word r of line t = int8 scale of sub-block 4t+b
//       32 lines of low nibbles and 16 of two-bit highs, GGUF's own bytes: word w = 32n + 8q + i (n < 2, q <
//       4, i < 8) has its low four bits in line 16n + 8(q & 1) + i, nibble q >> 1, and its two high bits in
//       high line 8n + i, bits 2q and 2q+1
//   F32: value k of 16 rows, 64 B.  F16, BF16: value k of 16 rows, 32 B; one odd half line at the end is
//   padding.
// The packed size is the file's size, but for an odd count of blocks.
#pragma once
#include <cstddef>
#include <cstdint>

#include "quant/types.h"

namespace bw::kernels {

inline constexpr size_t line = 64;
inline constexpr uint32_t record_blocks = 2;  // blocks that share a header line in b32 and Q6_K

// One b32 type: header bytes of a record, body bytes of a block, what is subtracted from the stored integer.
struct Layout32 {
  bool has_min, has_high, is_byte;
  int offset;
  constexpr size_t header() const { return has_min ? 2 * line : line; }
  constexpr size_t body() const { return is_byte ? 8 * line : (has_high ? 5 * line : 4 * line); }
  constexpr size_t record() const { return header() + record_blocks * body(); }
  // Where block b of a panel has its d, its m and its body.
  constexpr size_t d(uint32_t b) const { return b / 2 * record() + (b % 2) * 32; }
  constexpr size_t m(uint32_t b) const { return d(b) + line; }
  constexpr size_t at(uint32_t b) const { return b / 2 * record() + header() + (b % 2) * body(); }
};
inline constexpr Layout32 q4_0{false, false, false, 8}, q4_1{true, false, false, 0},
    q5_0{false, true, false, 16}, q5_1{true, true, false, 0}, q8_0{false, false, true, 0};
constexpr Layout32 layout32(quant::Type type) {
  switch (type) {
    case quant::Type::Q4_0:
      return q4_0;
    case quant::Type::Q4_1:
      return q4_1;
    case quant::Type::Q5_0:
      return q5_0;
    case quant::Type::Q5_1:
      return q5_1;
    default:
      return q8_0;
  }
}

namespace q4k {
inline constexpr size_t d = 0, dmin = 32, scales = line, quants = 4 * line, record = 36 * line;
}
namespace q6k {
inline constexpr size_t body = 52 * line, record = line + record_blocks * body;
inline constexpr size_t scales = 0, low = 4 * line, high = 36 * line;  // inside a body
constexpr size_t d(uint32_t b) {
  return b / 2 * record + (b % 2) * 32;
}
constexpr size_t at(uint32_t b) {
  return b / 2 * record + line + (b % 2) * body;
}
}  // namespace q6k

// How many of `left` columns a kernel of at most `most` takes next: nearly equal groups, 8 as 4 + 4, not 6
// + 2.
constexpr uint32_t next_columns(uint32_t left, uint32_t most) {
  const uint32_t groups = (left + most - 1) / most;
  return (left + groups - 1) / groups;
}

inline constexpr uint32_t float_chunk =
    256;  // BN1 section 3: values of K in one fma chain of a float product

}  // namespace bw::kernels
