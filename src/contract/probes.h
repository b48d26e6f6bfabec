// Texts made on purpose, to see whether a pattern can fail and whether it can match at all. In: a pattern.
// Out: which of that is so.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "contract/regex.h"

namespace bw::contract {

// Very different texts; a pattern that matches all of them refuses nothing.
const std::vector<std::string>& unlike_texts();
bool matches_everything(const Regex& regex);

// Texts that `pattern` describes, its anchors left out, so that one of them should match. Empty where the
// pattern uses what this does not follow (look-around, references, conditions): then nothing can be said.
std::vector<std::string> described_by(std::string_view pattern);
bool matches_nothing(const Regex& regex);

}  // namespace bw::contract
