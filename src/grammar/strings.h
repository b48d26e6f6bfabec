// Strings as JSON writes them, byte by byte: UTF-8 that is well formed, escapes, no control characters. In:
// automata over characters, names of formats. Out: automata over bytes.
#pragma once
#include <functional>
#include <optional>
#include <string_view>

#include "grammar/char_dfa.h"
#include "grammar/dfa.h"

namespace bw::grammar {

// Any string's inside, after its opening quote up to and with the closing one: every escape JSON has,
// surrogates in pairs. State 0 is between two characters, and is the only one that is.
const Dfa& any_string_inside();
// The strings of `chars`, each in its one way of writing (escaped() of json.h), up to and with the closing
// quote; `opens`: with the opening one too. label: of what accepted[state] says; nowhere: not accepted.
Result<Dfa> string_dfa(const CharDfa& chars, bool opens, size_t max_states,
                       const std::function<int32_t(uint32_t accepted)>& label);
// Fills dfa.open of an automaton that string_dfa() made, unless it is very large.
void mark_open(Dfa& dfa);
// The same of any string, without the opening quote; state 0 is the only one between two characters.
const Dfa& any_name_inside();

// What a `format` means, as a pattern (RFC 3339, 4122, 5321, 2673); nothing: not one that is enforced. Each
// is a subset of its definition: upper-case T and Z, no leap seconds, no year 0000, ASCII mail addresses
// without quotes.
std::optional<std::string_view> format_pattern(std::string_view format);
inline constexpr std::string_view formats_enforced = "date, time, date-time, email, uuid, ipv4";

}  // namespace bw::grammar
