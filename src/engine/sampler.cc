// The sampler of BN1 section 8. Sums and walks in binary64; the random number from Philox at (position,
// sample index).
#include "engine/sampler.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <vector>

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
};
// The total order.
bool before(const Kept& a, const Kept& b) {
  return a.logit > b.logit || (a.logit == b.logit && a.id < b.id);
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

// How many of the total order's first are kept by top_p; leaves them in front. Sorts no more than it must.
size_t top_p_prefix(std::vector<Kept>& kept, double limit) {
  double sum = 0;
  size_t done = 0;
  for (size_t block = 64; done < kept.size(); block *= 8) {
    const size_t end = std::min(kept.size(), done + block);
    std::partial_sort(kept.begin() + long(done), kept.begin() + long(end), kept.end(), before);
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

double uniform(const SamplerOptions& o, uint32_t position) {
  const auto x = philox4x32_10({position, o.sample_index, 0, 0}, {uint32_t(o.seed), uint32_t(o.seed >> 32)});
  return double((uint64_t(x[0]) << 21) + (x[1] >> 11)) * 0x1p-53;
}

float largest(std::span<const float> logits) {
  return logits[size_t(greedy(logits))];
}
}  // namespace

Status check(const SamplerOptions& o) {
  const auto share = [](const char* name, float v) -> Status {
    if (v >= 0 && v <= 1) return {};
    return bad_input(fmt::format("{}: expected a number from 0 to 1, found {}", name, v));
  };
  if (!(o.temperature >= 0) || !std::isfinite(o.temperature))
    return bad_input(
        fmt::format("temperature: expected a finite number of 0 or more, found {}", o.temperature));
  BW_CHECK(share("top_p", o.top_p));
  return share("min_p", o.min_p);
}

Token greedy(std::span<const float> logits) {
  size_t best = 0;
  for (size_t i = 1; i < logits.size(); ++i)
    if (logits[i] > logits[best]) best = i;
  return Token(best);
}

Token sample(std::span<const float> logits, const SamplerOptions& o, uint32_t position) {
  if (o.temperature == 0) return greedy(logits);
  const float max = largest(logits);
  std::vector<Kept> kept(logits.size());
  for (size_t i = 0; i < logits.size(); ++i) kept[i] = {Token(i), logits[i], 0};
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
    kept.resize(top_p_prefix(kept, double(o.top_p) * total));
    in_id_order = false;
  }
  if (o.min_p > 0) cut_below(kept, double(o.min_p));  // e of the first is exp(0) = 1
  const double aim = uniform(o, position) * sum_by_id(kept, in_id_order);
  double sum = 0;
  for (const Kept& k : kept) {
    sum += k.e;
    if (sum > aim) return k.id;
  }
  return kept.back().id;
}

double log_probability(std::span<const float> logits, Token token) {
  const float max = largest(logits);
  std::vector<float> e(logits.size());
  exp_row(logits.data(), max, 1, e.size(), e.data());
  double sum = 0;
  for (const float x : e) sum += double(x);
  return double(logits[size_t(token)] - max) - exact_log(sum);
}

}  // namespace bw::engine
