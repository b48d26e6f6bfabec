#include "engine/kv.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <map>

#include "engine/plan.h"
#include "kernels/kernels.h"

namespace bw::engine {
namespace {
static_assert(page_positions == kernels::kv_chunk);
uint32_t pages_of(uint32_t n) {
  return (n + page_positions - 1) / page_positions;
}
}  // namespace

Result<KvCache> KvCache::make(const model::Spec& s, KvType type, uint64_t n_pages, uint32_t n_ctx,
                              uint32_t n_seq) {
  KvCache c;
  c.type_ = type;
  c.page_bytes_ = kv_page_bytes(s, type);
  c.chunk_bytes_ = kernels::kv_chunk_bytes(type, s.head_dim);
  c.n_head_kv_ = s.n_head_kv;
  c.n_ctx_ = n_ctx;
  if (type == KvType::q8 && s.head_dim > kernels::q8_head_dim_most)
    return bad_input(fmt::format("KV cache q8: heads of {} values, it is built for at most {}", s.head_dim,
                                 kernels::q8_head_dim_most),
                     "take the f16 cache");
  if (n_pages > UINT32_MAX || n_pages > UINT64_MAX / c.page_bytes_)
    return bad_input(fmt::format("KV cache: {} pages of {} bytes cannot be had", n_pages, c.page_bytes_));
  BW_TRY(c.arena_, Arena::make("KV cache", n_pages * c.page_bytes_));
  c.sequences_.resize(n_seq);
  c.count_.assign(n_pages, 0);
  for (uint64_t p = n_pages; p > 0; --p) c.free_.push_back(static_cast<uint32_t>(p - 1));
  return c;
}

Result<int> KvCache::new_sequence() {
  for (size_t i = 0; i < sequences_.size(); ++i)
    if (!sequences_[i].alive) {
      sequences_[i] = {true, 0, {}};
      return static_cast<int>(i);
    }
  return failed(fmt::format("all {} sequences of this context are alive", sequences_.size()),
                "drop one, or make the context with a larger n_seq");
}

Result<int> KvCache::fork(int seq, uint32_t n) {
  if (!alive(seq)) return bad_input(fmt::format("sequence {} is not alive", seq));
  if (n > length(seq))
    return bad_input(fmt::format("sequence {} holds {} positions, asked to fork {}", seq, length(seq), n));
  return adopt(sequences_[size_t(seq)].pages, n);
}

Result<int> KvCache::adopt(std::span<const uint32_t> pages, uint32_t n) {
  if (n > n_ctx_ || pages_of(n) > pages.size())
    return bad_input(
        fmt::format("{} positions do not fit {} pages and a context of {}", n, pages.size(), n_ctx_));
  for (const uint32_t p : pages.first(pages_of(n)))
    if (p >= count_.size() || count_[p] == 0)
      return bad_input(fmt::format("KV page {} is not held by anybody", p));
  BW_TRY(const int made, new_sequence());  // moves no other sequence's pages
  Sequence& to = sequences_[size_t(made)];
  to.length = n;
  to.pages.assign(pages.begin(), pages.begin() + pages_of(n));
  for (const uint32_t p : to.pages) ++count_[p];
  return made;
}

void KvCache::replace(int seq, size_t i, uint32_t page) {
  uint32_t& mine = sequences_[size_t(seq)].pages[i];
  ++count_[page];
  release(mine);
  mine = page;
}

void KvCache::truncate(int seq, uint32_t n) {
  if (n >= length(seq)) return;
  Sequence& s = sequences_[size_t(seq)];
  s.length = n;
  for (; s.pages.size() > pages_of(n); s.pages.pop_back()) release(s.pages.back());
}

void KvCache::drop(int seq) {
  if (!alive(seq)) return;
  truncate(seq, 0);
  sequences_[size_t(seq)].alive = false;
}

uint32_t KvCache::take_page() {
  const uint32_t p = free_.back();
  free_.pop_back();
  count_[p] = 1;
  return p;
}
void KvCache::release(uint32_t page) {
  if (--count_[page] == 0) free_.push_back(page);
}

uint64_t KvCache::pages_needed(std::span<const Growth> growth) const {
  uint64_t fresh = 0;
  std::map<uint32_t, uint32_t> writers;  // a shared page and how many of these sequences will write to it
  for (const Growth& g : growth) {
    const Sequence& s = sequences_[size_t(g.seq)];
    if (g.n == 0) continue;
    fresh += pages_of(s.length + g.n) - s.pages.size();
    if (s.length % page_positions != 0 && count_[s.pages.back()] > 1) ++writers[s.pages.back()];
  }
  // The last holder of a page writes to it without a copy.
  for (const auto& [page, n] : writers) fresh += std::min(n, count_[page] - 1);
  return fresh;
}

Status KvCache::grow(std::span<const Growth> growth) {
  for (const Growth& g : growth) {
    if (!alive(g.seq)) return bad_input(fmt::format("sequence {} is not alive", g.seq));
    if (g.n > n_ctx_ - length(g.seq))
      return failed(fmt::format("sequence {}: {} positions held and {} to come do not fit a context of {}",
                                g.seq, length(g.seq), g.n, n_ctx_),
                    "shorten the input or make the context larger");
  }
  if (const uint64_t needed = pages_needed(growth); needed > free_.size())
    return failed(fmt::format("KV cache: {} pages of {} positions are needed, {} of {} are free", needed,
                              page_positions, free_.size(), count_.size()),
                  "drop or truncate a sequence, or give the context a larger n_kv");
  for (const Growth& g : growth) {
    Sequence& s = sequences_[size_t(g.seq)];
    if (g.n == 0) continue;
    if (s.length % page_positions != 0 && count_[s.pages.back()] > 1) {
      const uint32_t copy = take_page();
      std::memcpy(arena_.data() + copy * page_bytes_, arena_.data() + s.pages.back() * page_bytes_,
                  page_bytes_);
      release(s.pages.back());
      s.pages.back() = copy;
    }
    s.length += g.n;
    while (s.pages.size() < pages_of(s.length)) s.pages.push_back(take_page());
  }
  return {};
}

}  // namespace bw::engine
