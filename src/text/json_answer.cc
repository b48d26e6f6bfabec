#include "text/json_answer.h"

namespace bw::text {

std::string_view trimmed(std::string_view s) {
  while (!s.empty() && is_json_space(s.front())) s.remove_prefix(1);
  while (!s.empty() && is_json_space(s.back())) s.remove_suffix(1);
  return s;
}

std::string_view json_answer(std::string_view output) {
  const std::string_view s = trimmed(output);
  if (s.substr(0, 3) != "```") return s;
  std::string_view inside = s.substr(3);
  if (inside.substr(0, 4) == "json") inside.remove_prefix(4);
  inside = trimmed(inside);
  if (inside.size() >= 3 && inside.substr(inside.size() - 3) == "```") inside.remove_suffix(3);
  return trimmed(inside);
}

}  // namespace bw::text
