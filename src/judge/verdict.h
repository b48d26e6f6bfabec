// From axes, categories and the practical rule to one word a candidate, its first line, and how fragile that
// is. In: a Candidate whose axes, degradation and cost are filled. Out: Verdict; the exit code of several.
#pragma once
#include <vector>

#include "judge/judgement.h"

namespace bw::judge {

// By precedence: a criterion fails, or the file is not smaller than its reference -> not worth it; the rule
// fires -> moved, not reduced; anything that could still fail is open -> cannot tell; else worth it. A
// control that nothing speaks against is `cannot tell`: it was made to fail, so the test saw no damage.
Verdict decide(const Candidate& candidate, const scenario::Scenario& scenario);

// 0 if a candidate is worth it, else 4 if one cannot be told, else 3. Controls do not count; no candidate: 3.
int exit_code(const std::vector<Candidate>& candidates);

}  // namespace bw::judge
