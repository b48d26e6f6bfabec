// From facts to machines. In: a schema. Out: a Program, or why there is none.
#pragma once
#include <string_view>

#include "base/result.h"
#include "grammar/grammar.h"
#include "grammar/program.h"

namespace bw::grammar {

Result<Program> compile(std::string_view schema, const Limits& limits);

}  // namespace bw::grammar
