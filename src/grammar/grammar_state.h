// Inside of a Grammar, for the files that make and walk it.
#pragma once
#include <string>

#include "grammar/grammar.h"
#include "grammar/program.h"

namespace bw::grammar {

struct Grammar::State {
  Program program;
  std::string digest;
};

}  // namespace bw::grammar
