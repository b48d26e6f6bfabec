// A number with its birth: no figure reaches a person without saying how it came to be.
// In: a value, a unit and where it comes from. Out: Figure, its one-line text, the unit helpers.
#pragma once
#include <cstdint>
#include <limits>
#include <optional>
#include <string>

namespace bw {

enum class Birth { measured, derived, estimated, declared, unknown };
const char* name(Birth birth);

struct Figure {
  double value = std::numeric_limits<double>::quiet_NaN();  // NaN iff unknown
  std::string unit;                                         // "MiB", "tokens/s", "nats", "share", "ms", ...
  Birth birth = Birth::unknown;
  std::string reason;         // unknown: why; declared: "default, not yours" or ""; else how it was got
  std::optional<double> low;  // interval, same unit, where it was sampled
  std::optional<double> high;
  std::optional<int64_t> n;  // how many observations
  bool known() const { return birth != Birth::unknown; }
};

Figure measured(double value, std::string unit, std::string how = {});
Figure derived(double value, std::string unit, std::string how = {});
Figure estimated(double value, std::string unit, std::string how = {});
Figure declared(double value, std::string unit, std::string note = {});
Figure unknown(std::string unit, std::string reason);
Figure with_interval(Figure f, double low, double high, int64_t n);

// "412.5 MiB measured", "0.119 nats measured [0.110, 0.128]", "unknown(no reference)".
std::string describe(const Figure& f);
// Value with a sensible number of digits, without unit or tag.
std::string number(double value);

inline double mib(double bytes) {
  return bytes / (1024.0 * 1024.0);
}

}  // namespace bw
