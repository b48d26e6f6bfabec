// Deterministic automata over bytes. In: edges put one by one. Out: a table in which every state leads to an
// accepting one, so that whoever is in it can go on.
#pragma once
#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace bw::grammar {

inline constexpr int32_t nowhere = -1;
inline constexpr uint64_t endless = ~uint64_t(0);

struct Dfa {
  std::array<uint8_t, 256> column{};  // of a byte
  uint32_t n_columns = 0;
  std::vector<int32_t> next;    // [n_states, n_columns]; nowhere: none
  std::vector<int32_t> label;   // [n_states]; of an accepting state 0 or more, else nowhere
  std::vector<uint8_t> ends;    // [n_states]; accepting, and nothing follows
  std::vector<uint64_t> words;  // [n_states]; strings accepted from here; endless: or too many to count

  // [n_states], or empty: whatever goes on inside of a string in its one spelling may follow (strings.cc).
  std::vector<uint8_t> open;
  bool ends_itself = true;  // nothing follows an accepting state: what comes after need not end it

  // State 0 is the start; there is none where nothing is accepted.
  size_t n_states() const { return label.size(); }
  bool empty() const { return label.empty(); }
  // What it counts for in Limits::max_nodes: 128 bytes of table as one more state.
  size_t cost() const { return label.size() + next.size() / 32; }
  int32_t step(int32_t state, uint8_t byte) const { return next[size_t(state) * n_columns + column[byte]]; }
  int32_t walk(int32_t state, std::string_view bytes) const {  // nowhere: on the way
    for (size_t i = 0; i < bytes.size() && state >= 0; ++i) state = step(state, uint8_t(bytes[i]));
    return state;
  }
};

class DfaBuilder {
 public:
  int32_t add(int32_t label = nowhere) {
    states_.push_back({{}, label});
    return int32_t(states_.size() - 1);
  }
  // Edges of one state must not overlap. An edge to nowhere is none.
  void edge(int32_t from, uint8_t low, uint8_t high, int32_t to) {
    if (to >= 0) states_[size_t(from)].edges.push_back({low, high, to});
  }
  void edge(int32_t from, char c, int32_t to) { edge(from, uint8_t(c), uint8_t(c), to); }
  // A chain of states that reads `bytes`; returns its end. Goes along edges that are there (a trie).
  int32_t path(int32_t from, std::string_view bytes);
  void accept(int32_t state, int32_t label) { states_[size_t(state)].label = label; }
  size_t n_states() const { return states_.size(); }
  // State 0 becomes the start; what leads nowhere and what is not reached goes. States keep their order, so
  // state 0 stays 0.
  Dfa finish() const;

 private:
  struct Edge {
    uint8_t low, high;
    int32_t to;
  };
  struct State {
    std::vector<Edge> edges;
    int32_t label;
  };
  std::vector<State> states_;
};

// Exactly these words.
Dfa words_dfa(std::span<const std::string> words);

}  // namespace bw::grammar
