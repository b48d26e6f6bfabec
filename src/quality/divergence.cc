// The lock step: for each chunk, each context reads the unscored tokens at once and the scored ones n_rows at
// a time; after each such step the rows of all contexts are compared, in threads, before the next overwrites
// them.
#include "quality/divergence.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <thread>

#include "quality/softmax.h"
#include "stats/paired.h"
#include "stats/special.h"

namespace bw::quality {
namespace {
using engine::Context;
using text::Token;

struct Position {
  int64_t chunk = 0;   // of the text: the cluster
  uint64_t chain = 0;  // which 256 tokens of the text it stands in
  double kld = 0, nll_reference = 0, nll_candidate = 0;
  bool same_top = false, finite = false;
};

struct Side {
  Context* context = nullptr;
  std::string name;
  int seq = -1;
  std::vector<float> logits;  // [n_rows, n_vocab]
  size_t n_vocab = 0;
};

Error of(const Side& s, const Error& e) {
  return {e.code, fmt::format("divergence: {}: {}", s.name, e.what), e.next};
}

// Runs f(row) for every row, over n_threads threads.
void for_rows(size_t n_rows, int n_threads, const std::function<void(size_t)>& f) {
  std::atomic<size_t> next = 0;
  const auto work = [&] {
    for (size_t i; (i = next.fetch_add(1)) < n_rows;) f(i);
  };
  std::vector<std::jthread> others;
  for (int t = 1; t < n_threads && size_t(t) < n_rows; ++t) others.emplace_back(work);
  work();
}

class LockStep {
 public:
  LockStep(Context& reference, std::span<Context* const> candidates, std::span<const Token> tokens,
           const DivergenceOptions& o)
      : tokens_(tokens), o_(o), positions_(candidates.size()) {
    sides_.resize(1 + candidates.size());
    sides_[0].context = &reference;
    sides_[0].name = "reference";
    for (size_t i = 0; i < candidates.size(); ++i) {
      sides_[i + 1].context = candidates[i];
      sides_[i + 1].name = fmt::format("candidate {}", i + 1);
    }
  }
  ~LockStep() { close(); }
  LockStep(const LockStep&) = delete;

  Status run(uint32_t n_chunks) {
    n_total_ = uint64_t(n_chunks) * o_.chunk * sides_.size();
    for (uint32_t c = 0; c < n_chunks; ++c) BW_CHECK(chunk(c));
    return {};
  }
  const std::vector<std::vector<Position>>& positions() const { return positions_; }

 private:
  void close() {
    for (Side& s : sides_)
      if (s.seq >= 0) s.context->drop(std::exchange(s.seq, -1));
  }

  Status chunk(uint32_t c) {
    for (Side& s : sides_) {
      auto seq = s.context->new_sequence();
      if (!seq) return of(s, seq.error());
      s.seq = *seq;
    }
    for (uint32_t at = 0; at + 1 < o_.chunk;) {
      // The last token of a chunk has no successor in it: it is never read.
      const uint32_t limit =
          at < o_.score_from ? std::min(o_.score_from, at + 256) : std::min(o_.chunk - 1, at + o_.n_rows);
      for (size_t i = 0; i < sides_.size(); ++i) {
        if (o_.cancel && o_.cancel->load(std::memory_order_relaxed))
          return failed("divergence was interrupted");
        BW_CHECK(read(sides_[i], c, at, limit));
        if (at >= o_.score_from) BW_CHECK(score(i, c, at, limit));
        n_done_ += limit - at;
        if (o_.progress) o_.progress(n_done_, n_total_);
      }
      at = limit;
    }
    n_done_ = uint64_t(c + 1) * o_.chunk * sides_.size();
    close();
    return {};
  }

