// What a vocabulary's tokens do inside a string, found once: most of them only go on in it, whatever stands
// around, and need not be walked again for every place where a string may stand. In: a trie, the automaton of
// the inside. Out: the tokens that stay inside, by how many characters they begin; the places where a token
// leaves it.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "grammar/dfa.h"
#include "grammar/trie.h"

namespace bw::grammar {

class Inside {
 public:
  // `dfa`: any_string_inside() or any_name_inside(), whose state 0 lies between two characters.
  Inside(const Trie& trie, const Dfa& dfa, size_t n_words);

  // Sets the bits of tokens that begin at most n_most characters and stay inside.
  void stay(uint32_t n_most, std::vector<uint64_t>& mask) const;
  struct Quote {
    uint32_t node = 0;          // of the trie, whose byte is the closing quote
    uint32_t n_characters = 0;  // before it
    std::string before;         // its token's bytes up to it
  };
  const std::vector<Quote>& quotes() const { return quotes_; }

 private:
  std::vector<uint64_t> all_;                // every token that stays
  std::vector<std::vector<Token>> by_size_;  // by the characters it begins
  std::vector<Quote> quotes_;
};

}  // namespace bw::grammar
