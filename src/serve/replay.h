// Runs recorded answers again and compares the bytes. In: a log folder, indices of "answer" entries. Out: for
// each attempt of an own deployment, whether the same text came. It needs what the log only digests: the kept
// request and the model's file.
#pragma once
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/result.h"

namespace bw::serve {

struct ReplayOptions {
  std::string folder;              // of the log
  std::vector<uint64_t> indices;   // empty: every answer that can be replayed
  std::vector<std::string> files;  // models to look in first, by digest; then where the log says they were
  int threads = 0;
  std::function<void(uint64_t done, uint64_t total)> progress;
};

struct Replayed {
  uint64_t index = 0;
  size_t attempt = 0;
  std::string deployment;
  enum class What { same, differs, not_possible } what = What::not_possible;
  std::string why;  // not_possible: what is missing; differs: both digests
};
const char* name(Replayed::What what);

struct ReplayReport {
  std::vector<Replayed> attempts;
  std::string isa;
  uint64_t n_same = 0, n_differ = 0, n_not_possible = 0;
};
// Error: the log cannot be read, or an index that is no answer.
Result<ReplayReport> replay(const ReplayOptions& options);

}  // namespace bw::serve
