// One input of the schema fuzzer, and of the test that replays its corpus: bytes as a schema (first byte
// even) or as the choices that make one (odd). Compiled, then walked at random over a small vocabulary. In:
// any bytes. Out: whether it compiled; traps where a promise of grammar.h is broken: a walk that cannot go
// on, an output that is no sentence, one that ended and is no JSON.
#pragma once
#include <nlohmann/json.hpp>
#include <string_view>

#include "grammar/testing.h"

namespace bw::grammar::testing {

inline void require(bool promise) {
  if (!promise) __builtin_trap();
}

inline bool schema_one(std::string_view bytes) {
  static std::mt19937_64 vocab_random(1);
  static const text::Tokenizer tokenizer = *text::Tokenizer::make(json_vocab(vocab_random, 200));
  static Masks masks(tokenizer, 1u << 20);
  if (bytes.empty()) return false;
  const bool as_text = bytes[0] % 2 == 0;
  uint64_t seed = 1469598103934665603ull;
  for (const char c : bytes) seed = (seed ^ static_cast<unsigned char>(c)) * 1099511628211ull;
  bytes.remove_prefix(1);
  std::string schema(bytes);
  if (!as_text) {
    size_t at = 0;
    RandomSchema random(
        [&](uint32_t n) { return at < bytes.size() ? static_cast<unsigned char>(bytes[at++]) % n : 0; });
    schema = random.text();
  }
  const auto grammar = Grammar::from_schema(schema, {.max_nodes = 20'000});
  if (!grammar) {
    require(grammar.error().code == Code::bad_input && !grammar.error().what.empty());
    return false;
  }
  std::mt19937_64 random(seed);
  for (int i = 0; i < 3; ++i) {
    const Walked w = walk(masks, *grammar, tokenizer, choose_by(random), 120);
    require(!w.error);
    require((*grammar)->accepts(w.text) || !w.ended);
    if (w.ended) require(nlohmann::json::accept(w.text));
  }
  return true;
}

}  // namespace bw::grammar::testing
