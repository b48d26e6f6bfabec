#include "pilot/compare.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "stats/paired.h"
#include "stats/special.h"

namespace bw::pilot {
namespace {

std::vector<double> values(const ByCase& by_case) {
  std::vector<double> out;
  for (const auto& [id, v] : by_case) out.push_back(v);
  return out;
}
double mean(const std::vector<double>& v) {
  double sum = 0;
  for (const double x : v) sum += x;
  return sum / double(v.size());
}
double variance(const std::vector<double>& v) {
  const double m = mean(v);
  double sum = 0;
  for (const double x : v) sum += (x - m) * (x - m);
  return sum / double(v.size() - 1);
}
int64_t ones(const ByCase& v) {
  return std::count_if(v.begin(), v.end(), [](const auto& c) { return c.second != 0; });
}

// The figure of one side, with its own interval.
Figure side(const ByCase& v, const std::string& unit, double alpha) {
  if (v.empty()) return unknown(unit, "no case");
  const auto n = int64_t(v.size());
  if (unit == "share") {
    const stats::Interval i = stats::wilson(ones(v), n, alpha);
    return with_interval(measured(double(ones(v)) / double(n), unit, fmt::format("{} of {}", ones(v), n)),
                         i.low, i.high, n);
  }
  Figure f = measured(mean(values(v)), unit);
  f.n = n;
  if (const auto d = stats::mean_difference(values(v)); d && d->sd > 0) {
    const stats::Interval i = stats::t_interval(*d, alpha);
    f = with_interval(std::move(f), i.low, i.high, n);
  }
  return f;
}

struct Difference {  // after - before
  double value = 0;
  stats::Interval interval;
  std::string how;
};

Result<Difference> against_declared(double before, const ByCase& after, const std::string& unit,
                                    double alpha) {
  const std::vector<double> a = values(after);
  const auto n = int64_t(a.size());
  if (unit == "share") {
    const stats::Interval i = stats::wilson(ones(after), n, alpha);
    return Difference{double(ones(after)) / double(n) - before,
                      {i.low - before, i.high - before},
                      "against what was declared, Wilson"};
  }
  BW_TRY(const stats::MeanDifference d, stats::mean_difference(a));
  if (d.sd == 0) return bad_input("every case has the same value: there is no spread to judge by");
  const stats::Interval i = stats::t_interval(d, alpha);
  return Difference{d.mean - before, {i.low - before, i.high - before}, "against what was declared, t"};
}

Result<Difference> as_pairs(const ByCase& before, const ByCase& after, const std::string& unit,
                            double alpha) {
  std::vector<double> d;
  stats::PairedCounts counts;
  for (const auto& [id, a] : after) {
    const auto b = before.find(id);
    if (b == before.end()) continue;
    d.push_back(a - b->second);
    const bool x = b->second != 0, y = a != 0;
    (x ? (y ? counts.both_right : counts.worse) : (y ? counts.better : counts.both_wrong))++;
  }
  const std::string how = fmt::format("{} pairs", d.size());
  if (unit == "share")
    return Difference{counts.difference(), stats::newcombe10(counts, alpha), how + ", Newcombe 10"};
  BW_TRY(const stats::MeanDifference m, stats::mean_difference(d));
  if (m.sd == 0) return bad_input("every pair differs by the same: there is no spread to judge by");
  return Difference{m.mean, stats::t_interval(m, alpha), how + ", t"};
}

Result<Difference> as_samples(const ByCase& before, const ByCase& after, const std::string& unit,
                              double alpha) {
  const std::string how = fmt::format("{} cases before, {} after", before.size(), after.size());
  if (unit == "share") {
    const auto nb = int64_t(before.size()), na = int64_t(after.size());
    return Difference{double(ones(after)) / double(na) - double(ones(before)) / double(nb),
                      newcombe_unpaired(ones(before), nb, ones(after), na, alpha), how + ", Newcombe"};
  }
  BW_TRY(const stats::Interval i, welch(values(before), values(after), alpha));
  return Difference{mean(values(after)) - mean(values(before)), i, how + ", Welch"};
}

Word judge(const Measure& m, const stats::Interval& gain) {
  if (!m.guard) return gain.low > 0 ? Word::shown : gain.high < m.margin ? Word::refuted : Word::open;
  return gain.low > -m.margin ? Word::holds : gain.high < -m.margin ? Word::fails : Word::open;
}

}  // namespace

const char* name(Word w) {
  switch (w) {
    case Word::shown:
      return "shown";
    case Word::refuted:
      return "refuted";
    case Word::holds:
      return "holds";
    case Word::fails:
      return "fails";
    case Word::open:
      return "open";
  }
  return "open";
}

stats::Interval newcombe_unpaired(int64_t k_a, int64_t n_a, int64_t k_b, int64_t n_b, double alpha) {
  if (n_a <= 0 || n_b <= 0) return {-1, 1};
  const stats::Interval a = stats::wilson(k_a, n_a, alpha), b = stats::wilson(k_b, n_b, alpha);
  const double pa = double(k_a) / double(n_a), pb = double(k_b) / double(n_b), d = pb - pa;
  return {d - std::hypot(pb - b.low, a.high - pa), d + std::hypot(b.high - pb, pa - a.low)};
}

Result<stats::Interval> welch(const std::vector<double>& a, const std::vector<double>& b, double alpha) {
  if (a.size() < 2 || b.size() < 2) return bad_input("fewer than two cases on one side");
  const double va = variance(a) / double(a.size()), vb = variance(b) / double(b.size());
  if (va + vb <= 0) return bad_input("every case has the same value: there is no spread to judge by");
  const double df = (va + vb) * (va + vb) / (va * va / double(a.size() - 1) + vb * vb / double(b.size() - 1));
  const double half = stats::student_t_quantile(1 - alpha / 2, df) * std::sqrt(va + vb),
               d = mean(b) - mean(a);
  return stats::Interval{d - half, d + half};
}

Comparison compare(const Plan& plan, const Measure& m, const ByCase& before, const ByCase& after) {
  Comparison c;
  const double alpha = 2 * plan.alpha;  // two-sided
  c.after = side(after, m.unit, alpha);
  c.n = int64_t(after.size());
  if (const auto n = planned_n(plan, m)) c.planned = *n;
  if (!before.empty())
    c.before = side(before, m.unit, alpha);
  else if (m.before)
    c.before = declared(*m.before, m.unit, m.before_from);
  else
    c.before = unknown(m.unit, "neither declared nor reported");
  const auto open = [&](std::string why) {
    c.why = std::move(why);
    c.gain = unknown(m.unit, c.why);
    return c;
  };
  if (!c.before.known()) return open("there is nothing to compare with");
  if (after.empty()) return open("no case yet");
  size_t both = 0;
  for (const auto& [id, v] : after) both += before.count(id);
  // The same cases done both ways are worth more than two samples; a few such among many are not.
  const bool pairs = both >= 2 && 2 * both >= before.size();
  const auto d = before.empty() ? against_declared(*m.before, after, m.unit, alpha)
                 : pairs        ? as_pairs(before, after, m.unit, alpha)
                                : as_samples(before, after, m.unit, alpha);
  if (!d) return open(d.error().what);
  if (pairs) c.n = int64_t(both);
  c.how = d->how;
  const double sign = m.lower_is_better ? -1 : 1;
  const stats::Interval gain =
      m.lower_is_better ? stats::Interval{-d->interval.high, -d->interval.low} : d->interval;
  c.gain = with_interval(derived(sign * d->value, m.unit, d->how), gain.low, gain.high, c.n);
  if (c.planned == 0)
    c.why = "the cases it needs are not known";
  else if (c.n < c.planned)
    c.why = fmt::format("{} of {} cases", c.n, c.planned);
  else if ((c.word = judge(m, gain)) == Word::open)
    c.why = "the interval holds both answers";
  return c;
}

}  // namespace bw::pilot
