// Pre-tokenizers: where a text may be cut before byte pairs are merged, by the regexes the models publish.
// In: the name in tokenizer.ggml.pre, then text. Out: the pieces, in order, covering every byte.
// Adding one is one row of the table in pretokenizer.cc.
#pragma once
#include <memory>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace bw::text {

class PreTokenizer {
 public:
  // Unsupported, naming the known ones, for any other name: a wrong regex gives a model that works, but
  // worse.
  static Result<PreTokenizer> make(std::string_view name);
  PreTokenizer(PreTokenizer&&) noexcept;
  PreTokenizer& operator=(PreTokenizer&&) noexcept;
  ~PreTokenizer();

  // Views into `text`. A byte that is no UTF-8 counts as U+FFFD (neither letter, number nor space).
  // std::bad_alloc where the regex engine runs out of memory.
  std::vector<std::string_view> split(std::string_view text) const;
  // Whether files with this name mean a BOS at the beginning where they do not say (as llama.cpp has it).
  static bool begins_with_bos(std::string_view name);
  // A piece that is a token as a whole is taken as it is, without merging (Llama 3, Tekken).
  bool whole_words() const;

 private:
  struct State;
  explicit PreTokenizer(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace bw::text
