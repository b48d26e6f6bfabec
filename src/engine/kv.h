// The KV cache: pages of kv_chunk positions, all layers, shared by count between sequences and whoever else
// holds them, and copied when written to. In: sequences, positions to append. Out: for every position a page;
// keys and values by (page, layer, KV head). A page holds [n_layer][K, V][n_head_kv] chunks of
// kernels/attend.h. Kwon et al. 2023 (paging).
#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "base/arena.h"
#include "base/result.h"
#include "kernels/attend.h"
#include "model/spec.h"

namespace bw::engine {

using kernels::KvType;

class KvCache {
 public:
  static Result<KvCache> make(const model::Spec& spec, KvType type, uint64_t n_pages, uint32_t n_ctx,
                              uint32_t n_seq);
  KvType type() const { return type_; }

  Result<int> new_sequence();
  Result<int> fork(int seq, uint32_t n);
  void truncate(int seq, uint32_t n);
  void drop(int seq);
  bool alive(int seq) const {
    return seq >= 0 && size_t(seq) < sequences_.size() && sequences_[size_t(seq)].alive;
  }
  uint32_t length(int seq) const { return alive(seq) ? sequences_[size_t(seq)].length : 0; }

  struct Growth {
    int seq;
    uint32_t n;  // positions to append
  };
  // Makes room for all of them and lengthens the sequences; each seq at most once. Refused with nothing
  // changed: beyond n_ctx, or too few free pages.
  Status grow(std::span<const Growth> growth);
  // Pages of a sequence: page i holds positions kv_chunk * i onwards.
  std::span<const uint32_t> pages(int seq) const { return sequences_[size_t(seq)].pages; }
  std::byte* chunk(uint32_t page, uint32_t layer, bool value, uint32_t head) const {
    return arena_.data() + page * page_bytes_ +
           ((size_t{layer} * 2 + value) * n_head_kv_ + head) * chunk_bytes_;
  }
  uint64_t n_bytes() const { return arena_.size(); }
  uint64_t n_pages() const { return count_.size(); }
  uint64_t free_pages() const { return free_.size(); }

  // Pages beyond living sequences. A page lives while somebody counts it: a sequence that contains it, or
  // hold().
  void hold(uint32_t page) { ++count_[page]; }
  void release(uint32_t page);  // undoes one hold()
  uint32_t holders(uint32_t page) const { return count_[page]; }
  // A new sequence of the first n positions of these pages, each of which lives.
  Result<int> adopt(std::span<const uint32_t> pages, uint32_t n);
  // Puts a living page in place of page i of a sequence, which must hold the same positions' same bits.
  void replace(int seq, size_t i, uint32_t page);

 private:
  struct Sequence {
    bool alive = false;
    uint32_t length = 0;
    std::vector<uint32_t> pages;
  };
  uint64_t pages_needed(std::span<const Growth> growth) const;
  uint32_t take_page();

  Arena arena_;
  KvType type_ = KvType::f16;
  uint64_t page_bytes_ = 0, chunk_bytes_ = 0;
  uint32_t n_head_kv_ = 0, n_ctx_ = 0;
  std::vector<Sequence> sequences_;
  std::vector<uint32_t> count_;  // of each page: its holders; 0 is free
  std::vector<uint32_t> free_;
};

}  // namespace bw::engine
