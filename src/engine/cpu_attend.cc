// The Cpu op's attention: who computes which rows and chunks. Where rows are many, a task is a block of
// consecutive rows of one sequence and one KV head (they share the reading of its chunks); where they are few
// and deep, as in decoding, a task is one chunk of one row and KV head, and whoever finishes the last chunk
// of such a pair merges its parts. In: query rows of a pass, their pages. Out: [rows, n_q], the same bits
// either way (BN1 section 7 merges chunks in ascending order).
#include <algorithm>

#include "engine/cpu.h"
#include "kernels/fma.h"

namespace bw::engine {

// Blocks of this pass: consecutive rows at consecutive positions of one sequence, small enough that every
// thread gets several.
void Cpu::cut_blocks() {
  blocks_.clear();
  const auto threads = static_cast<uint64_t>(m_.n_threads());
  const uint64_t tasks = n_rows() * s_.n_head_kv;
  const auto most = static_cast<uint32_t>(
      std::clamp<uint64_t>(tasks / (2 * tasks_a_thread * threads), 1, kernels::attend_rows(s_.n_rep())));
  for (uint32_t r = 0; r < n_rows(); ++r) {
    const PassRow& row = rows_[r];
    const bool joins = !blocks_.empty() && blocks_.back().n < most && rows_[r - 1].seq == row.seq &&
                       rows_[r - 1].position + 1 == row.position;
    if (joins)
      ++blocks_.back().n;
    else
      blocks_.push_back({r, 1});
  }
  uint32_t deepest = 0;
  for (const PassRow& row : rows_) deepest = std::max(deepest, row.position);
  split_chunks_ = m_.n_threads() > 1 && tasks < split_pairs(m_.n_threads()) && deepest >= kernels::kv_chunk;
}

kernels::Attend Cpu::attend_of(const float* q, float* out, uint32_t layer, Block block, uint32_t head,
                               int thread) {
  const PassRow &first = rows_[block.row], &last = rows_[block.row + block.n - 1];
  const std::span<const uint32_t> pages = cache_.pages(first.seq);
  const size_t n_chunks = last.position / kernels::kv_chunk + 1;
  std::vector<const std::byte*>& chunks = chunk_pointers_[static_cast<size_t>(thread)];
  chunks.resize(2 * n_chunks);
  for (size_t c = 0; c < n_chunks; ++c) {
    chunks[c] = cache_.chunk(pages[c], layer, false, head);
    chunks[n_chunks + c] = cache_.chunk(pages[c], layer, true, head);
  }
  const size_t at = size_t{block.row} * s_.n_q() + size_t{head} * s_.n_rep() * s_.head_dim;
  kernels::Attend a;
  a.q = q + at;
  a.out = out + at;
  a.ld = s_.n_q();
  a.n_rows = block.n;
  a.n_rep = s_.n_rep();
  a.head_dim = s_.head_dim;
  a.k_chunks = chunks.data();
  a.v_chunks = chunks.data() + n_chunks;
  a.n_valid = first.position + 1;
  if (s_.is_local(layer)) a.window = s_.window;
  a.scale = 1.0f / kernels::sqrt_exact(static_cast<float>(s_.score_width));
  a.scratch = reinterpret_cast<float*>(work_ + at_.scratch[static_cast<size_t>(thread)] +
                                       aligned(m_.layout.k_most * sizeof(float)));
  return a;
}

void Cpu::attend_blocks(const float* q, float* out, uint32_t layer) {
  // Head by head, so that a run of blocks reads the same keys.
  const uint64_t n = blocks_.size();
  shares_.reset(n * s_.n_head_kv, 1);
  pool_.run_some([&](int thread) {
    for (Range run; shares_.take(thread, run);)
      for (uint64_t task = run.begin; task < run.end; ++task) {
        const kernels::Attend a =
            attend_of(q, out, layer, blocks_[task % n], static_cast<uint32_t>(task / n), thread);
        if (!kv_.attend(a)) note(Fault::score);
      }
  });
}

void Cpu::attend_chunks(const float* q, float* out, uint32_t layer) {
  const size_t part = kernels::attend_part(s_.n_rep(), s_.head_dim);
  // Tasks: the chunks of every (row, head) pair, pair after pair.
  struct Pair {
    uint64_t first_task;
    uint32_t row, head, chunk0;
  };
  std::vector<Pair> pairs;
  uint64_t n_tasks = 0;
  const uint32_t window = s_.is_local(layer) ? s_.window : kernels::Attend::no_window;
  for (uint32_t row = 0; row < n_rows(); ++row)
    for (uint32_t head = 0; head < s_.n_head_kv; ++head) {
      const uint32_t end = rows_[row].position + 1,
                     chunk0 = (end > window ? end - window : 0) / kernels::kv_chunk;
      const uint32_t n_chunks = (end + kernels::kv_chunk - 1) / kernels::kv_chunk - chunk0;
      left_[pairs.size()].store(n_chunks, std::memory_order_relaxed);
      pairs.push_back({n_tasks, row, head, chunk0});
      n_tasks += n_chunks;
    }
  const auto parts_of = [&](size_t pair) {
    return reinterpret_cast<float*>(work_ + at_.parts) + pair * at_.parts_a_pair * part;
  };
  const auto chunks_of_pair = [&](size_t i, Range tasks, int thread) {
    const Pair& p = pairs[i];
    const kernels::Attend a = attend_of(q, out, layer, {p.row, 1}, p.head, thread);
    const auto c0 = static_cast<uint32_t>(tasks.begin - p.first_task),
               c1 = static_cast<uint32_t>(tasks.end - p.first_task);
    if (!kv_.attend_parts(a, p.chunk0 + c0, p.chunk0 + c1, parts_of(i) + c0 * part)) note(Fault::score);
    if (left_[i].fetch_sub(c1 - c0, std::memory_order_acq_rel) == c1 - c0) kv_.merge_parts(a, parts_of(i));
  };
  shares_.reset(n_tasks, 1);
  pool_.run_some([&](int thread) {
    for (Range run; shares_.take(thread, run);)
      for (size_t i = 0; i < pairs.size(); ++i) {
        const uint64_t end = i + 1 < pairs.size() ? pairs[i + 1].first_task : n_tasks;
        const Range here{std::max(run.begin, pairs[i].first_task), std::min(run.end, end)};
        if (here.begin < here.end) chunks_of_pair(i, here, thread);
      }
  });
}

Cpu::Input Cpu::attend(Vec q, Kv& kv) {
  const Vec out = keep(s_.n_q());
  const Input result{Input::Kind::as_is, out.data, nullptr, out.width, nullptr};
  if (!ok() || n_rows() == 0) return result;
  if (split_chunks_)
    attend_chunks(q.data, out.data, kv.layer);
  else
    attend_blocks(q.data, out.data, kv.layer);
  settle({}, {}, kv.layer);
  return result;
}

}  // namespace bw::engine
