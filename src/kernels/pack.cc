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

  void block32(const Layout32& l, uint32_t b, const std::byte* src) {
    half(l.d(b), src, "scale d");
    src += 2;
    if (l.has_min) {
      half(l.m(b), src, "minimum m");
      src += 2;
    }
    size_t at = l.at(b);
    if (l.has_high) {
      uint32_t bits;
      std::memcpy(&bits, src, 4);
      src += 4;
      for (uint32_t i = 0; i < 4; ++i) {
        uint32_t every4th = bits >> i & 0x11111111u;  // bit 4w to bit w
        every4th = (every4th | every4th >> 3) & 0x03030303u;
        every4th = (every4th | every4th >> 6) & 0x000F000Fu;
        panel[at + 4 * row + i] = std::byte((every4th | every4th >> 12) & 0xFFu);
      }
      at += line;
    }
    words(at, src, l.is_byte ? 8 : 4);
  }

  void block_q4k(uint32_t b, const std::byte* src) {
    const size_t at = b * q4k::record;
    half(at + q4k::d, src, "scale d");
    half(at + q4k::dmin, src + 2, "scale dmin");
    words(at + q4k::scales, src + 4, 3);
    words(at + q4k::quants, src + 16, 32);
  }

  void block_q6k(uint32_t b, const std::byte* src) {  // GGUF: ql[128] qh[64] scales[16] d
    words(q6k::at(b) + q6k::low, src, 32);
    words(q6k::at(b) + q6k::high, src + 128, 16);
    words(q6k::at(b) + q6k::scales, src + 192, 4);
    half(q6k::d(b), src + 208, "scale d");
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

void unpack32(const Layout32& l, const std::byte* panel, uint32_t row, uint32_t k, float* out) {
  for (uint32_t b = 0; b < k / 32; ++b) {
    const float d = load_half(panel + l.d(b) + 2 * row);
    const float m = l.has_min ? load_half(panel + l.m(b) + 2 * row) : 0;
    const std::byte* body = panel + l.at(b);
    const std::byte* lines = body + (l.has_high ? line : 0);
    for (uint32_t i = 0; i < 32; ++i) {
      const uint32_t w = i / 4, byte = 4 * row + i % 4;
      int q;
      if (l.is_byte) {
        q = int8_t(lines[w * line + byte]);
      } else {
        q = int(uint32_t(lines[w % 4 * line + byte]) >> (w / 4 * 4) & 15u);
        if (l.has_high) q |= int(uint32_t(body[byte]) >> w & 1u) << 4;
      }
      const float product = d * float(q - l.offset);
      out[32 * b + i] = l.has_min ? product + m : product;
    }
  }
}

void unpack_q4k(const std::byte* panel, uint32_t row, uint32_t k, float* out) {
  for (uint32_t b = 0; b < k / 256; ++b, panel += q4k::record) {
    const float d = load_half(panel + q4k::d + 2 * row), dmin = load_half(panel + q4k::dmin + 2 * row);
    const std::byte* s = panel + q4k::scales + 4 * row;
    for (uint32_t sub = 0; sub < 8; ++sub) {
      const uint32_t j = sub % 4;
      uint32_t scale = uint32_t(s[j]) & 63u, min = uint32_t(s[line + j]) & 63u;
      if (sub >= 4) {
        scale = (uint32_t(s[2 * line + j]) & 15u) | (uint32_t(s[j]) >> 6 << 4);
        min = (uint32_t(s[2 * line + j]) >> 4) | (uint32_t(s[line + j]) >> 6 << 4);
      }
      const float ds = d * float(scale), dm = dmin * float(min);
      for (uint32_t i = 0; i < 32; ++i) {
        const std::byte byte = panel[q4k::quants + (sub / 2 * 8 + i / 4) * line + 4 * row + i % 4];
        *out++ = ds * float(uint32_t(byte) >> (sub % 2 * 4) & 15u) - dm;
      }
    }
  }
}

void unpack_q6k(const std::byte* panel, uint32_t row, uint32_t k, float* out) {
  for (uint32_t b = 0; b < k / 256; ++b) {
    const float d = load_half(panel + q6k::d(b) + 2 * row);
    const std::byte* body = panel + q6k::at(b) + 4 * row;
    for (uint32_t i = 0; i < 256; ++i) {
      const uint32_t n = i / 128, q = i / 32 % 4, l = i / 4 % 8, byte = i % 4, sub = i / 16;
      const uint32_t low =
          uint32_t(body[q6k::low + (16 * n + 8 * (q & 1) + l) * line + byte]) >> (q / 2 * 4) & 15u;
      const uint32_t high = uint32_t(body[q6k::high + (8 * n + l) * line + byte]) >> (2 * q) & 3u;
      const int scale = int8_t(body[q6k::scales + sub / 4 * line + sub % 4]);
      *out++ = d * float(scale) * float(int(low | high << 4) - 32);
    }
  }
}

}  // namespace

size_t panel_bytes(quant::Type type, uint32_t k) {
  const Shape s = shape(type);
  const size_t n_blocks = k / s.block, n_records = (n_blocks + 1) / 2;
  if (type == Type::F32) return k * line;
  if (s.family == quant::Family::f) return (size_t(k) + 1) / 2 * line;
  if (type == Type::Q4_K) return n_blocks * q4k::record;
  if (type == Type::Q6_K) return n_records * line + n_blocks * q6k::body;
  const Layout32 l = layout32(type);
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
  for (uint32_t row = 0; row < n_rows; ++row) {
    Packer p{dst, row};
    if (s.family == quant::Family::f) {
      p.floats(type, k, rows);
      rows += size_t(k) * s.bytes;
    } else {
      for (uint32_t b = 0; b < k / s.block; ++b, rows += s.bytes) {
        if (type == Type::Q4_K)
          p.block_q4k(b, rows);
        else if (type == Type::Q6_K)
          p.block_q6k(b, rows);
        else
          p.block32(layout32(type), b, rows);
      }
    }
    if (p.error)
      return bad_input("row " + std::to_string(row) + " of 16: expected a finite " + p.error + " in every " +
                       s.name + " block, found infinity or NaN");
  }
  return {};
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
    case Type::Q4_K:
      return unpack_q4k(panel, row, k, out);
    case Type::Q6_K:
      return unpack_q6k(panel, row, k, out);
    default:
      return unpack32(layout32(type), panel, row, k, out);
  }
}

}  // namespace bw::kernels
