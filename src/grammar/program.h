// A compiled grammar: what each place of the instance may hold, as machines that read bytes. In: compile.cc.
// Out: automaton.cc walks it. Nothing in it leads to a dead end: whatever has been read can be completed.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "grammar/dfa.h"

namespace bw::grammar {

inline constexpr uint32_t no_node = ~uint32_t(0);
inline constexpr uint32_t no_limit = ~uint32_t(0);

struct Program {
  enum class Reads : uint8_t { dfa, string, array, object };
  struct Machine {
    Reads reads = Reads::dfa;
    uint32_t index = 0;  // in the list of its kind
  };
  struct Node {  // one place: any of its machines
    std::vector<Machine> machines;
  };
  struct String {  // any, of min to max characters
    uint32_t min = 0, max = no_limit;
  };
  struct Array {
    std::vector<uint32_t> prefix;  // nodes of the first items
    uint32_t items = no_node;      // of those after; no_node: none may follow
    uint32_t min = 0, max = no_limit;
    uint32_t item(uint32_t i) const { return i < prefix.size() ? prefix[i] : items; }
  };
  struct Object {
    struct Property {
      std::string name;  // escaped(), without quotes
      uint32_t node = 0;
      bool required = false;
    };
    std::vector<Property> properties;  // in the order in which they come
    struct Letter {                    // of the trie of their names; 0 is its root
      std::vector<std::pair<uint8_t, uint32_t>> next;
      std::vector<uint32_t> below;  // properties whose names go through here, ascending
      uint32_t property = no_node;  // whose name ends here
    };
    std::vector<Letter> letters;
    std::vector<uint32_t> n_required_from;  // [n + 1]: required ones from i on
    std::vector<uint32_t> next_required;    // [n + 1]: the first of them, or n
    // Other names, after all of these: none where `names` is empty.
    std::shared_ptr<const Dfa> names;  // after the opening quote; label: index in name_nodes
    std::vector<uint32_t> name_nodes;
    std::vector<std::string> taken;  // escaped names that no other name may be, ascending
    uint32_t min = 0, max = no_limit;
    bool counts = false;  // min or max asserts something
  };
  std::vector<Node> nodes;
  std::vector<Dfa> dfas;
  std::vector<String> strings;
  std::vector<Array> arrays;
  std::vector<Object> objects;
  uint32_t root = 0;
};

}  // namespace bw::grammar
