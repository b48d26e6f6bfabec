// Jinja source -> tokens, with the white space control transformers sets: trim_blocks, lstrip_blocks, and the
// last newline dropped. In: source. Out: tokens with line and column, or an Error that names both.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace bw::text::jinja {

struct Position {
  int line = 1, column = 1;  // column in bytes
};
std::string describe(Position at);  // "line 3, column 14"

enum class Tok { data, output_begin, output_end, block_begin, block_end, name, text, integer, real, op, end };

struct Token {
  Tok kind = Tok::end;
  std::string
      text;  // data and text: unescaped bytes; name, op: as written; numbers: digits without underscores
  Position at;
};

Result<std::vector<Token>> lex(std::string_view source);

}  // namespace bw::text::jinja
