// GGUF rows to a packed panel (layout: panel.h) and one row of a panel back to floats.
// In: up to 16 consecutive rows of a tensor as the file has them. Out: a panel, or the error that a scale,
// minimum or float weight is not finite. The floats of unpack_row are BN1 section 2's, bit for bit.
#include <cstring>
#include <string>

#include "kernels/kernels.h"
#include "kernels/panel.h"
#include "quant/half.h"

namespace bw::kernels {
namespace {

using quant::Type;

struct Shape {
  const char* name;
  uint32_t block, bytes;
  quant::Family family;
};

constexpr Shape shape(Type type) {
  using quant::Family;
  switch (type) {
#define BW_BLOCK_TYPE(name, id, block, bytes, family) \
  case Type::name:                                    \
    return {#name, block, bytes, Family::family};
#include "quant/types.def"
#undef BW_BLOCK_TYPE
  }
  return {"", 1, 1, Family::f};
}

// Each block's pieces are the whole block, and sixteen blocks a record of the panel.
constexpr bool layout_is_whole(Type type) {
  const Shape s = shape(type);
  if (s.family == quant::Family::f) return true;
  const Layout l = layout(type);
  uint32_t bytes = 0, halves = 0, lines = 0;
  for (const Piece& p : l.pieces) {
    const bool is_half = p.kind == Piece::half || p.kind == Piece::bits16;
    if (p.kind == Piece::none) continue;
    bytes += is_half ? 2 : 4 * p.n;
    halves += is_half;
    lines += is_half ? 0 : p.n;
  }
  return bytes == s.bytes && halves == l.n_halves && lines == l.n_lines && s.bytes <= max_block_bytes &&
         l.header() % line == 0 && l.record() == l.blocks * panel_rows * s.bytes;
}
#define BW_BLOCK_TYPE(name, id, block, bytes, family) static_assert(layout_is_whole(Type::name));
#include "quant/types.def"
#undef BW_BLOCK_TYPE

uint16_t load16(const std::byte* p) {
  uint16_t v;
  std::memcpy(&v, p, 2);
  return v;
}
float load_half(const std::byte* p) {
  return quant::half_to_float(load16(p));
}
bool half_finite(uint16_t h) {
  return (h & 0x7C00u) != 0x7C00u;
}

// One row of one panel being written; `error` stays nullptr while everything is finite.
struct Packer {
  std::byte* panel;
  uint32_t row;
  const char* error = nullptr;

  void half(size_t at, const std::byte* src, const char* what) {
    if (!half_finite(load16(src))) error = what;
    std::memcpy(panel + at + 2 * row, src, 2);
  }
  // n_lines consecutive 4-byte words of the row, one into each line.
  void words(size_t at, const std::byte* src, size_t n_lines) {
    for (size_t i = 0; i < n_lines; ++i) std::memcpy(panel + at + i * line + 4 * row, src + 4 * i, 4);
  }

  // Bit 4w + i of the block to bit w of byte i.
  void fifths(size_t at, const std::byte* src) {
    uint32_t bits;
    std::memcpy(&bits, src, 4);
    for (uint32_t i = 0; i < 4; ++i) {
      uint32_t every4th = bits >> i & 0x11111111u;  // bit 4w to bit w
      every4th = (every4th | every4th >> 3) & 0x03030303u;
      every4th = (every4th | every4th >> 6) & 0x000F000Fu;
      panel[at + 4 * row + i] = std::byte((every4th | every4th >> 12) & 0xFFu);
    }
  }

  void block(const Layout& l, uint32_t b, const std::byte* src) {
    uint32_t n_halves = 0;
    for (const Piece& piece : l.pieces) {
      const size_t at = l.at(b) + piece.to * line;
      switch (piece.kind) {
        case Piece::none:
          break;
        case Piece::half:
          half(l.half(piece.to, b), src, n_halves++ == 0 ? "scale d" : "minimum");
          src += 2;
          break;
        case Piece::bits16:
          std::memcpy(panel + l.half(piece.to, b) + 2 * row, src, 2);
          src += 2;
          break;
        case Piece::words:
          words(at, src, piece.n);
          src += 4 * piece.n;
          break;
        case Piece::fifths:
          fifths(at, src);
          src += 4;
          break;
      }
    }
  }

  void floats(Type type, uint32_t k, const std::byte* src) {
    for (uint32_t i = 0; i < k; ++i) {
      if (type == Type::F32) {
        uint32_t u;
        std::memcpy(&u, src + 4 * i, 4);
        if ((u & 0x7F800000u) == 0x7F800000u) error = "weight";
        std::memcpy(panel + i * line + 4 * row, &u, 4);
      } else {
        const uint16_t u = load16(src + 2 * i), exponent = type == Type::F16 ? 0x7C00u : 0x7F80u;
        if ((u & exponent) == exponent) error = "weight";
        std::memcpy(panel + i * (line / 2) + 2 * row, &u, 2);
      }
    }
  }
};

}  // namespace

size_t panel_bytes(quant::Type type, uint32_t k) {
  const Shape s = shape(type);
  if (type == Type::F32) return k * line;
  if (s.family == quant::Family::f) return (size_t(k) + 1) / 2 * line;
  const Layout l = layout(type);
  const size_t n_blocks = k / s.block, n_records = (n_blocks + l.blocks - 1) / l.blocks;
  return n_records * l.header() + n_blocks * l.body();
}

Status pack_panel(quant::Type type, const std::byte* rows, uint32_t n_rows, uint32_t k, std::byte* dst) {
  const Shape s = shape(type);
  if (n_rows < 1 || n_rows > panel_rows)
    return failed("pack_panel: expected 1 to 16 rows, found " + std::to_string(n_rows));
  if (k % s.block != 0)
    return bad_input("row length: expected a multiple of " + std::to_string(s.block) + " for " + s.name +
                     ", found " + std::to_string(k));
  std::memset(dst, 0, panel_bytes(type, k));
  const Layout l = layout(type);
  for (uint32_t row = 0; row < n_rows; ++row) {
    Packer p{dst, row};
    if (s.family == quant::Family::f) {
      p.floats(type, k, rows);
      rows += size_t(k) * s.bytes;
    } else {
      for (uint32_t b = 0; b < k / s.block; ++b, rows += s.bytes) p.block(l, b, rows);
    }
    if (p.error)
      return bad_input("row " + std::to_string(row) + " of 16: expected a finite " + p.error + " in every " +
                       s.name + " block, found infinity or NaN");
  }
  return {};
}

void gather_block(const Layout& l, const std::byte* panel, uint32_t row, uint32_t b, std::byte* block) {
  for (const Piece& piece : l.pieces) {
    const std::byte* at = panel + l.at(b) + piece.to * line + 4 * row;
    switch (piece.kind) {
      case Piece::none:
        break;
      case Piece::half:
      case Piece::bits16:
        std::memcpy(block, panel + l.half(piece.to, b) + 2 * row, 2);
        block += 2;
        break;
      case Piece::words:
        for (uint32_t i = 0; i < piece.n; ++i, block += 4) std::memcpy(block, at + i * line, 4);
        break;
      case Piece::fifths: {
        uint32_t bits = 0;
        for (uint32_t i = 0; i < 32; ++i) bits |= (uint32_t(at[i % 4]) >> (i / 4) & 1u) << i;
        std::memcpy(block, &bits, 4);
        block += 4;
        break;
      }
    }
  }
}

void unpack_row(quant::Type type, const std::byte* panel, uint32_t row, uint32_t k, float* out) {
  switch (type) {
    case Type::F32:
      for (uint32_t i = 0; i < k; ++i) std::memcpy(out + i, panel + i * line + 4 * row, 4);
      return;
    case Type::F16:
      for (uint32_t i = 0; i < k; ++i) out[i] = load_half(panel + i * (line / 2) + 2 * row);
      return;
    case Type::BF16:
      for (uint32_t i = 0; i < k; ++i)
        out[i] = quant::bf16_to_float(load16(panel + i * (line / 2) + 2 * row));
      return;
    default:
      break;
  }
  const quant::TypeInfo& t = quant::info(type);
  const Layout l = layout(type);
  std::byte block[max_block_bytes];
  for (uint32_t b = 0; b < k / t.block; ++b, out += t.block) {
    gather_block(l, panel, row, b, block);
    t.decode(block, 1, out);
  }
}

}  // namespace bw::kernels
