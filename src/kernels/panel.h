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
//   IQ4_NL: as Q4_0; the nibbles are those of the file, their levels come in when a kernel unpacks them
//   b256, GGUF's own words, a line each:
//     Q4_K, Q5_K, Q2_K, IQ4_XS: record of one block
//       [16 f16 d | 16 f16 dmin]  (IQ4_XS: [16 f16 d | 16 u16 high bits of the scales])    64 B
//     Q6_K, Q3_K: record of two blocks (odd count as above)
//       [16 f16 d of block 0 | 16 f16 d of block 1]                                        64 B
//     and a body a block, word i of it in line i:
//     Q4_K   3 lines: six-bit scales and minima as three words (scales_and_minima in quant terms):
//              byte j of line 0: scale j | high bits of scale j+4 << 6; of line 1: min j | high bits of min
//              j+4 << 6; of line 2: low nibble of scale j+4 | low nibble of min j+4 << 4;   j = 0..3
//            32 lines: line 8g+i: low nibbles = word i of sub-block 2g, high nibbles = of sub-block 2g+1
//     Q5_K   3 lines as Q4_K; 8 lines of fifth bits: bit j of line i = word i of sub-block j; 32 lines as
//     Q4_K Q6_K   4 lines: byte b of word r of line t = int8 scale of sub-block 4t+b
//            32 lines of low nibbles and 16 of two-bit highs: word w = 32n + 8q + i (n < 2, q < 4, i < 8) has
//              its low four bits in line 16n + 8(q & 1) + i, nibble q >> 1, and its two high bits in high
//              line 8n + i, bits 2q and 2q+1
//     Q2_K   4 lines: byte b of line t = sub-block 4t+b: scale in the low, minimum in the high nibble
//            16 lines: word w = 32n + 8q + i in line 8n + i, bits 2q and 2q+1
//     Q3_K   3 lines of six-bit scales (quant/q3_k.cc); 8 lines of third bits: bit 4n + q of line i = bit 2
//     of
//              word 32n + 8q + i; 16 lines of low two bits as Q2_K
//     IQ4_XS 1 line: low four bits of scale j in byte j / 2, nibble j % 2
//            32 lines: line 4j+i: low nibbles = word i of sub-block j, high nibbles = word i + 4
//   F32: value k of 16 rows, 64 B.  F16, BF16: value k of 16 rows, 32 B; one odd half line at the end is
//   padding.
// The packed size is the file's size, but for an odd count of blocks.
#pragma once
#include <cstddef>
#include <cstdint>

#include "quant/iq4.h"
#include "quant/types.h"

namespace bw::kernels {

inline constexpr size_t line = 64;
inline constexpr uint32_t record_blocks = 2;  // blocks that share a header line in b32, Q6_K and Q3_K

// A part of a block in the file, and its place in the panel.
struct Piece {
  enum Kind : uint8_t {
    none,
    half,    // one f16, checked for finiteness: entry `to` of the header
    bits16,  // one u16 that is no float: likewise
    words,   // n four-byte words: lines `to` ... of the body
    fifths   // 32 bits, bit i of value i: one line of the body, transposed so that bit w is of word w
  } kind = none;
  uint8_t n = 1, to = 0;
};

// Where the parts of any quantised type lie. A block's pieces stand in the file's order.
struct Layout {
  uint32_t n_halves = 1;  // header entries a block, 32 bytes each
  uint32_t blocks = 1;    // of a record
  uint32_t n_lines = 0;   // of a block's body
  Piece pieces[5] = {};
  constexpr size_t header() const { return size_t(n_halves) * blocks * 32; }
  constexpr size_t body() const { return n_lines * line; }
  constexpr size_t record() const { return header() + blocks * body(); }
  // Header entry i of block b, and its body. Whole records but perhaps the last, whose header is whole.
  constexpr size_t half(uint32_t i, uint32_t b) const {
    return b / blocks * record() + (i * blocks + b % blocks) * 32;
  }
  constexpr size_t at(uint32_t b) const { return b / blocks * record() + header() + b % blocks * body(); }
};

// One b32 type: what its block holds, and what is subtracted from the stored integer (is_table: from the
// level that is looked up, made unsigned).
struct Layout32 {
  bool has_min, has_high, is_byte;
  int offset;
  bool is_table = false;
  constexpr bool eight_bits() const { return is_byte || is_table; }  // once unpacked
  constexpr size_t header() const { return has_min ? 2 * line : line; }
  constexpr size_t body() const { return is_byte ? 8 * line : (has_high ? 5 * line : 4 * line); }
  constexpr size_t record() const { return header() + record_blocks * body(); }
  // Where block b of a panel has its d, its m and its body.
  constexpr size_t d(uint32_t b) const { return b / 2 * record() + (b % 2) * 32; }
  constexpr size_t m(uint32_t b) const { return d(b) + line; }
  constexpr size_t at(uint32_t b) const { return b / 2 * record() + header() + (b % 2) * body(); }
  // The same for packing.
  constexpr Layout layout() const {
    Layout l{has_min ? 2u : 1u, record_blocks, uint32_t(body() / line), {{Piece::half}}};
    uint32_t i = 1;
    if (has_min) l.pieces[i++] = {Piece::half, 1, 1};
    if (has_high) l.pieces[i++] = {Piece::fifths};
    l.pieces[i] = {Piece::words, uint8_t(is_byte ? 8 : 4), uint8_t(has_high ? 1 : 0)};
    return l;
  }
};
inline constexpr Layout32 q4_0{false, false, false, 8}, q4_1{true, false, false, 0},
    q5_0{false, true, false, 16}, q5_1{true, true, false, 0}, q8_0{false, false, true, 0},
    iq4_nl{false, false, false, 128, true};
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
    case quant::Type::IQ4_NL:
      return iq4_nl;
    default:
      return q8_0;
  }
}

