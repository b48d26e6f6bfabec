// A file opened, loaded and given a context: what every bench of one file begins with.
// In: a path, the context's options, threads. Out: the three, and the seconds they took.
#pragma once
#include <memory>
#include <string>

#include "engine/engine.h"
#include "gguf/file.h"
#include "speed/speed.h"

namespace bw::speed {

struct Opened {
  gguf::File file;
  std::shared_ptr<engine::Model> model;
  std::unique_ptr<engine::Context> context;
  Figure load_s;  // seconds, open to ready
};
Result<Opened> open_for_bench(const std::string& model_path, const engine::ContextOptions& options,
                              int n_threads, const Progress& progress);

// Most bytes this process held so far (VmHWM): read it before a bandwidth buffer adds to it.
Figure peak_so_far();

}  // namespace bw::speed
