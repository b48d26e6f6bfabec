// A criterion against what was observed, and criteria into the state of an axis.
// In: the scenario's criterion, a Figure. Out: holds, fails or cannot tell, with the evidence in words.
#pragma once
#include <vector>

#include "judge/judgement.h"

namespace bw::judge {

// Where the figure comes from. Only a figure of this host can make a criterion hold.
enum class Host { here, another };

// Exact figure: value against the bound. Sampled figure (it has a bound or is a p95 or p99): holds only if
// the whole interval is inside, fails only if the whole interval is outside, else cannot tell. Unknown:
// cannot tell, with why.
CriterionResult evaluate(const scenario::Criterion& criterion, const Figure& observed,
                         Host host = Host::here);

// A category of the degradation axis. `equivalent` and `better` hold, `worse` fails, the rest is open;
// `equivalent` is open too until the control has come out worse, since a test that sees no damage shows
// nothing.
CriterionResult evaluate(const scenario::Task& task, const quality::DegradationReport& report);

AxisResult join(std::vector<CriterionResult> criteria);

}  // namespace bw::judge
