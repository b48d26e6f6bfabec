// Regular expressions of ECMA-262 (with the u flag), the subset that is regular, searched for anywhere in a
// string as JSON Schema's `pattern` is. In: the pattern. Out: the automaton of the strings it is found in.
#pragma once
#include <string_view>

#include "grammar/char_dfa.h"

namespace bw::grammar {

// Error: malformed, or a construct outside the subset, by name and byte (look-around, back references, word
// boundaries, Unicode properties, modifiers), or an automaton of more than max_states.
// `work`: is added how many states were looked at.
Result<CharDfa> pattern_dfa(std::string_view pattern, size_t max_states, size_t* work = nullptr);

}  // namespace bw::grammar
