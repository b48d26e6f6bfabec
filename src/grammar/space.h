// White space between a grammar's signs: after { [ , : and before ] }, one space, or a line's end with what
// indents the next line; a run of it is bounded, so nobody can go on in it for ever. In: bytes. Out: how much
// was read.
#pragma once
#include <cstdint>

namespace bw::grammar {

inline constexpr uint8_t one_space = 1, line_end = 2, most_spaces = line_end + 64,
                         first_tab = most_spaces + 1, most_tabs = first_tab + 15;
// The white space read, with `byte`: 0: `byte` is none, or no more may come.
inline uint8_t space_after(uint8_t space, uint8_t byte) {
  switch (byte) {
    case ' ':
      if (space == 0) return one_space;
      return space >= line_end && space < most_spaces ? uint8_t(space + 1) : uint8_t(0);
    case '\n':
      return space == 0 ? line_end : uint8_t(0);
    case '\t':
      if (space == line_end) return first_tab;
      return space >= first_tab && space < most_tabs ? uint8_t(space + 1) : uint8_t(0);
    default:
      return 0;
  }
}

}  // namespace bw::grammar