  // Positions [at, limit) of chunk c through one context; logits kept where scored.
  Status read(Side& s, uint32_t c, uint32_t at, uint32_t limit) {
    const bool scored = at >= o_.score_from;
    std::vector<engine::Row> rows;
    for (uint32_t p = at; p < limit; ++p)
      rows.push_back({s.seq, p == 0 && o_.bos >= 0 ? o_.bos : tokens_[size_t(c) * o_.chunk + p], scored});
    const auto ok = s.context->forward(rows, [&](size_t row, std::span<const float> logits) -> Status {
      if (s.logits.empty()) {
        s.n_vocab = logits.size();
        if (sides_[0].n_vocab != s.n_vocab)
          return unsupported(fmt::format("expected {} logits as the reference gives, found {}",
                                         sides_[0].n_vocab, s.n_vocab),
                             "divergence needs one vocabulary; tasks are judged with any");
        // Candidates come one after another and share a buffer.
        s.logits = &s == &sides_[0] ? std::vector<float>(s.n_vocab * o_.n_rows) : std::move(spare_);
        s.logits.resize(s.n_vocab * o_.n_rows);
      }
      std::copy(logits.begin(), logits.end(), s.logits.begin() + long(row * s.n_vocab));
      return {};
    });
    return ok ? Status() : of(s, ok.error());
  }

  Status score(size_t side, uint32_t c, uint32_t at, uint32_t limit) {
    const size_t n = limit - at, n_vocab = sides_[0].n_vocab;
    const auto row = [&](std::vector<float>& v, size_t i) {
      return std::span(v).subspan(i * n_vocab, n_vocab);
    };
    if (side == 0) {
      softmax_.resize(n);
      exps_.resize(n_vocab * o_.n_rows);
      for_rows(n, o_.n_threads,
               [&](size_t i) { softmax_[i] = softmax(row(sides_[0].logits, i), row(exps_, i).data()); });
      return {};
    }
    std::vector<Position> found(n);
    for_rows(n, o_.n_threads, [&](size_t i) {
      const std::span<float> l = row(sides_[0].logits, i), x = row(sides_[side].logits, i);
      const Compared d = compare(l, softmax_[i], row(exps_, i).data(), x);
      const size_t absolute = size_t(c) * o_.chunk + at + i;
      const size_t target = size_t(tokens_[absolute + 1]);
      Position& p = found[i];
      p.chunk = c;
      p.chain = absolute / 256;
      p.finite = d.candidate.finite && softmax_[i].finite && target < n_vocab;
      if (!p.finite) return;
      p.kld = d.kld;
      p.same_top = d.candidate.top == softmax_[i].top;
      p.nll_reference = -softmax_[i].log_p(l[target]);
      p.nll_candidate = -d.candidate.log_p(x[target]);
    });
    auto& all = positions_[side - 1];
    all.insert(all.end(), found.begin(), found.end());
    spare_ = std::move(sides_[side].logits);
    sides_[side].logits.clear();
    return {};
  }

