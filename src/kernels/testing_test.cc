// The oracle of the products: see testing.h. It is compiled into the tests only.
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstdio>
#include <cstring>

#include "kernels/testing.h"
#include "quant/half.h"

namespace bw::kernels::testing {
namespace {

using quant::Family;
using quant::Type;

float half_at(const std::byte* p) {
  return quant::half_to_float(uint16_t(uint16_t(p[0]) | uint16_t(p[1]) << 8));
}

float float_weight(Type type, const std::byte* row, uint32_t i) {
  if (type == Type::F32) {
    float f;
    std::memcpy(&f, row + 4 * i, 4);
    return f;
  }
  if (type == Type::F16) return half_at(row + 2 * i);
  return std::bit_cast<float>(uint32_t(row[2 * i]) << 16 | uint32_t(row[2 * i + 1]) << 24);
}

}  // namespace

std::vector<const Table*> runnable_tables() {
  std::vector<const Table*> found;
  static bool said = false;
  for (const Table* t : tables()) {
    if (t->available())
      found.push_back(t);
    else if (!said)
      std::printf(
          "[ SKIPPED  ] table %.*s: this machine lacks its instructions; its bits are NOT checked here\n",
          int(t->name.size()), t->name.data());
  }
  said = true;
  return found;
}

std::vector<uint32_t> half_offsets(Type type) {
  switch (type) {
    case Type::F32:
    case Type::BF16:
      return {};
    case Type::F16:
    case Type::Q4_0:
    case Type::Q5_0:
    case Type::Q8_0:
    case Type::IQ4_NL:
    case Type::IQ4_XS:
      return {0};
    case Type::Q4_1:
    case Type::Q5_1:
    case Type::Q4_K:
    case Type::Q5_K:
      return {0, 2};
    case Type::Q2_K:
      return {80, 82};
    case Type::Q3_K:
      return {108};
    case Type::Q6_K:
      return {208};
  }
  return {};
}

Span scale_bytes(Type type) {
  switch (type) {
    case Type::Q4_K:
    case Type::Q5_K:
      return {4, 12};
    case Type::Q2_K:
      return {0, 16};
    case Type::Q3_K:
      return {96, 12};
    case Type::Q6_K:
      return {192, 16};
    case Type::IQ4_XS:
      return {2, 6};
    default:
      return {};
  }
}

std::vector<std::byte> weights(Type type, uint32_t n_rows, uint32_t k, Random& rng) {
  const quant::TypeInfo& t = quant::info(type);
  std::vector<std::byte> rows(n_rows * quant::row_bytes(t, k));
  const uint16_t halves[] = {0x0001, 0x8001, 0x7BFF, 0xFBFF, 0x0000, 0x8000, 0x0400, 0x3C00, 0x1234, 0x9ABC};
  const auto put = [&](std::byte* p) {
    const uint16_t h = rng.below(2) ? halves[rng.below(10)] : uint16_t(rng.next() & 0xBBFFu);
    std::memcpy(p, &h, 2);
  };
  for (std::byte* p = rows.data(); p < rows.data() + rows.size(); p += t.bytes) {
    const uint32_t kind = rng.below(8);
    for (uint32_t i = 0; i < t.bytes; ++i)
      p[i] = std::byte(kind == 0   ? 0x00
                       : kind == 1 ? 0xFF
                       : kind == 2 ? 0x80
                       : kind == 3 ? 0x7F
                                   : rng.next());
    if (type == Type::F32) {
      const float unit = rng.unit(), f = rng.below(9) ? unit * float(1 << rng.below(20)) : 0x1p-149f;
      std::memcpy(p, &f, 4);
    } else if (type == Type::BF16) {
      const float unit = rng.unit();
      const uint16_t h = quant::float_to_bf16(unit * float(1 << rng.below(20)));
      std::memcpy(p, &h, 2);
    } else {
      for (const uint32_t at : half_offsets(type)) put(p + at);
    }
  }
  return rows;
}

std::vector<float> inputs(uint32_t n, uint32_t k, Random& rng) {
  std::vector<float> x(size_t(n) * k);
  for (size_t b = 0; b < x.size(); b += 32) {
    const uint32_t kind = rng.below(8);
    for (size_t i = b; i < b + 32 && i < x.size(); ++i) {
      const float sign = rng.below(2) ? 1.0f : -1.0f, unit = rng.unit();
      switch (kind) {
        case 0:
          x[i] = sign * 0.0f;
          break;
        case 1:
          x[i] = rng.below(4) ? 0x1.fffffep-101f : -0x1p-149f;
          break;  // amax just under
        case 2:
          x[i] = i == b ? -0x1p-100f : unit * 0x1p-101f;
          break;  // amax exactly 2^-100
        case 3:
          x[i] = sign * 3.5f;
          break;  // q = +-127
        case 4:
          x[i] = 3.5f;
          break;  // the largest sums
        case 5:
          x[i] = std::ldexp(unit, int(rng.below(40)) - 20);
          break;  // wide range
        case 6:
          x[i] = i == b ? 127.0f : std::floor(unit * 126.0f) + 0.5f;
          break;  // ties of rint
        default:
          x[i] = unit;
      }
    }
  }
  return x;
}

Quantised quantise(Family family, const std::vector<float>& x, uint32_t n, uint32_t k) {
  Quantised a;
  if (family == Family::f) return a;
  const uint32_t block = family == Family::b32 ? 32 : 256, group = family == Family::b32 ? 32 : 16;
  a.q.resize(size_t(n) * k);
  for (size_t at = 0; at < a.q.size(); at += block) {
    float amax = 0;
    for (uint32_t i = 0; i < block; ++i) amax = std::fmax(amax, std::fabs(x[at + i]));
    const bool small = amax < std::ldexp(1.0f, -100);
    a.d.push_back(small ? 0.0f : amax / 127.0f);
    for (uint32_t i = 0; i < block; ++i)
      a.q[at + i] = small ? int8_t(0) : int8_t(std::nearbyint(x[at + i] * (127.0f / amax)));
    for (uint32_t i = 0; i < block; i += group) {
      int32_t sum = 0;
      for (uint32_t j = i; j < i + group; ++j) sum += a.q[at + j];
      a.sums.push_back(sum);
    }
  }
  return a;
}

std::vector<float> product(Type type, const std::vector<std::byte>& rows, uint32_t n_out, uint32_t k,
                           uint32_t n, const std::vector<float>& x, const Quantised& a) {
  const quant::TypeInfo& t = quant::info(type);
  std::vector<float> y(size_t(n) * n_out);
  for (uint32_t r = 0; r < n_out; ++r) {
    const std::byte* row = rows.data() + r * quant::row_bytes(t, k);
    if (t.family == Family::f) {
      for (uint32_t c = 0; c < n; ++c) {
        float sum = 0;
        for (uint32_t i0 = 0; i0 < k; i0 += 256) {
          float chunk = 0;
          for (uint32_t i = i0; i < k && i < i0 + 256; ++i)
            chunk = std::fma(float_weight(type, row, i), x[size_t(c) * k + i], chunk);
          sum += chunk;
        }
        y[size_t(c) * n_out + r] = sum;
      }
      continue;
    }
    for (uint32_t b = 0; b < k / t.block; ++b) {
      quant::Integers w;
      t.integers(row + b * t.bytes, w);
      for (uint32_t c = 0; c < n; ++c) {
        const size_t at = size_t(c) * k + b * t.block;
        const float dx = a.d[at / t.block];
        int64_t isum = 0, msum = 0, asum = 0;
        for (uint32_t i = 0; i < t.block; ++i) {
          const bool scaled = t.family == Family::b256;
          isum += int64_t(scaled ? w.scale[i / t.sub] : 1) * w.q[i] * a.q[at + i];
          if (scaled && t.has_min) msum += int64_t(w.min[i / t.sub]) * a.q[at + i];
          asum += a.q[at + i];
        }
        float& out = y[size_t(c) * n_out + r];
        out = std::fma(w.d * dx, float(int32_t(isum)), out);
        if (!t.has_min) continue;
        out = t.family == Family::b32 ? std::fma(w.m, dx * float(asum), out)
                                      : std::fma(-(w.m * dx), float(int32_t(msum)), out);
      }
    }
  }
  return y;
}

float bn1_exp(float x) {
  if (x < -87.25f) return 0;
  x = x > 88 ? 88 : x;
  const float n = std::fma(x, 0x1.715476p+0f, 12582912.0f) - 12582912.0f;
  float r = std::fma(n, -0x1.62e4p-1f, x);
  r = std::fma(n, -0x1.7f7d1cp-20f, r);
  float p = 0x1.6d113cp-10f;
  const float c[] = {0x1.120ba2p-7f, 0x1.55551ap-5f, 0x1.5554dcp-3f, 0x1p-1f, 1, 1};
  for (const float k : c) p = std::fma(p, r, k);
  return std::ldexp(p, int(n));
}

float bn1_glu(Glu act, float x) {
  if (act == Glu::silu) return x / (1.0f + bn1_exp(-x));
  const float u = 0x1.988454p-1f * std::fma(0x1.6e4e26p-5f * (x * x), x, x);
  return x / (1.0f + bn1_exp(-(u + u)));
}

PackedRows pack(Type type, const std::vector<std::byte>& rows, uint32_t n_out, uint32_t k) {
  PackedRows p;
  p.packed = {type, n_out, k, nullptr};
  const size_t bytes = panel_bytes(type, k), n_panels = p.packed.n_panels();
  p.memory.resize(bytes * n_panels + 64);
  std::byte* data = p.memory.data() + (64 - reinterpret_cast<uintptr_t>(p.memory.data()) % 64) % 64;
  const size_t row_bytes = quant::row_bytes(quant::info(type), k);
  for (uint32_t i = 0; i < n_panels; ++i) {
    const uint32_t first = i * panel_rows, n = n_out - first < panel_rows ? n_out - first : panel_rows;
    EXPECT_TRUE(pack_panel(type, rows.data() + first * row_bytes, n, k, data + i * bytes));
  }
  p.packed.data = data;
  return p;
}

Acts acts(uint32_t n, uint32_t k, const std::vector<float>& x, const Quantised& a) {
  return {n, k, x.data(), a.q.data(), a.d.data(), a.sums.data()};
}

ptrdiff_t first_difference(const float* a, const float* b, size_t n) {
  for (size_t i = 0; i < n; ++i)
    if (std::bit_cast<uint32_t>(a[i]) != std::bit_cast<uint32_t>(b[i])) return ptrdiff_t(i);
  return -1;
}

}  // namespace bw::kernels::testing
