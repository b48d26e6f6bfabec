#include "engine/faults.h"

#include <fmt/format.h>

namespace bw::engine {
namespace {
const char* what(Fault f) {
  switch (f) {
    case Fault::norm:
    case Fault::query_norm:
    case Fault::key_norm:
      return "the sum of squares of the norm's input";
    case Fault::input:
      return "a value in the product's input";
    case Fault::key:
      return "a key for the F16 cache (largest 65504)";
    case Fault::value:
      return "a value for the F16 cache (largest 65504)";
    case Fault::score:
      return "an attention score";
    case Fault::logit:
      return "a logit";
  }
  return "a value";
}
// "blk.3.attn_q" -> "layer 3, attn_q".
std::string place(const std::string& site) {
  if (site.rfind("blk.", 0) != 0) return site;
  const size_t dot = site.find('.', 4);
  return dot == std::string::npos
             ? site
             : fmt::format("layer {}, {}", site.substr(4, dot - 4), site.substr(dot + 1));
}
}  // namespace

Error non_finite(Fault fault, const std::string& site) {
  return failed(
      fmt::format("{}: {} is not finite", place(site), what(fault)),
      "the request ends here: this file overflows on this input, and no later figure would mean anything");
}

}  // namespace bw::engine
