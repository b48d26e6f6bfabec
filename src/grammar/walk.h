// The mask of one stack: which tokens' bytes it can read. In: a trie, an automaton, a stack. Out: bits.
#pragma once
#include <cstdint>
#include <vector>

#include "grammar/automaton.h"
#include "grammar/inside.h"
#include "grammar/trie.h"

namespace bw::grammar {

class Walk {
 public:
  Walk(const Trie& trie, const Inside& in_string, const Inside& in_name)
      : trie_(trie), in_string_(in_string), in_name_(in_name) {}

  // Sets the bits of tokens that `stack` of `a` can read. `a` is as it was afterwards.
  void mask(Automaton& a, const Frame* stack, std::vector<uint64_t>& mask);

 private:
  void walk(Automaton& a, uint32_t begin, uint32_t end, uint32_t depth, std::vector<uint64_t>& mask);
  void inside(Automaton& a, const Frame& f, const Inside& table, std::vector<uint64_t>& mask);
  void put(uint32_t node, std::vector<uint64_t>& mask) const;

  const Trie& trie_;
  const Inside &in_string_, &in_name_;
  Stacks states_;               // of every depth, one after the other
  std::vector<uint32_t> from_;  // [depth]: where they begin in states_
  std::vector<size_t> marks_;   // [depth]: of the frames
};

}  // namespace bw::grammar
