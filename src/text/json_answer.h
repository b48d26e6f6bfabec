// The part of a model's answer that is taken for JSON. In: the whole answer. Out: a part of it, for a parser.
#pragma once
#include <string_view>

namespace bw::text {

inline bool is_json_space(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}
// Without JSON's white space at both ends.
std::string_view trimmed(std::string_view s);

// White space around is ignored, and one Markdown fence around the whole answer (``` or ```json; the closing
// fence optional, since decoding may stop at the last brace). Anything else stays for the parser to refuse: a
// program cannot tell prose from data.
std::string_view json_answer(std::string_view output);

}  // namespace bw::text
