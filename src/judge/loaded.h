// A file of the step compare: its tokenizer and room for the tasks, then, where there is time, its weights.
// Inside src/judge only. In: a Run, a Subject. Out: Loaded; an Error where the file cannot be run.
#pragma once
#include <memory>
#include <vector>

#include "judge/run.h"

namespace bw::judge {

constexpr uint32_t kPassage = 512;  // tokens of a passage of the divergence

struct Loaded {
  Subject* subject = nullptr;
  std::unique_ptr<text::Tokenizer> tokenizer;
  std::shared_ptr<engine::Model> model;
  std::unique_ptr<engine::Context> context;  // null until load(): then only what is stored can be had
  quality::Deployment deployment;
  std::vector<quality::SuiteRun> runs;  // by task
};

// Everything but the weights: what can be known, and refused, before the long part. `options`: the context it
// needs.
Result<Loaded> prepare(const Run& run, Subject& subject, engine::ContextOptions& options);
Result<uint64_t> bytes_of(const Run& run, const Subject& subject, const engine::ContextOptions& options);
Status load(Run& run, Loaded& loaded, const engine::ContextOptions& options);

}  // namespace bw::judge