  std::span<const Token> tokens_;
  const DivergenceOptions& o_;
  std::vector<Side> sides_;                       // the reference, then the candidates
  std::vector<float> spare_;                      // the candidates' buffer between two of them
  std::vector<float> exps_;                       // of the reference [n_rows, n_vocab]
  std::vector<Softmax> softmax_;                  // of the reference's rows
  std::vector<std::vector<Position>> positions_;  // a candidate
  uint64_t n_done_ = 0, n_total_ = 0;
};

double quantile(const std::vector<double>& sorted, double q) {
  const double at = q * double(sorted.size() - 1);
  const size_t i = size_t(at);
  const double next = sorted[std::min(i + 1, sorted.size() - 1)];
  return sorted[i] + (at - double(i)) * (next - sorted[i]);
}

// Mean of f over positions in BN1's chains, with the interval clustered by chunk where there are two or more.
struct Mean {
  double value = 0;
  std::optional<double> half_width;
};
template <class F>
Mean mean_of(const std::vector<Position>& positions, double confidence, const F& f) {
  std::vector<double> values;
  std::vector<int64_t> cluster;
  double total = 0, chain = 0;
  for (size_t i = 0; i < positions.size(); ++i) {
    if (i > 0 && positions[i].chain != positions[i - 1].chain) total += std::exchange(chain, 0);
    const double v = f(positions[i]);
    chain += v;
    values.push_back(v);
    cluster.push_back(positions[i].chunk);
  }
  Mean m;
  m.value = (total + chain) / double(values.size());
  const auto se = stats::clustered_standard_error(values, cluster);
  if (!se) return m;  // a single chunk says nothing about the spread between chunks
  std::sort(cluster.begin(), cluster.end());
  const auto n_clusters = std::unique(cluster.begin(), cluster.end()) - cluster.begin();
  m.half_width = *se * stats::student_t_quantile(0.5 + confidence / 2, double(n_clusters - 1));
  return m;
}

Divergence summary(std::vector<Position> positions, const DivergenceOptions& o) {
  Divergence d;
  const size_t n_all = positions.size();
  std::erase_if(positions, [](const Position& p) { return !p.finite; });
  d.n_positions = positions.size();
  d.n_non_finite = n_all - positions.size();
  const int64_t n = int64_t(positions.size());
  std::vector<double> kld;
  for (const Position& p : positions) kld.push_back(p.kld);
  std::sort(kld.begin(), kld.end());
  if (kld.empty()) {
    const std::string why = "no position had finite logits on both sides";
    for (Figure* f : {&d.kld_mean, &d.kld_median, &d.kld_p90, &d.kld_p99, &d.kld_max})
      *f = unknown("nats", why);
    d.same_top = unknown("share", why);
    for (Figure* f : {&d.reference_ppl, &d.candidate_ppl, &d.ppl_ratio}) *f = unknown("", why);
    return d;
  }
  const std::string how =
      fmt::format("{} positions, {} tokens a chunk, interval clustered by chunk", n, o.chunk);
  // The figure g(mean), with the interval carried through g (increasing).
  const auto figure = [&](const auto& f, const char* unit, const auto& g) {
    const Mean m = mean_of(positions, o.confidence, f);
    Figure out = measured(g(m.value), unit, how);
    out.n = n;
    if (m.half_width) out = with_interval(out, g(m.value - *m.half_width), g(m.value + *m.half_width), n);
    return out;
  };
  const auto same = [](double x) { return x; };
  const auto power = [](double x) { return std::exp(x); };
  d.kld_mean = figure([](const Position& p) { return p.kld; }, "nats", same);
  d.same_top = figure([](const Position& p) { return p.same_top ? 1.0 : 0.0; }, "share",
                      [](double x) { return std::clamp(x, 0.0, 1.0); });
  d.reference_ppl = figure([](const Position& p) { return p.nll_reference; }, "perplexity", power);
  d.candidate_ppl = figure([](const Position& p) { return p.nll_candidate; }, "perplexity", power);
  d.ppl_ratio = figure([](const Position& p) { return p.nll_candidate - p.nll_reference; }, "ratio", power);
  const auto order = [&](double q) {
    Figure f = measured(quantile(kld, q), "nats", fmt::format("{} positions", n));
    f.n = n;
    return f;
  };
  d.kld_median = order(0.5);
  d.kld_p90 = order(0.9);
  d.kld_p99 = order(0.99);
  d.kld_max = order(1);
  return d;
}
}  // namespace

Result<std::vector<Divergence>> divergence(Context& reference, std::span<Context* const> candidates,
                                           std::span<const Token> tokens, const DivergenceOptions& o) {
  if (o.n_rows == 0 || o.score_from == 0 || o.score_from + 1 >= o.chunk)
    return bad_input(
        fmt::format("divergence: expected 0 < score_from < chunk - 1 and n_rows > 0, found {}, {}, {}",
                    o.score_from, o.chunk, o.n_rows));
  const size_t n_chunks = std::min<size_t>(o.n_chunks, tokens.size() / o.chunk);
  if (n_chunks == 0)
    return bad_input(
        fmt::format("divergence: expected at least one chunk of {} tokens, found {} tokens and {} "
                    "chunks asked",
                    o.chunk, tokens.size(), o.n_chunks),
        "give a longer text");
  LockStep run(reference, candidates, tokens, o);
  BW_CHECK(run.run(uint32_t(n_chunks)));
  std::vector<Divergence> out;
  for (const auto& positions : run.positions()) out.push_back(summary(positions, o));
  return out;
}

}  // namespace bw::quality
