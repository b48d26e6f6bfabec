// One input of the sampler's fuzzer, and of the test that replays its corpus: bytes as logits, options and
// history. In: any bytes. Out: whether the options were ones that check() takes; traps where a promise of
// sampler.h is broken: an id outside the vocabulary, a choice that was not among the candidates, a token
// without weight drawn, two runs that differ.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstring>
#include <string_view>
#include <vector>

#include "engine/sampler.h"

namespace bw::engine::testing {

using text::Token;

class Bytes {
 public:
  explicit Bytes(std::string_view bytes) : bytes_(bytes) {}
  template <class T>
  T take() {
    T value{};
    const size_t n = std::min(sizeof(T), bytes_.size());
    if (n > 0) std::memcpy(&value, bytes_.data(), n);
    bytes_.remove_prefix(n);
    return value;
  }

 private:
  std::string_view bytes_;
};

inline void require(bool promise) {
  if (!promise) __builtin_trap();
}

inline bool sample_one(std::string_view bytes) {
  Bytes in(bytes);
  SamplerOptions o{.temperature = in.take<float>(),
                   .top_k = in.take<uint8_t>(),
                   .top_p = in.take<float>(),
                   .min_p = in.take<float>(),
                   .typical = in.take<float>(),
                   .seed = in.take<uint64_t>(),
                   .sample_index = in.take<uint32_t>(),
                   .repeat_penalty = in.take<float>(),
                   .repeat_window = in.take<uint32_t>(),
                   .frequency_penalty = in.take<float>(),
                   .presence_penalty = in.take<float>()};
  for (size_t n = in.take<uint8_t>() % 4; n > 0; --n) {
    const auto token = Token(in.take<int8_t>());
    o.bias.push_back({token, in.take<float>()});
  }
  const size_t n_vocab = 1 + in.take<uint8_t>() % 100;
  std::vector<Token> prompt(in.take<uint8_t>() % 40), output(in.take<uint8_t>() % 40);
  for (Token& t : prompt) t = Token(in.take<uint8_t>() % n_vocab);
  for (Token& t : output) t = Token(in.take<uint8_t>() % n_vocab);
  std::vector<float> logits(n_vocab);
  for (float& l : logits) {
    l = in.take<float>();
    if (!std::isfinite(l)) l = 0;  // the engine lets none through
  }
  std::vector<uint64_t> mask;  // none where the bytes have ended
  if (in.take<uint8_t>() % 2) {
    mask.resize(mask_words(n_vocab));
    for (uint64_t& word : mask) word = in.take<uint64_t>();
  }
  size_t n_allowed = mask.empty() ? n_vocab : 0;
  for (size_t i = 0; !mask.empty() && i < n_vocab; ++i) n_allowed += allows(mask, Token(i));
  if (!check(o)) return false;
  const bool bias_outside = std::any_of(o.bias.begin(), o.bias.end(),
                                        [&](const LogitBias& b) { return size_t(b.token) >= n_vocab; });
  const History history{prompt, output};
  for (uint32_t position = 0; position < 4; ++position) {
    const auto t = sample(logits, o, position, history, mask),
               again = sample(logits, o, position, history, mask);
    require(bool(t) != (bias_outside || n_allowed == 0));
    if (!t) continue;
    require(*t == *again && *t >= 0 && size_t(*t) < n_vocab && (mask.empty() || allows(mask, *t)));
    if (o.temperature == 0) continue;
    const auto kept = candidates(logits, o, history, mask);
    require(kept && !kept->empty() && kept->size() <= n_allowed);
    require(std::any_of(kept->begin(), kept->end(),
                        [&](const Candidate& c) { return c.token == *t && c.e > 0; }));
    require(std::is_sorted(kept->begin(), kept->end(),
                           [](const auto& a, const auto& b) { return a.token < b.token; }));
    require(o.top_k == 0 || kept->size() <= o.top_k);
  }
  const LogProbs probs = log_probs(logits, 0, 20);
  require(probs.top.size() == std::min<size_t>(20, n_vocab) && !std::isnan(probs.chosen.log_probability));
  for (size_t i = 1; i < probs.top.size(); ++i)
    require(probs.top[i].log_probability <= probs.top[i - 1].log_probability);
  return true;
}

}  // namespace bw::engine::testing
