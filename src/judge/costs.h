// The scenario's costs as src/cost wants them, and every setting with the defaults that stand for what nobody
// set. In: Scenario. Out: DeclaredCosts whose figures say `declared (default, not yours)` where that is so;
// Settings.
#pragma once
#include <vector>

#include "cost/cost.h"
#include "scenario/scenario.h"

namespace bw::judge {

// Error: what cost::validate refuses.
Result<cost::DeclaredCosts> declared_costs(const scenario::Scenario& scenario);
// scenario::settings and the costs it leaves to their defaults.
std::vector<scenario::Setting> settings(const scenario::Scenario& scenario, const cost::DeclaredCosts& costs);

}  // namespace bw::judge
