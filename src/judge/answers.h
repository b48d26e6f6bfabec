// The three answers the first screen ends with, and how to run the file without bitworth.
// In: a decided Candidate, the Reference if any. Out: sentences from the record's own figures.
#pragma once
#include "judge/judgement.h"

namespace bw::judge {

Answers answers(const Candidate& candidate, const std::optional<Reference>& reference);

// llama-server flags (llama.cpp, tools/server/README.md) and an Ollama Modelfile (ollama, docs/modelfile.md)
// for the scenario's load. Empty for a control.
std::vector<RunHint> run_without_bitworth(const Candidate& candidate, const scenario::Scenario& scenario);

}  // namespace bw::judge
