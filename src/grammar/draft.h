// A grammar before it is known which of its parts have instances. In: compile.cc. Out: draft.cc makes the
// Program of what remains.
#pragma once
#include <map>
#include <vector>

#include "grammar/char_dfa.h"
#include "grammar/program.h"

namespace bw::grammar {

struct DraftArray {
  std::vector<uint32_t> prefix;  // nodes
  uint32_t items = 0;
  uint64_t min = 0, max = endless;
};
struct DraftObject {
  std::vector<Program::Object::Property> properties;
  CharDfa other_names;  // accepted: bits of the patterns matched; empty: any name, no bits
  std::map<uint32_t, uint32_t> other_nodes;  // by those bits without bit 31
  uint64_t min = 0, max = endless;
};
struct Draft {
  std::vector<Program::Node> nodes;
  std::vector<Dfa> dfas;
  std::vector<Program::String> strings;
  std::vector<DraftArray> arrays;
  std::vector<DraftObject> objects;
  size_t n_states = 0;
  std::vector<uint8_t> possible;  // [nodes]; find_possible()
};

// Which nodes have an instance of finite size.
Status find_possible(Draft& draft);
// `root` must be possible. Takes the draft's automata.
Result<Program> finish(Draft& draft, uint32_t root);

}  // namespace bw::grammar
