#include "quality/pairs.h"

#include <cmath>

namespace bw::quality {

std::map<std::string, std::vector<Pair>> pair_up(const std::vector<CaseResult>& reference,
                                                 const std::vector<CaseResult>& candidate) {
  std::map<std::string, const CaseResult*> by_id;
  for (const CaseResult& c : reference) by_id[c.id] = &c;
  std::map<std::string, std::vector<Pair>> out;
  for (const CaseResult& c : candidate)
    if (const auto found = by_id.find(c.id); found != by_id.end())
      out[c.category].push_back({found->second, c});
  return out;
}

Measure measure(const std::vector<Pair>& pairs) {
  Measure m;
  for (const auto& [r, c] : pairs) {
    m.differences.push_back(c.score - r->score);
    for (const CaseResult* x : {r, &c}) m.graded |= x->score != (x->truth ? 1.0 : 0.0);
    ++(r->truth ? (c.truth ? m.counts.both_right : m.counts.worse)
                : (c.truth ? m.counts.better : m.counts.both_wrong));
  }
  return m;
}

double Measure::mean() const {
  double s = 0;
  for (const double d : differences) s += d;
  return differences.empty() ? 0 : s / double(differences.size());
}
double Measure::sd() const {
  const auto d = stats::mean_difference(differences);
  return d ? d->sd : 0;
}
stats::Interval Measure::interval(double alpha) const {
  if (differences.size() < 2) return {-1, 1};
  if (!graded) return stats::newcombe10(counts, alpha);
  const auto i = stats::paired_interval(differences, alpha);
  return i ? *i : stats::Interval{-1, 1};
}
Result<stats::MarginP> Measure::claims(double margin) const {
  return stats::p_against_margin([this](double alpha) { return interval(alpha); }, margin);
}

Equivalence word(const stats::MarginP& p, double alpha) {
  if (p.worse <= alpha) return Equivalence::worse;
  if (p.better <= alpha) return Equivalence::better;
  if (p.equivalent <= alpha) return Equivalence::equivalent;
  return Equivalence::cannot_tell;
}

std::vector<stats::MarginP> adjust(const std::vector<stats::MarginP>& raw) {
  std::vector<stats::MarginP> out(raw.size());
  for (const auto member : {&stats::MarginP::not_worse, &stats::MarginP::not_better,
                            &stats::MarginP::equivalent, &stats::MarginP::worse, &stats::MarginP::better}) {
    std::vector<double> p;
    for (const auto& r : raw) p.push_back(r.*member);
    const std::vector<double> adjusted = stats::holm(p);
    for (size_t i = 0; i < raw.size(); ++i) out[i].*member = adjusted[i];
  }
  return out;
}

}  // namespace bw::quality
