#include "base/figure.h"

#include <fmt/format.h>

#include <cmath>

namespace bw {

const char* name(Birth birth) {
  switch (birth) {
    case Birth::measured:
      return "measured";
    case Birth::derived:
      return "derived";
    case Birth::estimated:
      return "estimated";
    case Birth::declared:
      return "declared";
    case Birth::unknown:
      return "unknown";
  }
  return "unknown";
}

namespace {
Figure make(double value, std::string unit, Birth birth, std::string reason) {
  Figure f;
  f.value = value;
  f.unit = std::move(unit);
  f.birth = birth;
  f.reason = std::move(reason);
  // A value that is not a number was not born at all; saying so is the only honest tag.
  if (!std::isfinite(value) && birth != Birth::unknown) {
    f.birth = Birth::unknown;
    if (f.reason.empty()) f.reason = "not a finite number";
    f.value = std::numeric_limits<double>::quiet_NaN();
  }
  return f;
}
}  // namespace

Figure measured(double v, std::string unit, std::string how) {
  return make(v, std::move(unit), Birth::measured, std::move(how));
}
Figure derived(double v, std::string unit, std::string how) {
  return make(v, std::move(unit), Birth::derived, std::move(how));
}
Figure estimated(double v, std::string unit, std::string how) {
  return make(v, std::move(unit), Birth::estimated, std::move(how));
}
Figure declared(double v, std::string unit, std::string note) {
  return make(v, std::move(unit), Birth::declared, std::move(note));
}
Figure unknown(std::string unit, std::string reason) {
  return make(std::numeric_limits<double>::quiet_NaN(), std::move(unit), Birth::unknown, std::move(reason));
}
Figure with_interval(Figure f, double low, double high, int64_t n) {
  f.low = low;
  f.high = high;
  f.n = n;
  return f;
}

std::string number(double v) {
  const double a = std::fabs(v);
  if (a == 0) return "0";
  if (a >= 1000) return fmt::format("{:.0f}", v);
  if (a >= 100) return fmt::format("{:.1f}", v);
  if (a >= 1) return fmt::format("{:.2f}", v);
  if (a >= 0.001) return fmt::format("{:.4f}", v);
  return fmt::format("{:.2e}", v);
}

std::string describe(const Figure& f) {
  if (f.birth == Birth::unknown) return fmt::format("unknown({})", f.reason);
  std::string out = number(f.value);
  if (!f.unit.empty()) out += " " + f.unit;
  out += std::string(" ") + name(f.birth);
  if (f.birth == Birth::declared && !f.reason.empty()) out += fmt::format(" ({})", f.reason);
  if (f.low && f.high) out += fmt::format(" [{}, {}]", number(*f.low), number(*f.high));
  return out;
}

}  // namespace bw
