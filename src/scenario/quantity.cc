#include "scenario/quantity.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <vector>

namespace bw::scenario {
namespace {

struct Suffix {
  std::string_view unit, suffix;
  double factor;
};
constexpr Suffix kSuffixes[] = {
    {"bytes", "B", 1},
    {"bytes", "bytes", 1},
    {"bytes", "KiB", 1024.0},
    {"bytes", "MiB", 1048576.0},
    {"bytes", "GiB", 1073741824.0},
    {"bytes", "kB", 1e3},
    {"bytes", "MB", 1e6},
    {"bytes", "GB", 1e9},
    {"ms", "ms", 1},
    {"ms", "s", 1e3},
    {"ms", "min", 6e4},
    {"s", "ms", 1e-3},
    {"s", "s", 1},
    {"s", "m", 60},
    {"s", "min", 60},
    {"s", "h", 3600},
    {"share", "%", 0.01},
};

std::string accepted(std::string_view unit) {
  std::string out;
  for (const Suffix& s : kSuffixes)
    if (s.unit == unit) out += fmt::format("{}{}", out.empty() ? "" : ", ", s.suffix);
  return out.empty() ? fmt::format("a bare number ({})", unit) : fmt::format("a number and one of {}", out);
}

}  // namespace

Result<double> quantity(std::string_view text, std::string_view unit) {
  const auto refuse = [&] {
    return bad_input(fmt::format("expected {}, found \"{}\"", accepted(unit), text));
  };
  double value = 0;
  const char* end = text.data() + text.size();
  const auto [rest, failure] = std::from_chars(text.data(), end, value);
  if (failure != std::errc{} || !std::isfinite(value)) return refuse();
  std::string_view suffix(rest, static_cast<size_t>(end - rest));
  while (!suffix.empty() && suffix.front() == ' ') suffix.remove_prefix(1);
  if (suffix.empty())
    return refuse();  // a text without a unit may mean anything: a bare number is not quoted
  for (const Suffix& s : kSuffixes)
    if (s.unit == unit && s.suffix == suffix) return value * s.factor;
  return refuse();
}

std::string nearest(std::string_view word, std::span<const std::string> names) {
  std::string best;
  size_t best_distance = std::max<size_t>(2, word.size() / 3) + 1;
  for (const std::string& name : names) {
    // Damerau-Levenshtein (optimal string alignment): d[i][j] over prefixes.
    const size_t n = word.size(), m = name.size();
    std::vector<std::vector<size_t>> d(n + 1, std::vector<size_t>(m + 1));
    for (size_t i = 0; i <= n; ++i) d[i][0] = i;
    for (size_t j = 0; j <= m; ++j) d[0][j] = j;
    for (size_t i = 1; i <= n; ++i)
      for (size_t j = 1; j <= m; ++j) {
        d[i][j] =
            std::min({d[i - 1][j] + 1, d[i][j - 1] + 1, d[i - 1][j - 1] + (word[i - 1] != name[j - 1])});
        if (i > 1 && j > 1 && word[i - 1] == name[j - 2] && word[i - 2] == name[j - 1])
          d[i][j] = std::min(d[i][j], d[i - 2][j - 2] + 1);
      }
    if (d[n][m] < best_distance) {
      best_distance = d[n][m];
      best = name;
    }
  }
  return best;
}

}  // namespace bw::scenario
