// For tests of what stands on a Context: a toy model whose logits are a hash of everything its sequence
// holds, so a wrong position, a leaked neighbour or a token too many changes all that follows. Tokens lie in
// counted pages, as keys and values do in the real one: whoever shares a wrong page reads wrong tokens. No
// weights, no real engine. In: tokens below n_vocab. Out: logits [n_vocab]; limits and failures on demand.
#pragma once
#include <algorithm>
#include <array>
#include <functional>
#include <map>
#include <vector>

#include "engine/engine.h"

namespace bw::engine {

class FakeContext : public Context {
 public:
  uint32_t n_vocab = 12, n_ctx = 1u << 20, n_seq = 4;
  uint64_t n_kv = ~uint64_t(0);             // tokens in all sequences together
  uint64_t most_pages = uint64_t{1} << 20;  // pages alive at once
  Token poison = -1;  // a row with this token makes the pass fail after it was appended, as a NaN would
  std::function<void(std::span<const Token> history, std::span<float> logits)> model = hash_model;
  // What was asked of it.
  size_t n_passes = 0, n_rows = 0, n_wanted = 0, most_rows = 0, most_alive = 0;

  static void hash_model(std::span<const Token> history, std::span<float> logits) {
    uint64_t h = 1469598103934665603ull;
    for (const Token t : history) h = (h ^ uint64_t(t + 1)) * 1099511628211ull;
    for (size_t i = 0; i < logits.size(); ++i) {
      uint64_t x = h + (i + 1) * 0x9E3779B97F4A7C15ull;
      x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9ull;
      x = (x ^ (x >> 27)) * 0x94D049BB133111EBull;
      logits[i] = float((x ^ (x >> 31)) >> 44) * 0x1p-17f - 4.0f;  // [-4, 4)
    }
  }

  Result<int> new_sequence() override { return adopt({}, 0); }
  Result<int> fork(int seq, uint32_t n) override {
    const std::vector<uint32_t> from = sequences_.at(seq).pages;
    return adopt(from, std::min(n, length(seq)));
  }
  void truncate(int seq, uint32_t n) override {
    Sequence& s = sequences_.at(seq);
    s.length = std::min(n, s.length);
    for (; s.pages.size() > pages_of(s.length); s.pages.pop_back()) release_page(s.pages.back());
  }
  void drop(int seq) override {
    truncate(seq, 0);
    sequences_.erase(seq);
  }
  uint32_t length(int seq) const override { return sequences_.at(seq).length; }
  Status forward(std::span<const Row> rows, const LogitsSink& sink) override {
    std::map<int, size_t> after;
    uint64_t held = rows.size();
    for (const auto& [seq, s] : sequences_) held += after[seq] = s.length;
    for (const Row& r : rows) {
      if (++after[r.seq] > n_ctx) return failed("fake context: the context is full");
      if (r.token < 0 || uint32_t(r.token) >= n_vocab) return bad_input("fake context: no such token");
    }
    if (held > n_kv) return failed("fake context: no KV pages left");
    const std::map<int, Sequence> before = sequences_;
    const Status result = append(rows, sink);
    if (!result)
      for (const auto& [seq, s] : before) truncate(seq, s.length);
    return result;
  }
  void on_stage(StageSink) override {}
  uint64_t kv_bytes() const override { return 0; }
  uint64_t work_bytes() const override { return 0; }
  uint64_t n_pages() const override { return most_pages; }
  uint64_t free_pages() const override { return most_pages - pages_.size(); }
  std::span<const uint32_t> pages(int seq) const override { return sequences_.at(seq).pages; }
  void hold_page(uint32_t page) override { ++pages_.at(page).holders; }
  void release_page(uint32_t page) override {
    if (--pages_.at(page).holders == 0) pages_.erase(page);
  }
  uint32_t page_holders(uint32_t page) const override { return pages_.at(page).holders; }
  Result<int> adopt(std::span<const uint32_t> pages, uint32_t n) override {
    if (sequences_.size() >= n_seq) return bad_input("fake context: all sequences are alive");
    for (const uint32_t p : pages.first(pages_of(n))) hold_page(p);
    sequences_[next_] = {{pages.begin(), pages.begin() + long(pages_of(n))}, n};
    most_alive = std::max(most_alive, sequences_.size());
    return next_++;
  }
  void replace_page(int seq, size_t i, uint32_t page) override {
    uint32_t& mine = sequences_.at(seq).pages.at(i);
    hold_page(page);
    release_page(mine);
    mine = page;
  }
  size_t n_alive() const { return sequences_.size(); }
  void drop_all() {
    while (!sequences_.empty()) drop(sequences_.begin()->first);
  }

 private:
  struct Page {
    std::array<Token, page_positions> tokens{};
    uint32_t holders = 1;
  };
  struct Sequence {
    std::vector<uint32_t> pages;
    uint32_t length = 0;
  };
  static size_t pages_of(uint32_t n) { return (n + page_positions - 1) / page_positions; }

  Status put(Sequence& s, Token token) {
    const bool fresh = s.length % page_positions == 0,
               shared = !fresh && pages_.at(s.pages.back()).holders > 1;
    if (fresh || shared) {
      if (pages_.size() >= most_pages) return failed("fake context: no KV pages left");
      Page& made = pages_[next_page_] = {};
      if (shared) {
        made.tokens = pages_.at(s.pages.back()).tokens;
        release_page(s.pages.back());
        s.pages.pop_back();
      }
      s.pages.push_back(next_page_++);
    }
    pages_.at(s.pages.back()).tokens[s.length++ % page_positions] = token;
    return {};
  }
  std::vector<Token> history(const Sequence& s) const {
    std::vector<Token> out;
    for (uint32_t i = 0; i < s.length; ++i)
      out.push_back(pages_.at(s.pages[i / page_positions]).tokens[i % page_positions]);
    return out;
  }
  Status append(std::span<const Row> rows, const LogitsSink& sink) {
    ++n_passes;
    n_rows += rows.size();
    most_rows = std::max(most_rows, rows.size());
    std::vector<float> logits(n_vocab);
    for (size_t i = 0; i < rows.size(); ++i) {
      Sequence& s = sequences_.at(rows[i].seq);
      BW_CHECK(put(s, rows[i].token));
      if (rows[i].token == poison) return failed("fake context: layer 0: a value is not finite");
      if (!rows[i].wants_logits) continue;
      ++n_wanted;
      model(history(s), logits);
      BW_CHECK(sink(i, logits));
    }
    return {};
  }

  std::map<int, Sequence> sequences_;
  std::map<uint32_t, Page> pages_;
  int next_ = 0;
  uint32_t next_page_ = 0;
};

}  // namespace bw::engine
