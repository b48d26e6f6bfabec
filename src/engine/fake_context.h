// For tests of what stands on a Context: a toy model whose logits are a hash of everything its sequence
// holds, so a wrong position, a leaked neighbour or a token too many changes all that follows. No weights, no
// real engine. In: tokens below n_vocab. Out: logits [n_vocab]; limits and failures of a real context on
// demand.
#pragma once
#include <algorithm>
#include <functional>
#include <map>
#include <vector>

#include "engine/engine.h"

namespace bw::engine {

class FakeContext : public Context {
 public:
  uint32_t n_vocab = 12, n_ctx = 1u << 20, n_seq = 4;
  uint64_t n_kv = ~uint64_t(0);  // tokens in all sequences together
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

  Result<int> new_sequence() override {
    if (sequences_.size() >= n_seq) return bad_input("fake context: all sequences are alive");
    sequences_[next_];
    most_alive = std::max(most_alive, sequences_.size());
    return next_++;
  }
  Result<int> fork(int seq, uint32_t n) override {
    BW_TRY(const int copy, new_sequence());
    const auto& from = sequences_.at(seq);
    sequences_.at(copy).assign(from.begin(), from.begin() + long(std::min<size_t>(n, from.size())));
    return copy;
  }
  void truncate(int seq, uint32_t n) override {
    auto& s = sequences_.at(seq);
    s.resize(std::min<size_t>(n, s.size()));
  }
  void drop(int seq) override { sequences_.erase(seq); }
  uint32_t length(int seq) const override { return uint32_t(sequences_.at(seq).size()); }
  Status forward(std::span<const Row> rows, const LogitsSink& sink) override {
    std::map<int, size_t> after;
    uint64_t held = rows.size();
    for (const auto& [seq, tokens] : sequences_) held += after[seq] = tokens.size();
    for (const Row& r : rows) {
      if (++after[r.seq] > n_ctx) return failed("fake context: the context is full");
      if (r.token < 0 || uint32_t(r.token) >= n_vocab) return bad_input("fake context: no such token");
    }
    if (held > n_kv) return failed("fake context: no KV pages left");
    ++n_passes;
    n_rows += rows.size();
    most_rows = std::max(most_rows, rows.size());
    std::vector<float> logits(n_vocab);
    for (size_t i = 0; i < rows.size(); ++i) {
      auto& s = sequences_.at(rows[i].seq);
      s.push_back(rows[i].token);
      if (rows[i].token == poison) return failed("fake context: layer 0: a value is not finite");
      if (!rows[i].wants_logits) continue;
      ++n_wanted;
      model(s, logits);
      BW_CHECK(sink(i, logits));
    }
    return {};
  }
  void on_stage(StageSink) override {}
  uint64_t kv_bytes() const override { return 0; }
  uint64_t work_bytes() const override { return 0; }
  size_t n_alive() const { return sequences_.size(); }

 private:
  std::map<int, std::vector<Token>> sequences_;
  int next_ = 0;
};

}  // namespace bw::engine