// Levels of IQ4_NL and IQ4_XS made unsigned, for a byte shuffle: level + 128.
struct UnsignedLevels {
  alignas(16) uint8_t of[16];
  constexpr UnsignedLevels() : of{} {
    for (int i = 0; i < 16; ++i) of[i] = uint8_t(quant::iq4_levels[i] + 128);
  }
};
inline constexpr UnsignedLevels iq4_unsigned;

// The b256 types: pieces in the file's order, then where kernels find them inside a record (one block) or a
// body (two blocks, with d(b) and at(b)).
namespace q4k {
inline constexpr Layout layout{
    2, 1, 35, {{Piece::half, 1, 0}, {Piece::half, 1, 1}, {Piece::words, 3, 0}, {Piece::words, 32, 3}}};
inline constexpr size_t d = 0, dmin = 32, scales = line, quants = 4 * line, record = layout.record();
}  // namespace q4k
namespace q5k {
inline constexpr Layout layout{2,
                               1,
                               43,
                               {{Piece::half, 1, 0},
                                {Piece::half, 1, 1},
                                {Piece::words, 3, 0},
                                {Piece::words, 8, 3},
                                {Piece::words, 32, 11}}};
inline constexpr size_t d = 0, dmin = 32, scales = line, fifths = 4 * line, quants = 12 * line,
                        record = layout.record();
}  // namespace q5k
namespace q2k {
inline constexpr Layout layout{
    2, 1, 20, {{Piece::words, 4, 0}, {Piece::words, 16, 4}, {Piece::half, 1, 0}, {Piece::half, 1, 1}}};
inline constexpr size_t d = 0, dmin = 32, scales = line, quants = 5 * line, record = layout.record();
}  // namespace q2k
namespace iq4xs {
inline constexpr Layout layout{
    2, 1, 33, {{Piece::half, 1, 0}, {Piece::bits16, 1, 1}, {Piece::words, 1, 0}, {Piece::words, 32, 1}}};
inline constexpr size_t d = 0, high = 32, scales = line, quants = 2 * line, record = layout.record();
}  // namespace iq4xs
namespace q3k {
inline constexpr Layout layout{
    1, 2, 27, {{Piece::words, 8, 3}, {Piece::words, 16, 11}, {Piece::words, 3, 0}, {Piece::half, 1, 0}}};
inline constexpr size_t body = layout.body(), record = layout.record();
inline constexpr size_t scales = 0, thirds = 3 * line, quants = 11 * line;  // inside a body
constexpr size_t d(uint32_t b) {
  return layout.half(0, b);
}
constexpr size_t at(uint32_t b) {
  return layout.at(b);
}
}  // namespace q3k
namespace q6k {
inline constexpr Layout layout{
    1, 2, 52, {{Piece::words, 32, 4}, {Piece::words, 16, 36}, {Piece::words, 4, 0}, {Piece::half, 1, 0}}};
inline constexpr size_t body = layout.body(), record = layout.record();
inline constexpr size_t scales = 0, low = 4 * line, high = 36 * line;  // inside a body
constexpr size_t d(uint32_t b) {
  return layout.half(0, b);
}
constexpr size_t at(uint32_t b) {
  return layout.at(b);
}
}  // namespace q6k

constexpr Layout layout(quant::Type type) {
  using quant::Type;
  switch (type) {
    case Type::Q4_K:
      return q4k::layout;
    case Type::Q6_K:
      return q6k::layout;
    case Type::Q5_K:
      return q5k::layout;
    case Type::Q2_K:
      return q2k::layout;
    case Type::Q3_K:
      return q3k::layout;
    case Type::IQ4_XS:
      return iq4xs::layout;
    default:
      return layout32(type).layout();
  }
}
inline constexpr uint32_t max_block_bytes = 256;
// The bytes that block b of a row (0..15) has in the file -> block [bytes of a block].
void gather_block(const Layout& l, const std::byte* panel, uint32_t row, uint32_t b, std::byte* block);

// How many of `left` columns a kernel of at most `most` takes next: nearly equal groups, 8 as 4 + 4, not 6
// + 2.
constexpr uint32_t next_columns(uint32_t left, uint32_t most) {
  const uint32_t groups = (left + most - 1) / most;
  return (left + groups - 1) / groups;
}

// Panels [panel0, panel1) as pairs `apart` from each other, those from `rest` on alone: memory read at two
// places in turn comes a sixth faster than from one (docs/kernels.md), as each place keeps a prefetcher busy.
struct TwoStreams {
  uint32_t apart, rest;
  constexpr TwoStreams(uint32_t panel0, uint32_t panel1, bool wanted)
      : apart(wanted ? (panel1 - panel0) / 2 : 0), rest(panel0 + 2 * apart) {}
};

inline constexpr uint32_t float_chunk =
    256;  // BN1 section 3: values of K in one fma chain of a float product

}  // namespace bw::kernels
