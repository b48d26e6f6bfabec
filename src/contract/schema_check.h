// One answer against a JSON Schema, by valijson. In: a schema (2020-12; the keywords of docs/contract.md),
// once; an answer. Out: nothing, or why not. What valijson would pass over in silence, or does not do as the
// standard has it, is rewritten into what it does right or refused by name, with its JSON Pointer.
#pragma once
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace bw::contract {

class SchemaCheck {
 public:
  static Result<std::unique_ptr<SchemaCheck>> make(const std::string& schema);
  ~SchemaCheck();
  // The whole answer must be one JSON text, white space around it and one Markdown fence around the whole
  // aside (text/json_answer.h). Any thread.
  std::optional<std::string> why_not(std::string_view answer) const;

 private:
  struct State;
  explicit SchemaCheck(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace bw::contract
