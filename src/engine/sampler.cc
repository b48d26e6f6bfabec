// The sampler of BN1 section 8. Sums and walks in binary64; the random number from Philox at (position,
// sample index).
#include "engine/sampler.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include "base/exact_log.h"
#include "engine/exp_row.h"
#include "engine/philox.h"

namespace bw::engine {
namespace {
using text::Token;

struct Kept {
  Token id;
  float logit;
  double e;
  double distance = 0;  // of its surprise from the entropy
};
// The total order.
bool before(const Kept& a, const Kept& b) {
  return a.logit > b.logit || (a.logit == b.logit && a.id < b.id);
}
bool more_typical(const Kept& a, const Kept& b) {
  return a.distance < b.distance || (a.distance == b.distance && before(a, b));
}
bool by_id(const Kept& a, const Kept& b) {
  return a.id < b.id;
}

double sum_by_id(std::vector<Kept>& kept, bool& in_id_order) {
  if (!in_id_order) std::sort(kept.begin(), kept.end(), by_id);
  in_id_order = true;
  double total = 0;
  for (const Kept& k : kept) total += k.e;
  return total;
}

// How many of an order's first are kept: all before the first whose predecessors sum to `limit`. Leaves them
// in front; sorts no more than it must.
template <class Order>
size_t prefix_by_mass(std::vector<Kept>& kept, Order order, double limit) {
  double sum = 0;
  size_t done = 0;
  for (size_t block = 64; done < kept.size(); block *= 8) {
    const size_t end = std::min(kept.size(), done + block);
    std::partial_sort(kept.begin() + long(done), kept.begin() + long(end), kept.end(), order);
    for (; done < end; ++done) {
      if (done > 0 && sum >= limit) return done;
      sum += kept[done].e;
    }
  }
  return done;
}

// Keeps the prefix of the total order that ends before its first member with e < limit. exp is not monotone,
// so a member with e >= limit behind that one goes too.
void cut_below(std::vector<Kept>& kept, double limit) {
  const Kept* first = &kept[0];
  const Kept* fails = nullptr;
  for (const Kept& k : kept) {
    if (before(k, *first)) first = &k;
    if (k.e < limit && (!fails || before(k, *fails))) fails = &k;
  }
  if (!fails) return;
  const Kept best = *first, bound = *fails;
  std::erase_if(kept, [&](const Kept& k) { return k.id != best.id && !before(k, bound); });
}

// Surprise s_i = log(total) - x_i with x_i = div(sub(l_i, max), T), so that one logarithm serves all.
void keep_typical(std::vector<Kept>& kept, bool& in_id_order, float max, const SamplerOptions& o) {
  const double total = sum_by_id(kept, in_id_order), log_total = exact_log(total);
  const auto surprise = [&](const Kept& k) { return log_total - double((k.logit - max) / o.temperature); };
  double entropy = 0;
  for (const Kept& k : kept)
    if (k.e > 0) entropy += k.e / total * surprise(k);
  for (Kept& k : kept) k.distance = std::abs(surprise(k) - entropy);
  kept.resize(prefix_by_mass(kept, more_typical, double(o.typical) * total));
  in_id_order = false;
}

// The first of the total order among what the mask allows; -1: nothing. A word of zeros costs one look. In
// one of many bits the logits are looked at first: few are above the best so far, so the loop is greedy()'s.
Token first_allowed(std::span<const float> logits, TokenMask mask) {
  Token best = -1;
  float most = -std::numeric_limits<float>::infinity();
  for (size_t w = 0; w < mask.size(); ++w) {
    const uint64_t word = mask[w];
    const size_t from = w * 64, n = std::min<size_t>(64, logits.size() - from);
    const auto take = [&](size_t i) {
      best = Token(from + i);
      most = logits[from + i];
    };
    if (std::popcount(word) > 16) {
      for (size_t i = 0; i < n; ++i)
        if (logits[from + i] > most && ((word >> i) & 1)) take(i);
    } else {
      for (uint64_t bits = word; bits != 0; bits &= bits - 1) {
        const auto i = size_t(std::countr_zero(bits));
        if (i < n && logits[from + i] > most) take(i);
      }
    }
  }
  return best;
}

// Without words that no logit belongs to.
TokenMask fitted(TokenMask mask, size_t n_vocab) {
  return mask.first(std::min(mask.size(), mask_words(n_vocab)));
}
Error nothing_allowed() {
  return failed("token mask: no token is allowed");
}

double uniform(const SamplerOptions& o, uint32_t position) {
  const auto x = philox4x32_10({position, o.sample_index, 0, 0}, {uint32_t(o.seed), uint32_t(o.seed >> 32)});
  return double((uint64_t(x[0]) << 21) + (x[1] >> 11)) * 0x1p-53;
}

float largest(std::span<const float> logits) {
  return logits[size_t(greedy(logits))];
}

// Bias and penalties. What leaves binary32 is put back at its edge: a banned token may be as low as one
// likes, and stays finite.
Status adjust(std::vector<float>& l, const SamplerOptions& o, const History& h) {
  const auto settle = [](float& x) {
    constexpr float most = std::numeric_limits<float>::max();
    x = std::min(std::max(x, -most), most);
  };
  for (const LogitBias& b : o.bias) {
    if (b.token < 0 || size_t(b.token) >= l.size())
      return bad_input(
          fmt::format("logit bias: token {}: expected an id from 0 to {}", b.token, l.size() - 1));
    settle(l[size_t(b.token)] += b.bias);
  }
  if (o.repeat_penalty != 1) {
    std::vector<Token> seen;
    const size_t n_output = std::min<size_t>(o.repeat_window, h.output.size());
    const size_t n_prompt = std::min<size_t>(o.repeat_window - n_output, h.prompt.size());
    seen.assign(h.prompt.end() - long(n_prompt), h.prompt.end());
    seen.insert(seen.end(), h.output.end() - long(n_output), h.output.end());
    std::sort(seen.begin(), seen.end());
    seen.erase(std::unique(seen.begin(), seen.end()), seen.end());
    for (const Token t : seen) {
      float& x = l[size_t(t)];
      x = x > 0 ? x / o.repeat_penalty : x * o.repeat_penalty;
      settle(x);
    }
  }
  if (o.frequency_penalty == 0 && o.presence_penalty == 0) return {};
  std::vector<Token> said(h.output.begin(), h.output.end());
  std::sort(said.begin(), said.end());
  for (size_t i = 0; i < said.size();) {
    const size_t from = i;
    while (i < said.size() && said[i] == said[from]) ++i;
    float& x = l[size_t(said[from])];
    x -= float(int32_t(i - from)) * o.frequency_penalty;
    x -= o.presence_penalty;
    settle(x);
  }
  return {};
}

std::vector<Kept> all_allowed(std::span<const float> logits, TokenMask mask) {
  std::vector<Kept> kept;
  kept.reserve(logits.size());
  for (size_t i = 0; i < logits.size();) {
    const size_t end = std::min(logits.size(), i + 64);
    const uint64_t word = mask.empty() ? ~uint64_t(0) : i / 64 < mask.size() ? mask[i / 64] : 0;
    if (word == 0) i = end;
    for (; i < end; ++i)
      if ((word >> (i % 64)) & 1) kept.push_back({Token(i), logits[i], 0});
  }
  return kept;
}

// Everything from temperature on, of what the mask allows, which is something; the result is in id order.
std::vector<Kept> filter(std::span<const float> logits, const SamplerOptions& o, TokenMask mask) {
  const float max = mask.empty() ? largest(logits) : logits[size_t(first_allowed(logits, mask))];
  std::vector<Kept> kept = all_allowed(logits, mask);
  bool in_id_order = true;
  if (o.top_k > 0 && o.top_k < kept.size()) {
    std::nth_element(kept.begin(), kept.begin() + o.top_k, kept.end(), before);
    kept.resize(o.top_k);
    in_id_order = false;
  }
  std::vector<float> x(kept.size());
  for (size_t i = 0; i < x.size(); ++i) x[i] = kept[i].logit;
  exp_row(x.data(), max, o.temperature, x.size(), x.data());
  for (size_t i = 0; i < x.size(); ++i) kept[i].e = double(x[i]);
  if (o.top_p < 1) {
    const double total = sum_by_id(kept, in_id_order);
    kept.resize(prefix_by_mass(kept, before, double(o.top_p) * total));
    in_id_order = false;
  }
  if (o.min_p > 0) cut_below(kept, double(o.min_p));  // e of the first is exp(0) = 1
  if (o.typical < 1) keep_typical(kept, in_id_order, max, o);
  if (!in_id_order) std::sort(kept.begin(), kept.end(), by_id);
  return kept;
}

// log S, and the largest logit.
struct Normaliser {
  float max;
  double log_sum;
  double of(float logit) const { return double(logit - max) - log_sum; }
};
Normaliser normaliser(std::span<const float> logits) {
  const float max = largest(logits);
  std::vector<float> e(logits.size());
  exp_row(logits.data(), max, 1, e.size(), e.data());
  double sum = 0;
  for (const float x : e) sum += double(x);
  return {max, exact_log(sum)};
}
}  // namespace

Status check(const SamplerOptions& o) {
  const auto within = [](const char* name, float v, float low, float high) -> Status {
    if (v >= low && v <= high) return {};  // not a NaN
    return bad_input(fmt::format("{}: expected a number from {} to {}, found {}", name, low, high, v));
  };
  if (!(o.temperature >= 0) || !std::isfinite(o.temperature))
    return bad_input(
        fmt::format("temperature: expected a finite number of 0 or more, found {}", o.temperature));
  BW_CHECK(within("top_p", o.top_p, 0, 1));
  BW_CHECK(within("min_p", o.min_p, 0, 1));
  BW_CHECK(within("typical", o.typical, 0, 1));
  if (!(o.repeat_penalty > 0) || !std::isfinite(o.repeat_penalty))
    return bad_input(
        fmt::format("repeat_penalty: expected a finite number above 0, found {}", o.repeat_penalty));
  BW_CHECK(within("frequency_penalty", o.frequency_penalty, -100, 100));
  BW_CHECK(within("presence_penalty", o.presence_penalty, -100, 100));
  std::vector<Token> ids;
  for (const LogitBias& b : o.bias) {
    if (!std::isfinite(b.bias))
      return bad_input(
          fmt::format("logit bias: token {}: expected a finite number, found {}", b.token, b.bias),
          "-1e9 bans a token");
    if (b.token < 0)
      return bad_input(fmt::format("logit bias: token {}: expected an id of 0 or more", b.token));
    ids.push_back(b.token);
  }
  std::sort(ids.begin(), ids.end());
  if (const auto twice = std::adjacent_find(ids.begin(), ids.end()); twice != ids.end())
    return bad_input(fmt::format("logit bias: token {} is given twice", *twice));
  return {};
}

Token greedy(std::span<const float> logits) {
  size_t best = 0;
  for (size_t i = 1; i < logits.size(); ++i)
    if (logits[i] > logits[best]) best = i;
  return Token(best);
}

Result<std::vector<Candidate>> candidates(std::span<const float> logits, const SamplerOptions& o,
                                          const History& history, TokenMask mask) {
  if (!(o.temperature > 0)) return bad_input("candidates of a draw: expected a temperature above 0");
  mask = fitted(mask, logits.size());
  if (!mask.empty() && first_allowed(logits, mask) < 0) return nothing_allowed();
  std::vector<float> changed;
  if (o.changes_logits()) {
    changed.assign(logits.begin(), logits.end());
    BW_CHECK(adjust(changed, o, history));
    logits = changed;
  }
  std::vector<Candidate> out;
  for (const Kept& k : filter(logits, o, mask)) out.push_back({k.id, k.e});
  return out;
}

Result<Token> sample(std::span<const float> logits, const SamplerOptions& o, uint32_t position,
                     const History& history, TokenMask mask) {
  mask = fitted(mask, logits.size());
  std::vector<float> changed;
  if (o.changes_logits()) {
    changed.assign(logits.begin(), logits.end());
    BW_CHECK(adjust(changed, o, history));
    logits = changed;
  }
  if (!mask.empty()) {
    const Token first = first_allowed(logits, mask);
    if (first < 0) return nothing_allowed();
    if (o.temperature == 0) return first;
  }
  if (o.temperature == 0) return greedy(logits);
  const std::vector<Kept> kept = filter(logits, o, mask);
  double total = 0;
  for (const Kept& k : kept) total += k.e;
  const double aim = uniform(o, position) * total;
  double sum = 0;
  for (const Kept& k : kept) {
    sum += k.e;
    if (sum > aim) return k.id;
  }
  return kept.back().id;
}

double log_probability(std::span<const float> logits, Token token) {
  return normaliser(logits).of(logits[size_t(token)]);
}

LogProbs log_probs(std::span<const float> logits, Token chosen, uint32_t n_top) {
  const Normaliser n = normaliser(logits);
  LogProbs out{{chosen, n.of(logits[size_t(chosen)])}, {}};
  // The first n_top in the total order: a heap of the best so far, its worst in front.
  std::vector<Kept> best;
  for (size_t i = 0; n_top > 0 && i < logits.size(); ++i) {
    const Kept k{Token(i), logits[i], 0};
    if (best.size() == n_top) {
      if (!before(k, best.front())) continue;
      std::pop_heap(best.begin(), best.end(), before);
      best.pop_back();
    }
    best.push_back(k);
    std::push_heap(best.begin(), best.end(), before);
  }
  std::sort_heap(best.begin(), best.end(), before);
  for (const Kept& k : best) out.top.push_back({k.id, n.of(k.logit)});
  return out;
}

}  // namespace bw::engine
