// Grammars: compiled once, asked from anywhere.
#include "grammar/grammar.h"

#include <algorithm>

#include "base/hash.h"
#include "grammar/automaton.h"
#include "grammar/compile.h"
#include "grammar/grammar_state.h"

namespace bw::grammar {
namespace {
constexpr size_t compact_at = 4096;  // frames of 40 bytes
}

Grammar::Grammar(std::unique_ptr<State> state) : state_(std::move(state)) {}
Grammar::~Grammar() = default;

Result<std::shared_ptr<const Grammar>> Grammar::from_schema(std::string_view schema, const Limits& limits) {
  BW_TRY(Program program, compile(schema, limits));
  auto state = std::make_unique<State>(State{std::move(program), sha256_hex(schema)});
  return std::shared_ptr<const Grammar>(new Grammar(std::move(state)));
}

std::shared_ptr<const Grammar> Grammar::any_object() {
  static const std::shared_ptr<const Grammar> grammar = *from_schema(R"({"type":"object"})");
  return grammar;
}

const std::string& Grammar::digest() const {
  return state_->digest;
}

bool Grammar::accepts(std::string_view text) const {
  Automaton a(state_->program);
  Stacks stacks{a.start()};
  for (const char c : text) {
    a.text.push_back(c);
    a.read(stacks);
    if (stacks.empty()) return false;
    if (a.frames.mark() > compact_at) a.compact(stacks);
  }
  return std::any_of(stacks.begin(), stacks.end(), [&](const Frame* s) { return a.complete(s); });
}

}  // namespace bw::grammar
