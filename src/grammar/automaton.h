// Walks a Program byte by byte. What has been read is a set of stacks of frames: one, but where branches of
// an anyOf still agree. Frames are never changed, so stacks share what they have in common. In: bytes. Out:
// stacks; none left: the bytes are no beginning of a sentence.
#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "grammar/program.h"

namespace bw::grammar {

enum class At : uint8_t {
  value,         // before one. a: node
  dfa,           // in one that an automaton reads. a: state
  string,        // in a string. a: state of any_string_inside(), b: characters so far, as far as they matter
  name,          // in a declared name. a: letter
  other_name,    // in another. a: state, b: where it begins in the text
  object_open,   // after {. Objects: a: first property that may come, b: members so far, c: names used
  object_colon,  // after a name. d: node of its value
  object_value,  // after its colon
  object_after,  // after its value
  object_next,   // after a comma
  array_open,    // a: items so far, as far as they matter
  array_after,   // after one
  array_next     // after a comma
};

struct Frame {
  const Frame* up = nullptr;  // nullptr: nothing may follow
  At at = At::value;
  uint8_t space = 0;     // white space just read: see space_after() in automaton.cc
  uint32_t machine = 0;  // index in the Program's list of its kind
  uint32_t a = 0, b = 0, c = 0, d = 0;
};

// Frames, given back all at once or down to a mark.
class Frames {
 public:
  const Frame* put(const Frame& f) {
    if (n_ == blocks_.size() * block) blocks_.push_back(std::make_unique<Frame[]>(block));
    Frame& at = blocks_[n_ / block][n_ % block];
    ++n_;
    at = f;
    return &at;
  }
  size_t mark() const { return n_; }
  void release(size_t mark) { n_ = mark; }

 private:
  static constexpr size_t block = 256;
  std::vector<std::unique_ptr<Frame[]>> blocks_;
  size_t n_ = 0;
};

// Names that an object has used beside its declared ones, as ranges of the text; chains share their ends.
struct UsedName {
  uint32_t from = 0, n = 0, before = 0;  // before: the one used before; 0: none
};

using Stacks = std::vector<const Frame*>;  // nullptr: complete
// Of alternatives that agree in all that was read; beyond these the first are followed.
inline constexpr size_t max_stacks = 128;

class Automaton {
 public:
  explicit Automaton(const Program& program) : program_(program) {}

  // What was read, which names are looked up in; whoever reads a byte puts it here first.
  std::string text;
  std::vector<UsedName> used = {{}};  // [0] is none
  Frames frames;
  // Another name that begins at or behind this place in the text may not end: so what may follow a place does
  // not hang on which names were used there. Masks set it to where their token begins.
  size_t no_name_from = ~size_t(0);

  const Frame* start() { return frames.put({nullptr, At::value, 0, 0, program_.root, 0, 0, 0}); }
  // Puts what `stack` becomes by text's last byte behind `out`.
  void step(const Frame* stack, Stacks& out);
  bool complete(const Frame* stack) const;
  // Appends all that decides what may follow `stack`, so that equal keys mean equal continuations of at most
  // n_most characters and bytes.
  void key(const Frame* stack, uint32_t n_most, std::string& out) const;
  // The names that the other name being read in `frame` must not become, less what has been read of it.
  std::vector<std::string_view> forbidden(const Frame& frame) const;

  const Program& program() const { return program_; }

  // Reads text's last byte with all of `stacks`: each once, and no more than max_stacks of them.
  void read(Stacks& stacks);
  // Gives back the frames that no stack holds any more.
  void compact(Stacks& stacks);

 private:
  void begin(uint32_t node, const Frame* up, Stacks& out);
  void step_object(const Frame& f, uint8_t byte, Stacks& out);
  void step_array(const Frame& f, uint8_t byte, Stacks& out);
  void step_name(const Frame& f, uint8_t byte, Stacks& out);
  void step_other_name(const Frame& f, uint8_t byte, Stacks& out);
  void begin_names(const Frame& f, Stacks& out);
  struct Choice {  // declared properties that may come next: [from, to), and whether another name may
    uint32_t from, to;
    bool other;
  };
  Choice choice(const Frame& object) const;
  bool may_close(const Frame& object) const;
  uint64_t n_names_left(const Program::Object& o, uint32_t used_names) const;
  bool is_used(std::string_view name, uint32_t used_names) const;

  const Program& program_;
  Stacks next_;
};

}  // namespace bw::grammar
