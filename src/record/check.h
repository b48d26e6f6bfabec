// Is a record still what bitworth wrote? Its own digest, and what it derives worked out again from its parts.
// In: judgement.json's text. Out: what was checked and what does not agree. A digest proves no author: who
// edits a record may write a new one, so the second half looks whether words and figures still follow from
// the criteria and the cases.
#pragma once
#include <string>
#include <vector>

#include "base/result.h"

namespace bw::record {

struct Check {
  bool digest_agrees = false;
  size_t n_derived = 0;  // states, words, counts and figures worked out again
  std::vector<std::string>
      disagreements;  // of those, in words: "small: extraction: flips_worse: is 1, its cases give 4"
  bool ok() const { return digest_agrees && disagreements.empty(); }
};

// Error (bad_input): no JSON, another schema, a key that is missing or of another type.
Result<Check> check(const std::string& record_json);

// The text with its digest filled in: SHA-256 of the text with an empty one, which must be `"digest": ""`.
std::string sealed(std::string record_json);

// What a person should know was checked and what nobody can check, in one sentence.
std::string says(const Check& check);

}  // namespace bw::record
