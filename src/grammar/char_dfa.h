// Deterministic automata over characters (Unicode code points but surrogates), as patterns and lengths of
// strings are computed with. In: automata. Out: automata; nothing approximate, or an error that says which
// size was passed.
#pragma once
#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "grammar/dfa.h"

namespace bw::grammar {

// Ranges [first, second], sorted, neither overlapping nor touching.
using CharSet = std::vector<std::pair<char32_t, char32_t>>;
inline constexpr char32_t last_char = 0x10FFFF;
CharSet tidy(CharSet ranges);
CharSet complement(const CharSet& set);

struct CharDfa {
  std::vector<char32_t> cuts;  // cell i holds the characters from cuts[i] to before cuts[i + 1]; cuts[0] = 0
  std::vector<int32_t> next;   // [n_states, cuts.size()]; nowhere: none
  std::vector<uint32_t> accepted;  // [n_states]; 0: not accepting; else a set of bits

  size_t n_states() const { return accepted.size(); }
  bool empty() const;
  size_t cell(char32_t c) const;
  int32_t step(int32_t state, char32_t c) const { return next[size_t(state) * cuts.size() + cell(c)]; }
  bool accepts(std::string_view utf8) const;
};

CharDfa any_string();
Result<CharDfa> both(const CharDfa& a, const CharDfa& b, size_t max_states);
// Of strings of min to max characters; max endless: any more.
Result<CharDfa> of_length(const CharDfa& a, uint64_t min, uint64_t max, size_t max_states);
// All strings; bit i is set where dfas[i] accepts.
Result<CharDfa> told_apart(const std::vector<CharDfa>& dfas, size_t max_states);

}  // namespace bw::grammar
