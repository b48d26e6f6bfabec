// Constrained decoding: a JSON Schema becomes a grammar over bytes, and the grammar a set of allowed tokens
// for each state. In: a schema (JSON Schema 2020-12, the keywords of docs/json-schema.md), a tokenizer. Out:
// a Constraint a request. Every output that ends of itself is valid against the schema; a keyword that is not
// enforced is refused by name, never ignored. Cf. Willard and Louf 2023 (Outlines), Dong et al. 2024
// (XGrammar), Geng et al. 2025 (JSONSchemaBench).
#pragma once
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "engine/constraint.h"
#include "text/tokenizer.h"

namespace bw::grammar {

struct Limits {
  size_t max_schema_bytes = 256u << 10;
  size_t max_depth = 64;       // of the schema's text
  size_t max_nodes = 100'000;  // of the grammar, states of automata counted
};

// Immutable; shared by requests and threads.
class Grammar {
 public:
  // Error (bad_input): not JSON, or a keyword with the JSON Pointer where it stands.
  static Result<std::shared_ptr<const Grammar>> from_schema(std::string_view schema,
                                                            const Limits& limits = {});
  // Any JSON object (response_format json_object).
  static std::shared_ptr<const Grammar> any_object();
  ~Grammar();
  // SHA-256 of what it was made of, for caches and records.
  const std::string& digest() const;
  // Whether `text` is a whole sentence of it. That is narrower than being valid (order, spelling:
  // docs/json-schema.md), so what was written without it is judged by a validator instead.
  bool accepts(std::string_view text) const;

 private:
  friend class Masks;
  friend class MaskConstraint;
  struct State;
  explicit Grammar(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// Allowed tokens of grammars over one vocabulary, kept by grammar and state up to a bound. Any thread.
class Masks {
 public:
  // The tokenizer outlives it and every constraint it started.
  explicit Masks(const text::Tokenizer& tokenizer, size_t max_bytes = 64u << 20);
  ~Masks();
  // A request's own: at the start of the grammar.
  std::unique_ptr<engine::Constraint> start(std::shared_ptr<const Grammar> grammar);
  struct Stats {
    uint64_t n_hits = 0, n_made = 0, n_evicted = 0, n_bytes = 0;
    uint64_t ns_made = 0;  // spent making masks
  };
  Stats stats() const;

 private:
  friend class MaskConstraint;
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace bw::grammar
