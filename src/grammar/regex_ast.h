// A parsed pattern. In: regex_parse.cc. Out: regex.cc.
#pragma once
#include <memory>
#include <string_view>
#include <vector>

#include "grammar/char_dfa.h"

namespace bw::grammar::regex {

struct Ast {
  enum class Kind { nothing, set, sequence, choice, repeat, begin, end } kind = Kind::nothing;
  CharSet set;
  std::vector<Ast> parts;
  uint32_t min = 0, max = 0;  // of a repeat; max ~0: endless
};
inline constexpr uint32_t no_most = ~uint32_t(0);

Result<Ast> parse(std::string_view pattern);

}  // namespace bw::grammar::regex
