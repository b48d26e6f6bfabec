// From reports to figures by name: what a criterion looks at, and what src/record writes.
// In: a Candidate or its parts. Out: Figures under the names of scenario::known_figures() and of the record's
// schema.
#pragma once
#include <string>
#include <utility>
#include <vector>

#include "judge/judgement.h"

namespace bw::judge {

using NamedFigures = std::vector<std::pair<std::string, Figure>>;

// Every figure of one axis, in the order of the schema.
NamedFigures format_figures(const format::FormatReport& report);
NamedFigures memory_figures(const MemoryFindings& memory);
NamedFigures speed_figures(const SpeedFindings& speed);
NamedFigures degradation_figures(const quality::DegradationReport& report);
NamedFigures category_figures(const quality::CategoryReport& report);
NamedFigures rule_figures(const std::optional<cost::CostReport>& report, const std::string& why_unknown,
                          const cost::DeclaredCosts& costs);

// What a criterion on this axis and figure looks at: the figure above, or one that only criteria use
// (loads_here, findings; peak falls back on the plan, which is exact for this host). A name nobody knows:
// unknown, saying so.
Figure observe(const Candidate& candidate, scenario::Axis axis, const std::string& figure);

// share_of_limit and saved, once plan or peak are known. `reference` may be null.
void finish_memory(MemoryFindings& memory, const MemoryFindings* reference);

}  // namespace bw::judge
