// The Cpu op's gated feed-forward input, act(gate) * up. Of many rows a thread takes a strip of gate's rows
// and the same of up's, multiplies both by all rows of the pass and at once forms what down multiplies: the
// two results never leave its second cache, and no row of them is ever whole. Few rows, as in decoding, are
// bound by reading the weights: they are formed whole, where down's product begins. In: the residual. Out: an
// Input, the same bits either way.
#include <algorithm>

#include "engine/cpu.h"

namespace bw::engine {
namespace {

// Rows [begin, end) of w; begin is the first of a panel.
kernels::Packed rows_of(const kernels::Packed& w, Range rows) {
  kernels::Packed part = w;
  part.data += rows.begin / kernels::panel_rows * kernels::panel_bytes(w.type, w.k);
  part.n_out = static_cast<uint32_t>(rows.end - rows.begin);
  return part;
}

}  // namespace

void Cpu::glu_strip_of(const CpuLinear& gate, const CpuLinear& up, quant::Family down, const ActsBuffers& in,
                       Range rows, uint32_t ld, int thread) {
  const auto t = static_cast<size_t>(thread);
  const auto n = static_cast<uint32_t>(n_rows()), k = gate.w.n_out;
  const auto len = static_cast<uint32_t>(rows.end - rows.begin);
  float* const g = reinterpret_cast<float*>(work_ + at_.strip[t]);
  float* const u = g + size_t{n} * ld;
  for (const auto& [w, y] : {std::pair{&gate, g}, std::pair{&up, u}}) {
    const kernels::Packed part = rows_of(w->w, rows);
    t_.product(part, 0, part.n_panels(), in.form(w->family, n, w->w.k), y, ld);
    if (w->bias)
      for (size_t c = 0; c < n; ++c) t_.add(y + c * ld, w->bias + rows.begin, len);
  }
  const ActsBuffers to = buffers(at_.glu);
  for (size_t c = 0; c < n; ++c) {
    const size_t at = c * k + rows.begin;
    float* made = down == quant::Family::f ? to.f32 + at : reinterpret_cast<float*>(work_ + at_.scratch[t]);
    t_.glu(activation(), g + c * ld, u + c * ld, len, made);
    if (t_.non_finite(made, len)) return note(Fault::input);
    if (down == quant::Family::b32)
      t_.act32(made, len, to.q_32 + at, to.d_32 + at / 32, to.sums_32 + at / 32);
    if (down == quant::Family::b256)
      t_.act256(made, len, to.q_256 + at, to.d_256 + at / 256, to.sums_256 + at / 16);
  }
}

Cpu::Input Cpu::norm_glu(X x, const CpuNorm& norm, const CpuLinear& gate, const CpuLinear& up,
                         const CpuLinear& down) {
  const size_t n = n_rows();
  const uint32_t width = gate.w.n_out;
  const Input in{Input::Kind::normed, x, nullptr, gate.w.k, &norm};
  if (n <= redundant_rows) {
    float* pair = reinterpret_cast<float*>(work_ + at_.pair);
    const Vec out[] = {{pair, width}, {pair + size_t{redundant_rows} * width, width}};
    const CpuLinear* both[] = {&gate, &up};
    products(in, both, out, Then::nothing);
    return {Input::Kind::glu, out[0].data, out[1].data, width, nullptr};
  }
  const Input formed{Input::Kind::formed, nullptr, nullptr, width, nullptr};
  if (!ok()) return formed;
  const bool f = gate.family == quant::Family::f || up.family == quant::Family::f,
             b32 = gate.family == quant::Family::b32 || up.family == quant::Family::b32,
             b256 = gate.family == quant::Family::b256 || up.family == quant::Family::b256;
  const uint32_t strip = glu_strip(n);
  shares_.reset((width + glu_unit - 1) / glu_unit, 1);
  bool rows_are_good = true;  // else a fault is of the rows that gate and up multiply
  pool_.run([&](int thread) {
    const ActsBuffers acts = buffers(at_.shared);
    const Range mine = share(n, thread, pool_.size());
    for (size_t r = mine.begin; r < mine.end; ++r)
      if (!prepare(in, r, r, acts, thread, f, b32, b256)) break;
    pool_.barrier();
    const bool good = fault_.load(std::memory_order_relaxed) == no_fault;
    pool_.barrier();  // nobody notes a fault of the strips before all have looked
    if (thread == 0) rows_are_good = good;
    if (!good) return;
    for (Range run; shares_.take(thread, run);)
      for (uint64_t r = run.begin * glu_unit, end = std::min<uint64_t>(run.end * glu_unit, width); r < end;
           r += strip)
        glu_strip_of(gate, up, down.family, acts, {r, std::min(r + strip, end)}, strip, thread);
  });
  settle(norm.site, rows_are_good ? down.site : gate.site, 0);
  return formed;
}

}  // namespace bw::engine
