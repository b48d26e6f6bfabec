// The mask of one stack: which tokens' bytes it can read. In: a trie, an automaton, a stack. Out: bits.
#pragma once
#include <cstdint>
#include <deque>
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
  struct Levels {
    Stacks states;               // of every depth, one after the other
    std::vector<uint32_t> from;  // [depth]: where they begin
    std::vector<size_t> marks;   // [depth]: of the frames
  };
  struct Local {  // in an automaton or a string
    int32_t state = 0;
    uint32_t n = 0;  // characters
  };
  // Nodes [begin, end), all below `depth`, read from `stacks` on. The text holds the bytes down to `depth`.
  void walk(Automaton& a, const Stacks& stacks, uint32_t begin, uint32_t end, uint32_t depth,
            std::vector<uint64_t>& mask);
  void walk_local(Automaton& a, const Frame& f, uint32_t begin, uint32_t end, uint32_t depth,
                  std::vector<uint64_t>& mask);
  static bool is_local(const Automaton& a, const Frame* f);
  // What follows below `node`, whose last byte ended `stacks`' last frame.
  void go_on(Automaton& a, const Stacks& stacks, uint32_t node, std::vector<uint64_t>& mask);
  void inside(Automaton& a, const Frame& f, const Inside& table, std::vector<uint64_t>& mask);
  void put(uint32_t node, std::vector<uint64_t>& mask) const;

  const Trie& trie_;
  const Inside &in_string_, &in_name_;
  std::deque<Levels> levels_;  // of walks inside of each other
  size_t n_walks_ = 0;
};

}  // namespace bw::grammar
