#include "judge/costs.h"

namespace bw::judge {
namespace {

struct Field {
  std::string_view name;  // in scenario::cost_names()
  Figure cost::DeclaredCosts::*figure;
};
constexpr Field kFields[] = {
    {"machine_per_hour", &cost::DeclaredCosts::machine_per_hour},
    {"person_per_hour", &cost::DeclaredCosts::person_per_hour},
    {"review_seconds", &cost::DeclaredCosts::review_seconds},
    {"hand_over_minutes", &cost::DeclaredCosts::hand_over_minutes},
    {"wrong_answer", &cost::DeclaredCosts::wrong_answer},
    {"outputs_per_month", &cost::DeclaredCosts::outputs_per_month},
    {"value_per_gib_month", &cost::DeclaredCosts::value_per_gib_month},
};

}  // namespace

Result<cost::DeclaredCosts> declared_costs(const scenario::Scenario& s) {
  cost::DeclaredCosts costs = cost::default_costs(s.costs.currency);
  costs.max_attempts = s.rule.attempts;
  costs.max_moved_share = s.declared_figure("rule.max_moved_share", s.rule.max_moved_share, "share");
  for (const Field& field : kFields) {
    const auto given = s.costs.values.find(std::string(field.name));
    if (given == s.costs.values.end()) continue;
    Figure& figure = costs.*field.figure;
    figure = s.declared_figure("cost." + given->first, given->second, figure.unit);
  }
  BW_CHECK(cost::validate(costs));
  return costs;
}

std::vector<scenario::Setting> settings(const scenario::Scenario& s, const cost::DeclaredCosts& costs) {
  std::vector<scenario::Setting> out = scenario::settings(s);
  for (const Field& field : kFields) {
    if (s.costs.values.count(std::string(field.name))) continue;
    const Figure& figure = costs.*field.figure;
    std::optional<double> value;
    if (figure.known()) value = figure.value;
    for (const scenario::CostName& known : scenario::cost_names())
      if (known.name == field.name)
        out.push_back({"cost." + std::string(field.name), value, "",
                       scenario::money_unit(known.unit, costs.currency), true});
  }
  return out;
}

}  // namespace bw::judge
