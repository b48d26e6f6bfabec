// Looks at a TOML text before toml++ does. TOML 1.0 has letters beyond ASCII only in quotes and comments;
// elsewhere toml++ 3.3 asks whether such a character is white space, and for most of them (U+00A1 to U+0499
// among them) runs into what it declares unreachable: undefined behaviour (found by the fuzzer of plans). In:
// a text. Out: nothing, or where it holds such a character.
#pragma once
#include <string>

#include "base/result.h"

namespace bw::scenario {

// Also refused: text that is not UTF-8; in """...""" a line that ends in \ before a line that begins with
// such a letter (TOML allows it, toml++ does not survive it).
Status check_toml_text(const std::string& text, const std::string& label);

}  // namespace bw::scenario
