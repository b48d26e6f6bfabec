// What parent and child of a measurement say to each other, as JSON text; and progress lines.
// In: structs. Out: JSON, and back; a malformed or out-of-range one is an Error naming the field.
#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "speed/samples.h"

namespace bw::speed {

struct ChildRequest {
  std::string model;
  Load load;
  uint64_t spawned_ns = 0;  // the parent's monotonic_ns() just before the child was made
  int progress_fd = -1;     // lines {"what": ..., "share": ...}; -1: none
};
std::string to_json(const ChildRequest& request);
Result<ChildRequest> child_request(const std::string& json);

struct ChildAnswer {
  Samples samples;
  Around around;
  uint64_t peak_bytes = 0;  // 0: /proc did not say
  std::string isa;
  int n_threads = 0;
};
std::string to_json(const ChildAnswer& answer);
std::string to_json(const Error& error);                    // {"error": {code, what, next}}
Result<ChildAnswer> child_answer(const std::string& json);  // an error inside becomes the Error

std::string progress_line(const std::string& what, double share);  // with its newline
struct ProgressLine {
  std::string what;
  double share = 0;
};
std::optional<ProgressLine> progress_of(std::string_view line);

}  // namespace bw::speed
